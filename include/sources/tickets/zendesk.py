"""Zendesk's support tickets with their public comments, through an Airflow HTTP connection.

Tickets come from the incremental export with a cursor, which lists what changed since a time. The conversation of each
is asked for by itself: the stream of ticket events has only the comments of the window, and a ticket that is re-opened
is read again as a whole.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.sources.fields import moment_of
from include.sources.job_status import told
from include.sources.json_parts import as_list, part
from include.sources.row import BadRow
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.tickets.pasted_chat import pasted_chat
from include.sources.web_api import NothingThere, RequestRefused, WebApi
from include.text.columns import content_version

log = logging.getLogger(__name__)

PAGE_TICKETS = 1_000
PAGE_COMMENTS = 100
# The export has nothing of the last minute, and refuses to be asked for it.
YOUNGEST_SECONDS = 61.0
# Conversations that cannot be read one after the other before it is taken for trouble of all.
MAX_UNREAD_IN_A_ROW = 3
# A night pulls soon after its window; more would cost a backfilled one requests for what is not its own.
TOUCHED_AFTER = timedelta(hours=3)
JUST_BEFORE = timedelta(microseconds=1)
# The author of what Zendesk itself says: "This request was closed and merged into request #7".
ZENDESK_ITSELF = -1


@dataclass(frozen=True)
class Zendesk:
    """All tickets of one account.

    Args:
        connection_id: Airflow connection of type *http*: host `https://company.zendesk.com`, login
            `agent@company.com/token`, password the API token of an admin; without a login, password is an OAuth
            access token with the scope `read`.
        sleep: for tests.
    """

    connection_id: str
    sleep: Callable[[float], None] = time.sleep

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """See `Source`. A ticket that changes while it is exported may come twice; the newer row counts."""
        host, api = self._api()
        start = window.start.timestamp() if window.start else 0.0
        since: dict[str, Any] = {"start_time": max(int(min(start, time.time() - YOUNGEST_SECONDS)), 1)}
        cursor: str | None = resume["cursor"] if resume else None
        deleted = unread_in_a_row = 0
        while True:
            query = since if cursor is None else {"cursor": cursor}
            try:
                page = self._page(api, query)
            except RequestRefused as error:
                if resume is None or cursor != resume["cursor"]:
                    raise
                log.warning("The cursor of the last page is refused, so all pages are pulled once more. %s", error)
                resume, cursor = None, None
                continue
            for ticket in page["tickets"]:
                changed_at = _changed_at(ticket, window)
                if changed_at is not None and changed_at not in window:
                    # The export has no end time, and each conversation costs a request.
                    continue
                try:
                    row = None if part(ticket, "status") == "deleted" else self._row(host, api, ticket)
                    unread_in_a_row = 0
                except NightshiftError as error:
                    unread_in_a_row += 1
                    if unread_in_a_row > MAX_UNREAD_IN_A_ROW:
                        raise
                    # Trouble of all stops here: only of this ticket is it while the export answers.
                    self._page(api, query)
                    row = BadRow("unreadable", f"its comments cannot be read: {error}", str(ticket).encode())
                if row is None:
                    deleted += 1
                else:
                    yield SourceRow(f"zendesk#{part(ticket, 'id') or content_version(str(ticket))}", row, changed_at)
            if page.get("end_of_stream"):
                break
            following = page.get("after_cursor")
            if not following or following == cursor:
                raise RetryLater(f"{api.name} says that there are more tickets, but not where.")
            cursor = following
            yield Checkpoint({"cursor": cursor})
        if deleted:
            log.info("%d deleted tickets were left out", deleted)

    def _page(self, api: WebApi, query: Mapping[str, Any]) -> Mapping[str, Any]:
        page = api.get_json("incremental/tickets/cursor.json", {**query, "per_page": PAGE_TICKETS})
        if not isinstance(page, Mapping) or not isinstance(page.get("tickets"), list):
            raise RetryLater(f"{api.name} answered with something that is no page of tickets{told(page)}.")
        return page

    def _row(self, host: str, api: WebApi, ticket: Any) -> Mapping[str, Any] | BadRow | None:
        """One ticket with its conversation; None if it was deleted since the export listed it."""
        if not isinstance(ticket, Mapping):
            return BadRow("not_json", "the ticket is no JSON object", str(ticket).encode("utf-8", "replace"))
        ticket_id, requester_id = ticket.get("id"), ticket.get("requester_id")
        if not isinstance(ticket_id, int):
            return {"id": None, "subject": ticket.get("subject")}
        try:
            comments = list(self._comments(api, ticket_id))
        except NothingThere:
            return None
        turns = [
            turn
            for comment, role in comments
            if part(comment, "public") in (True, None)
            for turn in _turns(comment, _role(part(comment, "author_id"), role, requester_id))
        ]
        subject = ticket.get("subject") or ""
        if turns:
            turns[0]["text"] = f"{subject}: {turns[0]['text']}".removeprefix(": ")
        said = "\n".join(str(turn["text"]) for turn in turns)
        return {
            "id": ticket_id,
            "record_version": f"{ticket.get('updated_at') or ticket.get('created_at')}-{content_version(said)}",
            "turns": [each for turn in turns for each in _without_chat(turn)],
            "requester_id": requester_id,
            "created_at": ticket.get("created_at"),
            "source_url": f"{host}/agent/tickets/{ticket_id}",
            "subject": subject,
            "status": ticket.get("status"),
            "priority": ticket.get("priority"),
            "type": ticket.get("type"),
            "channel": part(ticket, "via", "channel"),
            "tags": ticket.get("tags"),
            "satisfaction": part(ticket, "satisfaction_rating", "score"),
            "replies": sum(turn["role"] == "agent" for turn in turns),
        }

    def _comments(self, api: WebApi, ticket_id: int) -> Iterator[tuple[Any, Any]]:
        """Each comment with the role of its author: a customer may have others in copy, who are customers too."""
        parameters: dict[str, Any] = {"page[size]": PAGE_COMMENTS, "sort": "created_at", "include": "users"}
        while True:
            page = api.get_json(f"tickets/{ticket_id}/comments.json", parameters)
            if not isinstance(part(page, "comments"), list):
                raise RetryLater(f"{api.name} answered with something that is no page of comments{told(page)}.")
            roles = {part(user, "id"): part(user, "role") for user in as_list(page.get("users"))}
            for comment in page["comments"]:
                yield comment, roles.get(part(comment, "author_id"))
            if not part(page, "meta", "has_more"):
                return
            following = part(page, "meta", "after_cursor")
            if not following or following == parameters.get("page[after]"):
                raise RetryLater(f"{api.name} says that ticket {ticket_id} has more comments, but not where.")
            parameters = {**parameters, "page[after]": following}

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
        if not connection.host or not connection.password:
            raise ConfigurationError(f"The Airflow connection {self.connection_id!r} lacks a host or a token.")
        host = connection.host if "://" in connection.host else f"{connection.schema or 'https'}://{connection.host}"
        host = host.rstrip("/") + (f":{connection.port}" if connection.port else "")
        bearer = {} if connection.login else {"Authorization": f"Bearer {connection.password}"}
        api = WebApi(
            f"Zendesk (connection {self.connection_id})",
            f"{host}/api/v2",
            headers=lambda: bearer,
            auth=(connection.login, connection.password) if connection.login else None,
            refused=f"Check login (agent@company.com/token) and token of the Airflow connection {self.connection_id}, "
            "and that it is an admin's.",
            missing=f"Check the host of the Airflow connection {self.connection_id}.",
            sleep=self.sleep,
        )
        return host, api


def _changed_at(ticket: Any, window: Window) -> datetime | None:
    """When a ticket changed, by the clock of the export, UTC; in the window if it did so just after it.

    The export goes by `generated_timestamp`: an import or a repair by Zendesk moves it, and leaves `updated_at` alone
    (https://developer.zendesk.com/documentation/ticketing/managing-tickets/using-the-incremental-export-api/). It
    tells of the last change only. So a ticket that a rule touches each night between the end of the window and the
    pull would be in no window at all; taken twice it is the same version.
    """
    created_at = moment_of(part(ticket, "created_at"))
    clocks = (part(ticket, name) for name in ("generated_timestamp", "updated_at", "created_at"))
    changed_at = moment_of(next(filter(None, clocks), None))
    if changed_at is None or created_at is None or not created_at < window.end <= changed_at:
        return changed_at
    return window.end - JUST_BEFORE if changed_at < window.end + TOUCHED_AFTER else changed_at


def _turns(comment: Any, role: str) -> Iterator[dict[str, Any]]:
    """What a comment says, and after it what was said in the call that it tells of, by whom is not known.

    `data.transcription_text` of a voice comment, which its body does not repeat
    (https://developer.zendesk.com/documentation/ticketing/managing-tickets/adding-voice-comments-to-tickets/).
    """
    at, spoken = part(comment, "created_at"), part(comment, "data", "transcription_text")
    written = part(comment, "plain_body") or part(comment, "body") or ""
    yield {"role": role, "text": written, "at": at}
    if isinstance(spoken, str) and spoken.strip() and spoken not in str(written):
        yield {"role": "call", "text": spoken, "at": at}


def _without_chat(turn: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The turn, or those of the chat that was pasted into it; what stands above that is said by who pasted it."""
    pasted = pasted_chat(str(turn["text"]))
    return [{**turn, "role": said.role or turn["role"], "text": said.text} for said in pasted] or [turn]


def _role(author_id: Any, role: Any, requester_id: Any) -> str:
    """Who says it. An agent may be the requester; of a user who was deleted Zendesk does not say what he was."""
    if role == "end-user" or author_id == requester_id:
        return "customer"
    if author_id == ZENDESK_ITSELF:
        return "system"
    return "agent" if role else "unknown"
