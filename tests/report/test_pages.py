"""What the pages in Airflow's UI say of runs that are no plain success."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.lake.paths import Lake, open_lake
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from include.pipelines.registry import load_pipeline
from include.report.run_page import RunView, Task, run_page
from include.report.runs_page import runs_page

BEGAN = datetime(2026, 11, 23, 2, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"


def row(run_id: str, **fields: Any) -> dict[str, Any]:
    """A row of `runs/`."""
    return {
        **dict.fromkeys(RUNS_SCHEMA.names),
        "run_id": run_id,
        "run_key": run_id,
        "pipeline": "support_tickets",
        "started_at": BEGAN,
        "finished_at": BEGAN,
        "extracted": 5,
        "published": 5,
        "skipped": 0,
        "cost_usd": 0.01,
        "state": "success",
        "model": "gpt-4o-mini",
        "prompt_version": "v2",
        **fields,
    }


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def write(lake: Lake, *rows: dict[str, Any]) -> None:
    for one in rows:
        path = lake.run_file("runs", "support_tickets", BEGAN.date(), one["run_key"])
        write_table(lake, path, pa.Table.from_pylist([one], schema=RUNS_SCHEMA))


def states(page: str) -> dict[str, str]:
    return dict(re.findall(r"<code>([^<]*)</code></a>.*?<span class=\"(?:bad|good|warn)\">(\w+)</span></td>", page))


@pytest.mark.parametrize(
    ("in_lake", "in_airflow", "shown"),
    [
        ("success", "success", "success"),
        ("success", "failed", "failed"),
        ("success", "running", "running"),
        ("failed", "success", "failed"),
        ("failed", "failed", "failed"),
        ("failed", "running", "running"),
        ("success", None, "success"),
        (None, "failed", "failed"),
        (None, "queued", "queued"),
        (None, "success", "unpublished"),
    ],
)
def test_a_failed_run_never_stands_as_a_success(
    lake: Lake, in_lake: str | None, in_airflow: str | None, shown: str
) -> None:
    if in_lake:
        write(lake, row("r1", state=in_lake))
    airflow = {("support_tickets", "r1"): (in_airflow, BEGAN)} if in_airflow else {}
    assert states(runs_page(lake, airflow)) == {"r1": shown}


def test_the_list_marks_what_is_no_night_says_why_it_failed_and_leads_to_each_run(lake: Lake) -> None:
    write(
        lake,
        row("t-trial"),
        row("t", purpose="trial"),
        row("d", purpose="dry_run"),
        row("manual__2026-11-23T02:00:00+00:00", state="failed", reason=f"The key is refused {SCRIPT}", run_key="f"),
    )
    page = runs_page(lake)
    assert page.count("Trial of v2 on gpt-4o-mini, not in current/") == 2
    assert page.count("Dry run of v2") == 1
    assert "The key is refused &lt;script&gt;" in page
    for number in ("extracted", "published", "quarantined", "skipped", "cost"):
        assert page.count(f'data-of="{number}"') == 4, "on a telephone there is no table's head"
    assert 'href="reports/support_tickets/manual__2026-11-23T02%3A00%3A00%2B00%3A00"' in page


def test_a_run_in_the_list_bears_its_pipeline_s_title_and_one_that_cannot_be_loaded_its_name(lake: Lake) -> None:
    write(lake, row("r1"))
    page = runs_page(lake, {("gone_pipeline", "r2"): ("failed", BEGAN)})
    assert f"<td>{load_pipeline('support_tickets').title}</td>" in page and "<td>gone_pipeline</td>" in page


def test_a_lake_of_before_has_its_list(lake: Lake) -> None:
    schema = pa.schema([field for field in RUNS_SCHEMA if field.name not in ("purpose", "reason")])
    old = {name: value for name, value in row("old").items() if name in schema.names}
    write_table(
        lake, lake.run_file("runs", "support_tickets", BEGAN.date(), "old"), pa.Table.from_pylist([old], schema)
    )
    assert states(runs_page(lake)) == {"old": "success"}


def tasks(**of_stage: str) -> list[Task]:
    """Task instances, `infer="success failed"` are two."""
    return [
        Task(stage, state, BEGAN, BEGAN + timedelta(minutes=1))
        for stage, all_ in of_stage.items()
        for state in all_.split()
    ]


@pytest.mark.parametrize(
    ("found", "stage", "advice"),
    [
        (tasks(extract="failed"), "extract", "clear `extract`"),
        (tasks(extract="success", plan="failed", infer="upstream_failed"), "plan", "nothing was spent"),
        (tasks(extract="success", plan="success", infer="success failed success"), "infer", "failed `infer` tasks"),
        (
            tasks(extract="success", plan="success", infer="success", validate="failed"),
            "validate",
            "Nothing was published",
        ),
        (
            tasks(extract="success", plan="success", infer="skipped", validate="skipped"),
            "infer",
            "failed `infer` tasks",
        ),
    ],
)
def test_a_failed_run_says_where_why_and_what_is_safe(found: list[Task], stage: str, advice: str) -> None:
    failed = row("r1", state="failed", reason=f"What to do {SCRIPT}")
    page = run_page(RunView("Support tickets", "r1", "failed", failed, tasks=found))
    assert f"FAILED in {stage}" in page
    assert "What to do &lt;script&gt;" in page and SCRIPT not in page
    assert advice in page.replace("&#39;", "'")
    assert "0.010 USD" in page
    assert f"task <code>{stage}</code>" in page
    assert 'http-equiv="refresh"' not in page


SHARD = {
    "phase": "asking", "total": 20, "done": 6, "failed": 0, "in_flight": 4, "waiting_for_permit": 3, "rate_60s": 2.0,
    "waiting_to_retry": 2, "rate_limited_60s": 17, "failures_60s": 1, "last_error": f"503 {SCRIPT}", "cost_usd": 0.25,
    "seconds_left_low": 5, "seconds_left_high": 9,
}  # fmt: skip
WAITS = {"phase": "waiting", "total": 20, "done": 5, "seconds_left_low": None, "seconds_left_high": None}


def test_a_running_run_shows_its_shards_and_what_they_have_not_said_yet() -> None:
    view = RunView(
        "Support tickets", "r1", "running", tasks=tasks(extract="success", plan="success", infer="running running"),
        shards={0: WAITS, 1: SHARD, 2: {}}, texts=40,
    )  # fmt: skip
    page = run_page(view)
    assert "running in infer" in page
    assert "11 of 40 texts" in page
    assert "503 &lt;script&gt;" in page
    assert '<td class="number">17</td>' in page
    assert "5 to 9 s" in page
    assert 'http-equiv="refresh"' in page


def test_what_a_running_run_has_cost_is_the_sum_of_its_shards_and_unknown_where_one_is() -> None:
    known = RunView("T", "r1", "running", shards={0: WAITS, 1: SHARD})
    assert known.cost_usd == pytest.approx(0.25)
    assert RunView("T", "r1", "running", shards={0: WAITS, 1: {**SHARD, "cost_usd": None}}).cost_usd is None


def test_a_run_that_waits_says_so() -> None:
    assert "waits for its turn" in run_page(RunView("Support tickets", "r1", "queued"))


def test_a_run_that_left_no_row_points_at_its_log() -> None:
    page = run_page(RunView("Support tickets", "r1", "failed", tasks=tasks(extract="failed")))
    assert "the log of `extract` has it" in page.replace("&#39;", "'")
