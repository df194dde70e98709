"""Zendesk's incremental export, as its documentation describes it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.errors import ConfigurationError, RetryLater
from include.pipelines.support_tickets.source import source
from include.privacy.customer_key import SETTING, CustomerKeys
from include.sources.files import normaliser_of
from include.sources.record import Record
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.web_api import MAX_ATTEMPTS
from include.sources.zendesk import PAGE_COMMENTS, Zendesk
from tests.servers.provider import Answer, Asked, Provider

NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)
WINDOW = Window(NIGHT - timedelta(days=1), NIGHT)
CUSTOMER, AGENT = 20978392, 235323


class HelpDesk:
    """An account with tickets, two on a page."""

    def __init__(self) -> None:
        self.tickets: list[dict[str, Any]] = []
        self.comments: dict[str, list[dict[str, Any]]] = {}

    def open(self, number: int, *said: tuple[int, str], public: bool = True, **fields: Any) -> None:
        self.tickets.append(
            {
                "id": number,
                "requester_id": CUSTOMER,
                "subject": f"Subject {number}",
                "status": "open",
                "priority": "high",
                "tags": ["vip"],
                "via": {"channel": "email"},
                "satisfaction_rating": {"score": "good"},
                "created_at": "2026-11-01T10:00:00Z",
                "updated_at": "2026-11-20T01:00:00Z",
                **fields,
            }
        )
        self.comments[str(number)] = [
            {"author_id": author, "plain_body": text, "public": public, "created_at": "2026-11-01T10:00:00Z"}
            for author, text in said
        ]

    def answer(self, asked: Asked) -> Answer:
        if asked.path.endswith("/incremental/tickets/cursor.json"):
            begin = int(asked.query.get("cursor", "0"))
            page = self.tickets[begin : begin + 2]
            is_last = begin + 2 >= len(self.tickets)
            return Answer(body={"tickets": page, "after_cursor": str(begin + 2), "end_of_stream": is_last})
        number = asked.path.split("/")[-2]
        if number not in self.comments:
            return Answer(404, body={"error": "RecordNotFound"})
        begin = int(asked.query.get("page[after]", "0"))
        page = self.comments[number][begin : begin + PAGE_COMMENTS]
        has_more = begin + PAGE_COMMENTS < len(self.comments[number])
        return Answer(
            body={"comments": page, "meta": {"has_more": has_more, "after_cursor": str(begin + PAGE_COMMENTS)}}
        )


@pytest.fixture
def desk() -> HelpDesk:
    return HelpDesk()


@pytest.fixture
def provider(desk: HelpDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with Provider(desk.answer) as running:
        host = running.base_url.replace("http://", "")
        monkeypatch.setenv("AIRFLOW_CONN_ZENDESK_DEFAULT", f"http://agent%40x.com%2Ftoken:secret@{host}/http")
        yield running


def pulled(resume: dict[str, Any] | None = None) -> list[SourceRow | Checkpoint]:
    return list(Zendesk("zendesk_default", sleep=lambda _: None).pull(WINDOW, resume))


def rows(resume: dict[str, Any] | None = None) -> list[SourceRow]:
    return [item for item in pulled(resume) if isinstance(item, SourceRow)]


def test_a_ticket_is_its_whole_public_conversation(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "It burns."), (AGENT, "Where?"), (CUSTOMER, "Everywhere."))
    (row,) = rows()
    record = normaliser_of("support_tickets", {"replies": int}, NIGHT).record(row.row, row.place)
    assert isinstance(record, Record)
    assert record.record_id == "1"
    assert record.text == "customer: Subject 1: It burns.\nagent: Where?\ncustomer: Everywhere."
    assert row.row["source_url"] == f"{provider.base_url}/agent/tickets/1"
    assert record.occurred_at == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert {**record.attributes} == {
        "subject": "Subject 1",
        "status": "open",
        "priority": "high",
        "type": None,
        "channel": "email",
        "tags": '["vip"]',
        "satisfaction": "good",
        "replies": 1,
    }


def test_the_requester_becomes_a_customer_key(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "It burns."))
    (row,) = rows()
    normaliser = normaliser_of("support_tickets", {}, NIGHT, environ={SETTING: "long and random"})
    record = normaliser.record(row.row, row.place)
    assert isinstance(record, Record)
    assert record.attributes["customer_key"] == CustomerKeys(b"long and random").of([CUSTOMER])
    assert str(CUSTOMER) not in repr(record)


def test_the_export_is_asked_for_what_changed_since_the_window_began(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "Help."))
    (row,) = rows()
    assert provider.asked[0].query["start_time"] == str(int((NIGHT - timedelta(days=1)).timestamp()))
    assert row.changed_at == datetime(2026, 11, 20, 1, tzinfo=UTC)
    assert provider.asked[0].headers["Authorization"].startswith("Basic ")


def test_cursors_are_followed_to_the_end_with_a_checkpoint_after_each_page(desk: HelpDesk, provider: Provider) -> None:
    for number in range(5):
        desk.open(number, (CUSTOMER, "Help."))
    items = pulled()
    assert [item.row["id"] if isinstance(item, SourceRow) else dict(item.resume) for item in items] == [
        *(0, 1, {"cursor": "2"}),
        *(2, 3, {"cursor": "4"}),
        4,
    ]


def test_a_retry_goes_on_at_its_checkpoint(desk: HelpDesk, provider: Provider) -> None:
    for number in range(5):
        desk.open(number, (CUSTOMER, "Help."))
    assert [row.row["id"] for row in rows({"cursor": "4"})] == [4]
    assert "start_time" not in provider.asked[0].query


def test_a_new_comment_is_a_new_version(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "Help."))
    (before,) = rows()
    desk.comments["1"].append({"author_id": CUSTOMER, "body": "Still broken.", "public": True})
    (after,) = rows()
    assert before.row["id"] == after.row["id"]
    assert before.row["record_version"] != after.row["record_version"]


def test_long_conversations_are_paged(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, *((CUSTOMER, f"Line {number}.") for number in range(250)))
    (row,) = rows()
    assert len(row.row["turns"]) == 250


def test_internal_notes_and_deleted_tickets_are_left_out(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "Help."), status="deleted")
    desk.open(2, (AGENT, "The customer is difficult."), public=False)
    (row,) = rows()
    assert (row.row["id"], row.row["turns"]) == (2, [])


def test_a_ticket_that_is_deleted_while_it_is_exported_stops_nothing(desk: HelpDesk, provider: Provider) -> None:
    for number in (1, 2, 3):
        desk.open(number, (CUSTOMER, "Help."))
    del desk.comments["2"]
    assert [row.row["id"] for row in rows()] == [1, 3]


def test_a_429_is_waited_for(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "Help."))
    provider.fail(Answer(429, headers={"Retry-After": "7"}))
    slept: list[float] = []
    list(Zendesk("zendesk_default", sleep=slept.append).pull(WINDOW, None))
    assert slept == [7.0]


def test_an_account_that_stays_away_is_asked_again_by_the_retry(desk: HelpDesk, provider: Provider) -> None:
    provider.fail(Answer(503), times=MAX_ATTEMPTS)
    with pytest.raises(RetryLater, match="zendesk_default"):
        rows()


@pytest.mark.parametrize(("status", "message"), [(401, "token"), (404, "host")])
def test_a_refusal_says_what_to_check(status: int, message: str, provider: Provider) -> None:
    provider.fail(Answer(status))
    with pytest.raises(ConfigurationError, match=message):
        rows()


def test_a_missing_connection_says_what_to_make(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="type http"):
        rows()


def test_the_pipeline_reads_zendesk_where_a_connection_is_named() -> None:
    assert source({}) is None
    assert source({"ZENDESK_CONNECTION": "zendesk_default"}) == Zendesk("zendesk_default")
