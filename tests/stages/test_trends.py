"""What a report compares its night with."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from include.lake.paths import Lake, open_lake
from include.lake.schemas import QUARANTINE_SCHEMA, RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.endpoint import RECORDED_MODEL, Endpoint
from include.pipelines.registry import load_pipeline
from include.stages.report import report_run
from include.stages.run_context import RunContext, settle_run
from tests.report.mailbox import Mailbox, mail_server
from tests.report.test_theme_rows import SMS, created, group

TICKETS = load_pipeline("support_tickets")
ENDPOINT = Endpoint("https://api.example.com/v1", "key", is_demo=False)
NIGHT = datetime(2026, 11, 23, 3, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = "week of 16 to 22 November 2026"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Four quiet weeks, then one of which half is about deliveries."""
    lake = open_lake(str(tmp_path))
    for number in range(35):
        category = ["delivery" if number < 7 else "billing", "billing"] * 3
        rows = [
            {"record_id": f"{number}-{n}", "occurred_at": NIGHT - number * DAY - DAY / 2, "model": "m", "category": of}
            for n, of in enumerate(category)
        ]
        day = NIGHT - number * DAY - DAY / 2
        write_table(lake, lake.current_file(TICKETS.name, f"{day:%Y-%m-%d}"), pa.Table.from_pylist(rows))
    return lake


def settle(end: datetime = NIGHT, **form: Any) -> RunContext:
    """A night; a form makes it a manual run."""
    return settle_run(
        TICKETS,
        ENDPOINT,
        run_id=f"{'manual' if form else 'scheduled'}__{end.isoformat()}",
        trigger="manual" if form else "scheduled",
        data_interval=(end - DAY, end),
        run_after=end,
        started_at=end,
        form=form,
        environ={},
    )


def row_of(run: RunContext, **changed: Any) -> dict[str, Any]:
    """A run's row in `runs/`."""
    row = dict.fromkeys(RUNS_SCHEMA.names) | {name: getattr(run, name) for name in ("run_id", "run_key", "pipeline")}
    times = dict.fromkeys(("started_at", "finished_at"), run.started_at)
    counts = dict.fromkeys(("extracted", "published", "quarantined", "skipped"), 3) | {"state": "success"}
    window = {"window_start": run.window_start, "window_end": run.window_end, "trigger": run.trigger}
    return row | times | counts | window | {"purpose": run.purpose, "model": run.model} | changed


def keep(lake: Lake, run: RunContext, **changed: Any) -> dict[str, Any]:
    """Write a run's row, as its publish has."""
    row = row_of(run, **changed)
    path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))
    return row


def report(lake: Lake, run: RunContext) -> tuple[str, str]:
    """Subject and page of a run that published one ticket."""
    row = keep(lake, run)
    tables = {"results": pa.table({"record_id": ["0-0"], "occurred_at": [NIGHT - DAY / 2], "category": ["delivery"]})}
    tables["quarantine"] = QUARANTINE_SCHEMA.empty_table()
    for table, rows in tables.items():
        write_table(lake, lake.run_file(table, run.pipeline, run.run_date, run.run_key), rows)
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
    published = {"run": plain, "skipped": {}, "expectations": [], "data_docs": {}, "current": "current"}
    told = report_run(lake, TICKETS, run, published, ENDPOINT)
    return told["subject"], Path(told["report"]).read_text()


def test_a_night_is_compared_by_the_date_of_the_feedback(lake: Lake) -> None:
    subject, page = report(lake, settle())
    assert subject == f"{TICKETS.title}: delivery in 21 of 42 tickets this week, none in the 4 weeks before"
    assert "Delivery: 21 of 42 tickets this week (15 to 27), none in the 4 weeks before" in page


def test_the_same_night_again_or_a_backfill_is_no_earlier_night(lake: Lake) -> None:
    first = report(lake, settle())
    for number in range(1, 4):
        keep(lake, settle(NIGHT - number * 60 * DAY), trigger="backfill")
    assert report(lake, settle()) == first


def test_the_csv_has_this_run_s_records_and_this_week_s_each_once(lake: Lake) -> None:
    run = settle()
    report(lake, run)
    path = lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=".csv")
    rows = pd.read_csv(path)
    assert len(rows) == 7 * 6 + 1
    assert (rows["topic"] == "delivery").sum() == 21 + 1


def test_a_night_shows_its_themes_and_names_them_in_the_csv_and_a_trial_has_none(lake: Lake) -> None:
    run, trial = settle(), settle(prompt_version="v2")
    told: list[tuple[str, int, str | None]] = [(f"{number}-0", 0, SMS) for number in range(3)]
    name, where = "=Parcels are late", {"pipeline": TICKETS.name, "day": run.run_date, "version": ""}
    group(lake, run.run_key, told, created(SMS, name), late=len(told), **where)
    _, page = report(lake, run)
    assert '=Parcels are late</td><td class="number">3</td><td class="number">0</td>' in page
    rows = pd.read_csv(lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=".csv"))
    assert rows["theme"].value_counts().to_dict() == {f"'{name}": 4}
    assert "<h2>Themes</h2>" not in report(lake, trial)[1]
    rows = pd.read_csv(lake.run_file("reports", run.pipeline, trial.run_date, trial.run_key, suffix=".csv"))
    assert rows["theme"].isna().all()


@pytest.mark.parametrize("form", [{"prompt_version": "v2"}, {"dry_run": True}])
def test_a_trial_or_a_dry_run_is_never_news(lake: Lake, form: dict[str, Any]) -> None:
    subject, page = report(lake, settle(**form))
    assert "this week" not in subject and "By the date of the feedback" not in page


def test_recorded_answers_are_compared_with_recorded_answers_only(lake: Lake) -> None:
    run = replace(settle(), model=RECORDED_MODEL)
    assert "By the date of the feedback" not in report(lake, run)[1]


def test_nights_of_a_month_share_the_chance_of_a_false_headline_and_nothing_else_does(lake: Lake) -> None:
    kinds: list[dict[str, Any]] = [
        *({}, {"purpose": None}, {"purpose": "trial"}, {"purpose": "evaluation"}),
        *({"state": "failed"}, {"model": RECORDED_MODEL}),
    ]
    for number in range(1, 36, 3):
        keep(lake, settle(NIGHT - number * DAY), **kinds[number // 3 % len(kinds)])
    _, page = report(lake, settle())
    assert "the 5 nights of the last four weeks" in page


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mail server, and the Airflow connection to it."""
    with mail_server() as mailbox:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection()))
        yield mailbox


def carries_week(page: str) -> bool:
    return "<h2>Last week, 16 to 22 November 2026</h2>" in page


@pytest.mark.parametrize("days", [0, 1, 4])
def test_the_first_night_since_monday_carries_the_week_that_has_ended_on_top(lake: Lake, days: int) -> None:
    keep(lake, settle(NIGHT - DAY))
    keep(lake, settle(NIGHT - DAY / 16), state="failed")
    subject, page = report(lake, settle(NIGHT + days * DAY))
    assert f"<title>{subject}</title>" in page
    assert carries_week(page) and page.index("<h2>Last week") < page.index("<h2>The news")
    assert "Delivery: 21 of 42 tickets last week (15 to 27), none in the 4 weeks before" in page
    assert "42 tickets last week, 42 the week before" in page
    assert subject.startswith(f"{TICKETS.title}, {WEEK}: delivery in 21 of 42 tickets last week")
    assert page.count("Delivery: ") == 1, "what the week tells is not told twice"
    assert not carries_week(report(lake, settle(NIGHT + (days + 1) * DAY))[1])


def test_news_of_this_week_that_the_last_one_does_not_tell_stand_beside_it(lake: Lake) -> None:
    keep(lake, settle(NIGHT - DAY))
    rows = [
        {"record_id": f"n{n}", "occurred_at": NIGHT + DAY, "model": "m", "category": "cancellation"} for n in range(30)
    ]
    write_table(lake, lake.current_file(TICKETS.name, "2026-11-24"), pa.Table.from_pylist(rows))
    _, page = report(lake, settle(NIGHT + 2 * DAY))
    week, night = page.split("<h2>The news")
    assert "Cancellation: 30 of" in night and "Cancellation: 30" not in week
    assert "Delivery: 21 of 42 tickets last week" in week and "Delivery: " not in night


def test_the_very_first_night_has_no_week_to_tell_of_and_a_trial_none_at_all(lake: Lake) -> None:
    assert not carries_week(report(lake, settle())[1])
    keep(lake, settle(NIGHT - DAY))
    assert not carries_week(report(lake, settle(dry_run=True))[1])


def test_the_message_of_that_night_is_headed_as_the_week_s_once(lake: Lake, mail: Mailbox) -> None:
    keep(lake, settle(NIGHT - DAY))
    for _ in range(2):
        assert carries_week(report(lake, settle())[1])
    report(lake, settle(NIGHT + DAY))
    body = mail.messages[0].get_body(("html",))
    assert body is not None
    told, run = body.get_content(), settle()
    assert "42 tickets last week, 42 the week before" in told and "1 ticket in this run" in told and "<svg" not in told
    for suffix in (".html", ".csv"):
        assert lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=suffix) in told
    again = mail.messages[1].get_body(("html",))
    assert again is not None and "Delivery: 21 of 42 tickets this week" in again.get_content()
    # A backfill makes Monday again.
    report(lake, replace(settle(), trigger="backfill"))
    assert [WEEK in str(message["Subject"]) for message in mail.messages] == [True, False, False, False]
    assert str(mail.messages[0]["Subject"]) == (
        f"{TICKETS.title}, {WEEK}: delivery in 21 of 42 tickets last week, none in the 4 weeks before"
    )


def test_a_night_before_the_last_one_is_not_told_as_the_week_s_however_late_it_comes(lake: Lake, mail: Mailbox) -> None:
    keep(lake, settle(NIGHT - DAY))
    report(lake, settle(NIGHT + DAY))
    report(lake, settle())
    assert len(mail.subjects(WEEK)) == 1 and len(mail.messages) == 2


def test_a_week_that_no_channel_took_is_sent_with_the_next_try(
    lake: Lake, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(lake, settle(NIGHT - DAY))
    with monkeypatch.context() as without:
        without.delenv("AIRFLOW_CONN_SMTP_DEFAULT")
        report(lake, settle())
    report(lake, settle())
    assert len(mail.subjects(WEEK)) == 1
