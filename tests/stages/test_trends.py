"""What a report compares its night with."""

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

TICKETS = load_pipeline("support_tickets")
ENDPOINT = Endpoint("https://api.example.com/v1", "key", is_demo=False)
NIGHT = datetime(2026, 11, 23, 3, tzinfo=UTC)
DAY = timedelta(days=1)


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
