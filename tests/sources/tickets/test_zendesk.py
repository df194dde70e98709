"""Zendesk's incremental export, as its documentation describes it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.errors import ConfigurationError, RetryLater
from include.llm.prompt import load_prompt
from include.pipelines.registry import load_pipeline
from include.pipelines.support_tickets.source import source
from include.privacy.customer_key import SETTING, CustomerKeys
from include.sources.normalise import Normaliser
from include.sources.record import Record, UnreadableRecord
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.tickets.zendesk import PAGE_COMMENTS, Zendesk
from include.sources.web_api import MAX_ATTEMPTS
from include.text.columns import content_version
from tests.servers.provider import Answer, Asked, Provider

NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)
WINDOW = Window(NIGHT - timedelta(days=1), NIGHT)
CUSTOMER, COLLEAGUE, AGENT = 20978392, 20978393, 235323
ROLES = {CUSTOMER: "end-user", COLLEAGUE: "end-user", AGENT: "agent"}


class HelpDesk:
    """An account with tickets, two on a page."""

    def __init__(self) -> None:
        self.tickets: list[dict[str, Any]] = []
        self.comments: dict[str, list[dict[str, Any]]] = {}
        self.ends = True
        self.broken: dict[str, Answer] = {}

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
            is_last = self.ends and begin + 2 >= len(self.tickets)
            return Answer(body={"tickets": page, "after_cursor": str(begin + 2), "end_of_stream": is_last})
        number = asked.path.split("/")[-2]
        if number in self.broken:
            return self.broken[number]
        if number not in self.comments:
            return Answer(404, body={"error": "RecordNotFound"})
        begin = int(asked.query.get("page[after]", "0"))
        page = self.comments[number][begin : begin + PAGE_COMMENTS]
        has_more = begin + PAGE_COMMENTS < len(self.comments[number])
        body = {"comments": page, "meta": {"has_more": has_more, "after_cursor": str(begin + PAGE_COMMENTS)}}
        if asked.query.get("include") == "users":
            authors = {comment["author_id"] for comment in page}
            body["users"] = [{"id": author, "role": ROLES[author]} for author in sorted(authors) if author in ROLES]
        return Answer(body=body)


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
    record = Normaliser("support_tickets", {"replies": int}, NIGHT).record(row.row, row.place)
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
    # The conversation opens with the subject: the model sees it once.
    tickets = load_pipeline("support_tickets")
    prompt = load_prompt(tickets.folder, tickets.prompt_version, tickets.answer)
    assert prompt.above(record.text, record.attributes) == "channel: email"
    assert prompt.above("It burns.", record.attributes) == "subject: Subject 1\nchannel: email"


def test_the_requester_becomes_a_customer_key(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "It burns."))
    (row,) = rows()
    normaliser = Normaliser("support_tickets", {}, NIGHT, environ={SETTING: "long and random"})
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


def test_what_was_said_in_a_call_is_read_and_put_into_nobodys_mouth(desk: HelpDesk, provider: Provider) -> None:
    """The caller left words on the answering machine; the comment about it is the agent's."""
    desk.open(1, (AGENT, "Voicemail"))
    desk.comments["1"][0] |= {"type": "VoiceComment", "data": {"transcription_text": "My lamp flickers, call me back."}}
    (row,) = rows()
    said = [(turn["role"], turn["text"]) for turn in row.row["turns"]]
    assert said == [("agent", "Subject 1: Voicemail"), ("call", "My lamp flickers, call me back.")]
    assert row.row["replies"] == 1


@pytest.mark.parametrize("spoken", [None, "", " ", 7, "Help."])
def test_a_call_without_words_of_its_own_adds_no_turn(spoken: Any, desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "Help."))
    desk.comments["1"][0]["data"] = {"transcription_text": spoken}
    (row,) = rows()
    assert len(row.row["turns"]) == 1


def test_whom_the_customer_has_in_copy_is_no_agent(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "It burns."), (COLLEAGUE, "Here too."), (AGENT, "Where?"))
    (row,) = rows()
    assert isinstance(row.row, Mapping)
    assert [turn["role"] for turn in row.row["turns"]] == ["customer", "customer", "agent"]
    assert row.row["replies"] == 1


@pytest.mark.parametrize("updated_at", ["2026-11-18T23:59:59Z", "2026-11-20T06:00:00Z", "2026-11-25T00:00:00Z"])
def test_the_conversation_of_a_ticket_outside_the_window_is_not_asked_for(
    updated_at: str, desk: HelpDesk, provider: Provider
) -> None:
    """The export has no end: each night of a backfill would ask for every ticket that has changed since."""
    desk.open(1, (CUSTOMER, "Help."), updated_at=updated_at)
    desk.open(2, (CUSTOMER, "Help."))
    assert [row.row["id"] for row in rows()] == [2]
    assert [asked.path for asked in provider.asked if "/tickets/1/" in asked.path] == []


def seconds(written: str) -> int:
    """A time as `generated_timestamp` gives it."""
    return int(datetime.fromisoformat(written).timestamp())


def test_the_clock_of_the_export_decides_and_not_the_time_of_the_last_update(
    desk: HelpDesk, provider: Provider
) -> None:
    """Tickets that were imported tonight from another desk keep their old times."""
    tonight, tomorrow = (seconds(f"2026-11-{day}T01:00Z") for day in (20, 21))
    desk.open(1, (CUSTOMER, "Help."), updated_at="2026-10-02T12:00:00Z", generated_timestamp=tonight)
    desk.open(2, (CUSTOMER, "Help."), updated_at="2026-11-20T01:00:00Z", generated_timestamp=tomorrow)
    (row,) = rows()
    assert row.row["id"] == 1
    assert row.changed_at == datetime(2026, 11, 20, 1, tzinfo=UTC)


@pytest.mark.parametrize("touched_at", ["2026-11-20T03:00:00Z", "2026-11-20T03:04:59Z", "2026-11-20T05:59:59Z"])
@pytest.mark.parametrize("clock", ["updated_at", "generated_timestamp"])
def test_a_ticket_that_is_touched_just_after_the_window_is_in_it(
    clock: str, touched_at: str, desk: HelpDesk, provider: Provider
) -> None:
    """Else one that a rule touches each night, before the pull, is in no window at all."""
    desk.open(1, (CUSTOMER, "Help."), **{clock: touched_at if clock == "updated_at" else seconds(touched_at)})
    (row,) = rows()
    assert row.changed_at is not None and row.changed_at in WINDOW


def test_a_ticket_that_is_opened_just_after_the_window_belongs_to_the_next(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "Help."), created_at="2026-11-20T03:00:00Z", updated_at="2026-11-20T03:01:00Z")
    assert rows() == []


def test_a_ticket_that_is_taken_in_two_windows_is_the_same_version(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "Help."), updated_at="2026-11-20T03:01:00Z")
    (early,) = rows()
    following = Window(NIGHT, NIGHT + timedelta(days=1))
    (late,) = (item for item in Zendesk("zendesk_default").pull(following, None) if isinstance(item, SourceRow))
    assert early.row["record_version"] == late.row["record_version"]
    assert early.changed_at is not None and late.changed_at is not None and early.changed_at < late.changed_at


@pytest.mark.parametrize("status", [400, 410, 422])
def test_a_retry_whose_cursor_is_refused_pulls_all_pages_once_more(
    status: int, desk: HelpDesk, provider: Provider
) -> None:
    desk.open(1, (CUSTOMER, "Help."))
    provider.fail(Answer(status), when=lambda asked: asked.query.get("cursor") == "stale")
    assert [row.row["id"] for row in rows({"cursor": "stale"})] == [1]
    assert "start_time" in provider.asked[1].query


def test_a_first_page_that_is_refused_fails_the_run(desk: HelpDesk, provider: Provider) -> None:
    provider.fail(Answer(422, body={"error": "InvalidParams"}))
    with pytest.raises(ConfigurationError, match="InvalidParams"):
        rows()


def test_a_page_without_a_way_on_is_not_taken_for_the_last(desk: HelpDesk, provider: Provider) -> None:
    desk.ends = False
    provider.fail(Answer(body={"tickets": [], "after_cursor": None, "end_of_stream": False}))
    with pytest.raises(RetryLater, match="more tickets"):
        rows()


def test_a_cursor_that_stands_still_is_not_followed_for_ever(desk: HelpDesk, provider: Provider) -> None:
    provider.fail(Answer(body={"tickets": [], "after_cursor": "7", "end_of_stream": False}), times=2)
    with pytest.raises(RetryLater, match="more tickets"):
        rows()


@pytest.mark.parametrize("body", [[], {}, {"tickets": None}, {"tickets": "none"}])
def test_something_else_than_a_page_is_asked_for_again_later(body: Any, provider: Provider) -> None:
    provider.fail(Answer(body=body))
    with pytest.raises(RetryLater, match="no page of tickets"):
        rows()


def test_an_answer_in_the_place_of_a_page_is_told(provider: Provider) -> None:
    provider.fail(Answer(body={"job_status": {"status": "failed", "message": "The export was cancelled."}}))
    with pytest.raises(RetryLater, match=r"no page of tickets: its job failed \(failed\).*The export was cancelled"):
        rows()


def test_tickets_that_are_none_cost_themselves_only(desk: HelpDesk, provider: Provider) -> None:
    desk.tickets = ["burning", {"subject": "No number", "requester_id": CUSTOMER}]  # type: ignore[list-item]
    desk.open(3, (CUSTOMER, "Help."), updated_at="yesterday", via=None, tags=None)
    normaliser = Normaliser("support_tickets", {}, NIGHT)
    made = [normaliser.record(row.row, row.place) for row in rows()]
    assert [getattr(row, "error_type", row.record_id) for row in made] == ["not_json", "missing_id", "3"]
    assert len({row.record_id for row in made}) == 3
    assert str(CUSTOMER) not in repr(made)


def test_without_a_login_the_password_is_an_oauth_token(
    desk: HelpDesk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = provider.base_url.replace("http://", "")
    monkeypatch.setenv("AIRFLOW_CONN_ZENDESK_DEFAULT", f"http://:an-oauth-token@{host}/http")
    assert rows() == []
    assert provider.asked[0].headers["Authorization"] == "Bearer an-oauth-token"


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


def test_a_chat_that_was_pasted_into_a_comment_has_its_speakers(desk: HelpDesk, provider: Provider) -> None:
    chat = "Conversation with Ida\n\n(10:01:22) Ida: My lamp flickers\n(10:01:40) Marta: Which one?"
    desk.open(1, (CUSTOMER, chat), (AGENT, "I see."))
    (row,) = rows()
    assert [(turn["role"], turn["text"]) for turn in row.row["turns"]] == [
        ("customer", "Subject 1: Conversation with Ida"),
        ("Ida", "My lamp flickers"),
        ("Marta", "Which one?"),
        ("agent", "I see."),
    ]
    assert row.row["replies"] == 1
    # The version is that of the comments, so that no ticket of earlier nights is asked about again.
    assert row.row["record_version"].endswith(content_version(f"Subject 1: {chat}\nI see."))


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


@pytest.mark.parametrize(
    "answer",
    [Answer(500), Answer(403, body={"error": "Forbidden"}), Answer(422), Answer(body=b"<html>"), Answer(body={})],
    ids=["failing", "forbidden", "refused", "no JSON", "no comments"],
)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_ticket_whose_comments_cannot_be_read_costs_itself_only(
    number: int, answer: Answer, desk: HelpDesk, provider: Provider
) -> None:
    for each in (1, 2, 3):
        desk.open(each, (CUSTOMER, "It burns."))
    desk.broken[str(number)] = answer
    records = [Normaliser("support_tickets", {}, NIGHT).record(row.row, row.place) for row in rows()]
    unreadable = [record for record in records if isinstance(record, UnreadableRecord)]
    assert [record.record_id for record in unreadable] == [f"zendesk#{number}"]
    assert "comments cannot be read" in unreadable[0].error_message
    assert {record.record_id for record in records} == {"1", "2", "3", f"zendesk#{number}"} - {str(number)}


def test_comments_that_cannot_be_read_of_any_ticket_are_trouble_of_all(desk: HelpDesk, provider: Provider) -> None:
    for number in range(1, 9):
        desk.open(number, (CUSTOMER, "It burns."))
        desk.broken[str(number)] = Answer(403)
    with pytest.raises(ConfigurationError, match="admin"):
        rows()


def test_zendesk_itself_and_users_who_were_deleted_are_no_agents(desk: HelpDesk, provider: Provider) -> None:
    desk.open(1, (CUSTOMER, "It burns."), (-1, "Merged into #7."), (999, "Here too."), (AGENT, "Where?"))
    desk.open(2, (AGENT, "My chair broke."), requester_id=AGENT)
    first, second = (row.row["turns"] for row in rows() if isinstance(row.row, Mapping))
    assert [turn["role"] for turn in first] == ["customer", "system", "unknown", "agent"]
    assert [turn["role"] for turn in second] == ["customer"]


@pytest.mark.parametrize(("status", "message"), [(401, "agent@company.com/token"), (403, "admin"), (404, "host")])
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
