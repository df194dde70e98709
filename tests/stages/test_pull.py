"""Exactly what is new: windows, late arrivals, new versions, and pulls that break half-way."""

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import RetryLater
from include.pipelines.definition import Pipeline
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.web_api import MAX_ATTEMPTS, WebApi
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.run_context import RunContext, settle_run
from include.stages.validate import validate_run
from include.stages.window import last_success, source_window
from tests.fault_server.running import FaultServer
from tests.servers.provider import Answer, Asked, Provider
from tests.stages.running import Deployment

NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)
DAY = timedelta(days=1)
PAGE_ROWS = 10


@dataclasses.dataclass
class Desk:
    """A source that pages through a help desk over HTTP, a checkpoint after each page."""

    base_url: str
    asked_for: list[Window]

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        self.asked_for.append(window)
        api = WebApi("the desk", self.base_url, refused="", missing="", sleep=lambda _: None)
        page = resume["page"] if resume else 0
        while True:
            document = api.get_json("tickets", {"page": page})
            for row in document["rows"]:
                changed_at = datetime.fromisoformat(row["updated_at"]) if "updated_at" in row else None
                yield SourceRow(row["id"], {k: v for k, v in row.items() if k != "updated_at"}, changed_at)
            page += 1
            if page == document["pages"]:
                return
            yield Checkpoint({"page": page})


class Office:
    """A help desk, a pipeline that reads it, a lake and an endpoint."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.rows: list[dict[str, Any]] = []
        self.desk = Provider(self._answer)
        self.source = Desk(self.desk.base_url, [])
        self.deployment = Deployment(folder, server.base_url)
        self.pipeline: Pipeline = dataclasses.replace(
            self.deployment.pipeline, source=lambda _: self.source, lookback=2 * DAY, first_window=30 * DAY
        )

    def _answer(self, asked: Asked) -> Answer:
        page = int(asked.query["page"])
        pages = max(-(-len(self.rows) // PAGE_ROWS), 1)
        return Answer(body={"rows": self.rows[page * PAGE_ROWS : (page + 1) * PAGE_ROWS], "pages": pages})

    def write(self, ticket: str, occurred_at: datetime, text: str | None = None, **columns: Any) -> None:
        """A new ticket, or an old one as it is now."""
        self.rows = [row for row in self.rows if row["id"] != ticket]
        text = text or f"Ticket {ticket} has a problem. Please help."
        self.rows.append({"id": ticket, "text": text, "created_at": occurred_at.isoformat(), **columns})

    def settle(self, end: datetime, trigger: str = "scheduled", run_id: str = "", **form: Any) -> RunContext:
        return settle_run(
            self.pipeline,
            self.deployment.endpoint,
            run_id=run_id or f"{trigger}__{end.isoformat()}",
            trigger=trigger,
            data_interval=(end - DAY, end),
            run_after=end,
            started_at=end,
            form=form,
            environ={},
        )

    def night(self, end: datetime, trigger: str = "scheduled", **form: Any) -> set[str]:
        """A whole run; returns the ids that it published."""
        run, lake, endpoint = self.settle(end, trigger, **form), self.deployment.lake, self.deployment.endpoint
        extract_records(lake, self.pipeline, run, {})
        for shard in asyncio.run(plan_run(lake, self.pipeline, run, endpoint)):
            asyncio.run(infer_shard(lake, self.pipeline, run, endpoint, shard))
        validate_run(lake, self.pipeline, run, endpoint)
        publish_run(lake, self.pipeline, run)
        assert self.deployment.row(run)["state"] == "success"
        results = self.deployment.table("results")
        return set() if results.empty else set(results[results["run_id"] == run.run_id]["record_id"])

    def current(self) -> dict[str, str]:
        """Record id to text of what analysts read."""
        current = self.deployment.table("current")
        return dict(zip(current["record_id"], current["text"], strict=True))


@pytest.fixture
def office(tmp_path: Path, fault_server: FaultServer) -> Iterator[Office]:
    made = Office(tmp_path, fault_server)
    with made.desk:
        yield made


def test_a_scheduled_night_takes_its_interval_and_nothing_of_the_next(office: Office) -> None:
    office.write("before", NIGHT - timedelta(hours=1))
    office.write("after", NIGHT + timedelta(hours=1))
    assert office.night(NIGHT) == {"before"}
    assert office.night(NIGHT + DAY) == {"after"}


def test_what_arrives_late_is_caught_by_the_next_night_and_taken_once(office: Office) -> None:
    office.write("early", NIGHT - timedelta(hours=2))
    assert office.night(NIGHT) == {"early"}
    office.write("late", NIGHT - timedelta(hours=1))
    assert office.night(NIGHT + DAY) == {"late"}
    assert office.night(NIGHT + 2 * DAY) == set()


def test_nights_that_failed_are_made_up_for_by_the_next(office: Office) -> None:
    assert office.night(NIGHT) == set()
    for day in range(1, 9):
        office.write(f"day-{day}", NIGHT + day * DAY - timedelta(hours=1))
    # Seven nights without a run; the lookback alone would reach two of them.
    assert office.night(NIGHT + 8 * DAY) == {f"day-{day}" for day in range(1, 9)}


def test_the_watermark_moves_with_a_publish_only(office: Office) -> None:
    lake = office.deployment.lake
    office.night(NIGHT)
    extract_records(lake, office.pipeline, office.settle(NIGHT + DAY), {})
    assert last_success(lake, "support_tickets") == NIGHT
    office.night(NIGHT + DAY)
    assert last_success(lake, "support_tickets") == NIGHT + DAY


def test_a_backfill_of_an_old_night_moves_no_watermark(office: Office) -> None:
    office.night(NIGHT)
    office.night(NIGHT - 100 * DAY, trigger="backfill")
    assert last_success(office.deployment.lake, "support_tickets") == NIGHT
    assert office.source.asked_for[-1] == Window(NIGHT - 103 * DAY, NIGHT - 100 * DAY)


def test_a_manual_run_takes_what_came_since_the_last_success(office: Office) -> None:
    office.night(NIGHT)
    run = office.settle(NIGHT + timedelta(hours=5), trigger="manual")
    assert source_window(office.deployment.lake, office.pipeline, run) == Window(NIGHT - 2 * DAY, run.window_end)


def test_the_first_manual_run_goes_back_by_the_first_window(office: Office) -> None:
    run = office.settle(NIGHT, trigger="manual")
    assert source_window(office.deployment.lake, office.pipeline, run) == Window(NIGHT - 30 * DAY, NIGHT)


def test_since_and_until_are_taken_at_their_word(office: Office) -> None:
    run = office.settle(NIGHT, trigger="manual", since="2026-01-01T00:00:00Z", until="2026-01-02T00:00:00Z")
    asked = source_window(office.deployment.lake, office.pipeline, run)
    assert asked == Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def test_an_old_ticket_that_was_edited_is_a_new_version_of_the_same_record(office: Office) -> None:
    office.write("T", NIGHT - 20 * DAY, "It was broken. Help.", updated_at=(NIGHT - timedelta(hours=1)).isoformat())
    assert office.night(NIGHT) == {"T"}
    updated = (NIGHT + timedelta(hours=1)).isoformat()
    office.write("T", NIGHT - 20 * DAY, "It is broken again. Help.", updated_at=updated)
    assert office.night(NIGHT + DAY) == {"T"}
    assert office.current() == {"T": "It is broken again. Help."}


def test_a_source_that_fails_on_page_40_loses_nothing_and_is_not_asked_twice(office: Office) -> None:
    for number in range(450):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    office.desk.fail(Answer(500), times=MAX_ATTEMPTS, when=lambda asked: asked.query["page"] == "39")
    run, lake = office.settle(NIGHT), office.deployment.lake
    with pytest.raises(RetryLater):
        extract_records(lake, office.pipeline, run, {})
    before = len(office.desk.asked)
    counts = extract_records(lake, office.pipeline, run, {})
    assert counts["extracted"] == 450
    assert [asked.query["page"] for asked in office.desk.asked[before:]] == [str(page) for page in range(39, 45)]


def test_a_pull_that_is_made_again_after_it_succeeded_begins_anew(office: Office) -> None:
    for number in range(25):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    run, lake = office.settle(NIGHT), office.deployment.lake
    assert extract_records(lake, office.pipeline, run, {})["extracted"] == 25
    assert extract_records(lake, office.pipeline, run, {})["extracted"] == 25
    assert [asked.query["page"] for asked in office.desk.asked] == ["0", "1", "2"] * 2


@pytest.mark.slow
def test_a_backfill_of_thirty_nights_gives_what_thirty_nights_give(office: Office, tmp_path: Path) -> None:
    for number in range(60):
        office.write(f"T-{number:03d}", NIGHT - timedelta(hours=11 * number + 1))
    nights = [NIGHT - day * DAY for day in reversed(range(30))]
    for night in nights:
        office.night(night)
    one_by_one = office.current()
    office.deployment.folder = tmp_path / "backfilled"
    office.deployment.folder.mkdir()
    for night in reversed(nights):
        office.night(night, trigger="backfill")
    assert office.current() == one_by_one
    assert len(one_by_one) == 60
