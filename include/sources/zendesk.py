"""Zendesk's support tickets with their public comments, through an Airflow HTTP connection.

Tickets come from the incremental export with a cursor, which lists what changed since a time. The conversation of each
is asked for by itself: the stream of ticket events has only the comments of the window, and a ticket that is re-opened
is read again as a whole.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.errors import ConfigurationError
from include.sources.record import content_version
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.web_api import NothingThere, WebApi

log = logging.getLogger(__name__)

PAGE_TICKETS = 1_000
PAGE_COMMENTS = 100
# The export has nothing of the last minute, and refuses to be asked for it.
YOUNGEST_SECONDS = 61.0


@dataclass(frozen=True)
class Zendesk:
    """All tickets of one account.

    Args:
        connection_id: Airflow connection of type *http*: host `https://company.zendesk.com`, login
            `agent@company.com/token`, password the API token of an admin.
        sleep: for tests.
    """

    connection_id: str
    sleep: Callable[[float], None] = time.sleep

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """See `Source`. A ticket that changes while it is exported may come twice; the newer row counts."""
        host, api = self._api()
        start = window.start.timestamp() if window.start else 0.0
        since: dict[str, Any] = {"start_time": max(int(min(start, time.time() - YOUNGEST_SECONDS)), 1)}
        query = {"cursor": resume["cursor"]} if resume else since
        deleted = 0
        while True:
            page = api.get_json("incremental/tickets/cursor.json", {**query, "per_page": PAGE_TICKETS})
            for ticket in page["tickets"]:
                row = None if ticket.get("status") == "deleted" else self._row(host, api, ticket)
                if row is None:
                    deleted += 1
                else:
                    yield row
            if page["end_of_stream"]:
                break
            query = {"cursor": page["after_cursor"]}
            yield Checkpoint(query)
        if deleted:
            log.info("%d deleted tickets were left out", deleted)

    def _row(self, host: str, api: WebApi, ticket: Mapping[str, Any]) -> SourceRow | None:
        """One ticket with its conversation; None if it was deleted since the export listed it."""
        try:
            comments = list(self._comments(api, ticket["id"]))
        except NothingThere:
            return None
        turns = [
            {
                "role": "customer" if comment["author_id"] == ticket.get("requester_id") else "agent",
                "text": comment.get("plain_body") or comment.get("body") or "",
                "at": comment.get("created_at"),
            }
            for comment in comments
            if comment.get("public", True)
        ]
        subject = ticket.get("subject") or ""
        if turns:
            turns[0]["text"] = f"{subject}: {turns[0]['text']}".removeprefix(": ")
        changed = ticket.get("updated_at") or ticket.get("created_at")
        said = "\n".join(str(turn["text"]) for turn in turns)
        row = {
            "id": ticket["id"],
            "record_version": f"{changed}-{content_version(said)}",
            "turns": turns,
            "requester_id": ticket.get("requester_id"),
            "created_at": ticket.get("created_at"),
            "source_url": f"{host}/agent/tickets/{ticket['id']}",
            "subject": subject,
            "status": ticket.get("status"),
            "priority": ticket.get("priority"),
            "type": ticket.get("type"),
            "channel": (ticket.get("via") or {}).get("channel"),
            "tags": ticket.get("tags"),
            "satisfaction": (ticket.get("satisfaction_rating") or {}).get("score"),
            "replies": sum(turn["role"] == "agent" for turn in turns),
        }
        return SourceRow(f"zendesk#{ticket['id']}", row, _moment(changed))

    def _comments(self, api: WebApi, ticket_id: int) -> Iterator[dict[str, Any]]:
        parameters: dict[str, Any] = {"page[size]": PAGE_COMMENTS, "sort": "created_at"}
        while True:
            page = api.get_json(f"tickets/{ticket_id}/comments.json", parameters)
            yield from page["comments"]
            if not (page.get("meta") or {}).get("has_more"):
                return
            parameters = {**parameters, "page[after]": page["meta"]["after_cursor"]}

    def _api(self) -> tuple[str, WebApi]:
        from airflow.sdk import BaseHook
        from airflow.sdk.exceptions import AirflowException

        try:
            connection = BaseHook.get_connection(self.connection_id)
        except AirflowException as error:
            raise ConfigurationError(
                f"There is no Airflow connection {self.connection_id!r}. Make one of type http: host "
                "https://company.zendesk.com, login agent@company.com/token, password the API token."
            ) from error
        if not connection.host or not connection.login or not connection.password:
            raise ConfigurationError(f"The Airflow connection {self.connection_id!r} lacks a host, a login or a token.")
        host = connection.host if "://" in connection.host else f"{connection.schema or 'https'}://{connection.host}"
        host = host.rstrip("/") + (f":{connection.port}" if connection.port else "")
        check = f"Check login and token of the Airflow connection {self.connection_id}, and that it is an admin's."
        api = WebApi(
            f"Zendesk (connection {self.connection_id})",
            f"{host}/api/v2",
            auth=(connection.login, connection.password),
            refused=check,
            missing=f"Check the host of the Airflow connection {self.connection_id}.",
            sleep=self.sleep,
        )
        return host, api


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
