"""Every way in which a run ends other than well has its row, its sentence, its page and its message."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.end_to_end.conftest import Standalone
from tests.fault_server.plan import Plan, Rule
from tests.stages.running import tickets

pytestmark = pytest.mark.airflow

WRONG = {"since": "2026-11-10T00:00:00+00:00", "until": "2026-11-01T00:00:00+00:00"}
SLOW = Plan(rules=(Rule(fault="latency", settings={"seconds": 60}, calls=(3, 100_000)),))


def states(page: str) -> dict[str, str]:
    """State by run id, as the page of all runs shows it."""
    rows = re.findall(r"<code>([^<]*)</code></a>.*?<span class=\"(?:bad|good|warn)\">(\w+)</span></td>", page)
    return dict(rows)


def reason(standalone: Standalone, run_id: str) -> Any:
    """The sentence of a run's row."""
    return standalone.row(run_id)["reason"]


def test_a_setting_that_is_wrong_ends_with_its_sentence_everywhere(standalone: Standalone) -> None:
    standalone.write_source(tickets(5))
    assert standalone.run("manual__backwards", **WRONG) == "failed"
    assert standalone.row("manual__backwards")["state"] == "failed"
    said = reason(standalone, "manual__backwards")
    assert "is not before" in said
    assert standalone.log("manual__backwards", "extract")[-1] == said
    status, page = standalone.page("reports/support_tickets/manual__backwards")
    assert status == 200
    assert "FAILED in extract" in page and "is not before" in page and "clear `extract`" in page
    assert states(standalone.page("runs")[1])["manual__backwards"] == "failed"
    standalone.wait_for(lambda: standalone.mailbox.subjects("is not before"), seconds=60)
    assert len(standalone.mailbox.subjects("is not before")) == 1


def test_a_window_that_is_set_twice_ends_with_both_of_them(standalone: Standalone) -> None:
    # As the form of Airflow sends it: its own data interval, set by hand, beside a field of ours.
    body = {"dag_run_id": "manual__twice", "logical_date": datetime.now(UTC).isoformat()}
    interval = {"data_interval_start": "2015-04-01T00:00:00Z", "data_interval_end": "2015-05-01T00:00:00Z"}
    conf = {"since": "2015-04-02T00:00:00Z"}
    standalone.api.call("PATCH", "dags/support_tickets", {"is_paused": False})
    standalone.api.call("POST", "dags/support_tickets/dagRuns", {**body, **interval, "conf": conf})
    assert standalone.wait("manual__twice") == "failed"
    assert "since is 2015-04-02" in reason(standalone, "manual__twice")
    assert "data interval is from 2015-04-01" in reason(standalone, "manual__twice")


def test_clearing_one_task_of_a_published_run_fails_at_once_and_says_from_where_to_clear(
    standalone: Standalone,
) -> None:
    standalone.server.set_plan(Plan())
    standalone.write_source(tickets(3, start=8_000))
    assert standalone.run("manual__read") == "success"
    published = standalone.row("manual__read")["published"]
    standalone.clear("manual__read", ["infer", 0], downstream=True)
    assert standalone.wait("manual__read") == "failed"
    (infer,) = [task for task in standalone.api.tasks("support_tickets", "manual__read") if task["task_id"] == "infer"]
    assert (infer["state"], infer["try_number"]) == ("failed", 2)
    assert "from `extract` on" in standalone.log("manual__read", "infer", 0)[-1]
    row = standalone.row("manual__read")
    assert (row["state"], row["published"]) == ("success", published)
    assert "from `extract` on" in row["reason"]
    assert states(standalone.page("runs")[1])["manual__read"] == "failed"
    _, page = standalone.page("reports/support_tickets/manual__read")
    assert "FAILED in infer" in page and "not a task alone" in page and "The report of what it published" in page


def test_a_run_that_a_person_marks_is_shown_as_what_it_is(standalone: Standalone) -> None:
    standalone.mark_run("manual__read", "success")
    standalone.mark_run("manual__read", "failed")
    assert "A person marked the run as failed after it was published" in reason(standalone, "manual__read")
    standalone.mark_run("manual__backwards", "success")
    assert "A person marked the run as success before it had published" in reason(standalone, "manual__backwards")
    shown = states(standalone.page("runs")[1])
    assert (shown["manual__read"], shown["manual__backwards"]) == ("failed", "failed")
    assert "marked the run as success" in standalone.page("reports/support_tickets/manual__backwards")[1]


def test_a_run_that_takes_too_long_has_a_page_while_it_runs_and_a_sentence_when_it_is_stopped(
    standalone: Standalone,
) -> None:
    standalone.server.set_plan(SLOW)
    standalone.write_source(tickets(20, start=9_000))
    standalone.trigger("manual__long")
    address = "reports/support_tickets/manual__long"
    standalone.wait_for(lambda: re.search(r"infer: [1-9]\d* of [2-9]\d texts", standalone.page(address)[1]))
    status, page = standalone.page(address)
    assert status == 200
    assert "running in infer" in page and 'http-equiv="refresh"' in page
    assert states(standalone.page("runs")[1])["manual__long"] == "running"
    with closing(sqlite3.connect(standalone.home / "airflow.db", timeout=60)) as database:
        database.execute("UPDATE dag_run SET start_date = datetime('now', '-11 hours') WHERE run_id = 'manual__long'")
        database.commit()
    assert standalone.wait("manual__long") == "failed"
    standalone.wait_for(lambda: standalone.mailbox.subjects("dagrun_timeout"), seconds=120)
    # People are told first; counting a large ledger takes its time.
    standalone.wait_for(lambda: "manual__long" in set(standalone.table("runs").get("run_id", ())), seconds=120)
    row = standalone.row("manual__long")
    assert (row["state"], row["published"]) == ("failed", 0)
    assert row["extracted"] == row["skipped"] >= 20
    assert "stopped in `infer`" in row["reason"]
    assert row["cost_usd"] > 0
    _, page = standalone.page(address)
    assert "dagrun_timeout" in page and 'http-equiv="refresh"' not in page
    standalone.server.set_plan(Plan())


@pytest.mark.parametrize(
    "path",
    [
        "reports/support_tickets/manual__never",
        "reports/no_such_dag/manual__read",
        "reports/support_tickets/nothing.html",
        "reports/support_tickets/..%2f..%2fruns",
        "reports/support_tickets/x.data_docs/..%2f..%2fsecret.html",
        "reports/support_tickets/x.data_docs/%2e%2e",
        "reports/support_tickets/x/y.html",
        "nothing/here",
    ],
)
def test_what_is_not_there_is_a_page_too(standalone: Standalone, path: str) -> None:
    status, page = standalone.page(path)
    assert status == 404
    assert "Nothing to show here" in page
