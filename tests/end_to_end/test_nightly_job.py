"""The whole DAG through a real Airflow, faults included."""

import re

import pytest

from tests.end_to_end.conftest import SECRET, Workbench, walk_logs
from tests.fault_server.plan import Plan, Rule
from tests.stages.running import tickets

pytestmark = pytest.mark.airflow


def test_a_night_with_faults_ends_well_and_its_counts_add_up(workbench: Workbench) -> None:
    faults = ("500", "429_retry_after_ms", "reset_mid_body", "truncated", "not_json")
    rules = [Rule(fault=fault, probability=0.1, times=1) for fault in faults]
    rules.append(Rule(fault="bad_enum", marker="Order 7 "))
    workbench.server.set_plan(Plan(rules=tuple(rules), seed=7, latency_seconds=(0.01, 0.05)))
    no_text = {"id": "T-9999", "text": "", "created_at": "2026-11-01T00:00:00Z"}
    workbench.write_source([*tickets(120), no_text])
    assert workbench.run("manual__faults") == "success"
    row = workbench.row("manual__faults")
    assert (row["extracted"], row["published"], row["quarantined"]) == (121, 119, 2)
    assert row["retries"] + row["rate_limited"] > 0
    assert workbench.current()["record_id"].is_unique
    assert sorted(workbench.table("quarantine")["error_type"]) == ["empty_text", "schema_violation"]


def test_a_second_night_asks_nothing_again(workbench: Workbench) -> None:
    workbench.server.set_plan(Plan())
    assert workbench.run("manual__again") == "success"
    assert workbench.row("manual__again")["skipped"] == 121
    assert workbench.server.counters().requests == 0


def test_the_asset_event_carries_counts_and_cost(workbench: Workbench) -> None:
    events = workbench.api.call("GET", "assets/events?source_dag_id=support_tickets")["asset_events"]
    extra = next(event["extra"] for event in events if event["source_run_id"] == "manual__faults")
    assert (extra["published"], extra["quarantined"]) == (119, 2)
    assert extra["cost_usd"] > 0


def test_the_report_is_a_tab_of_the_run_and_opens_with_its_data_docs_and_back(workbench: Workbench) -> None:
    assert workbench.mailbox.subjects("Support tickets: ")
    status, page = workbench.page("reports/support_tickets/manual__faults")
    assert status == 200
    assert "What customers say" in page
    docs = re.findall(r'href="([^"]*data_docs/[^"]*)"', page)
    assert docs
    for href in docs:
        docs_page = workbench.page(f"reports/support_tickets/{href}")[1]
        assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", docs_page)
        (back,) = re.findall(r'href="\.\./([^"]*)"', docs_page)
        assert "What customers say" in workbench.page(f"reports/support_tickets/{back}")[1]


def test_a_trial_leaves_current_alone_and_a_promoted_run_replaces_it(workbench: Workbench) -> None:
    before, sent = workbench.current(), len(workbench.mailbox.messages)
    assert workbench.run("manual__trial", prompt_version="v2", limit=5) == "success"
    assert workbench.row("manual__trial")["published"] == 5
    assert workbench.current().equals(before)
    # Nor is it told as news, or listed as a night.
    assert len(workbench.mailbox.messages) == sent
    for page in ("runs", "reports/support_tickets/manual__trial"):
        assert "Trial of v2 on " in workbench.page(page)[1]
    assert workbench.run("manual__promoted", prompt_version="v2", promote=True, reprocess="older_prompt") == "success"
    current = workbench.current()
    assert len(current) == 120
    assert current["record_id"].is_unique
    assert set(current["prompt_version"]) == {"v2"}


def test_a_backfill_runs_each_night_with_its_own_interval(workbench: Workbench) -> None:
    nights = [
        {"id": f"B-{day}", "text": f"Backfilled ticket of day {day}.", "created_at": f"2026-10-{day:02d}T12:00:00Z"}
        for day in (5, 6, 7)
    ]
    workbench.write_source(nights)
    body = {
        "dag_id": "support_tickets",
        "from_date": "2026-10-05T00:00:00Z",
        "to_date": "2026-10-06T23:00:00Z",
        "run_backwards": False,
        "dag_run_conf": {},
        "reprocess_behavior": "none",
        "max_active_runs": 1,
    }
    workbench.api.call("POST", "backfills", body)
    runs = workbench.api.call("GET", "dags/support_tickets/dagRuns?run_type=backfill")["dag_runs"]
    assert len(runs) == 2
    for run in runs:
        assert workbench.wait(run["dag_run_id"]) == "success"
        row = workbench.row(run["dag_run_id"])
        assert (row["trigger"], row["published"]) == ("backfill", 1)
        assert row["run_key"].startswith(f"{row['window_start']:%Y%m%dT%H%M%SZ}-")
    assert set(workbench.table("results")["record_id"]) >= {"B-5", "B-6"}
    assert "B-7" not in set(workbench.table("results")["record_id"])


def test_no_secret_and_no_customer_text_stands_in_any_log(workbench: Workbench) -> None:
    logs = list(walk_logs(workbench.home))
    assert any("infer" in str(path) for path, _ in logs)
    for path, text in logs:
        assert SECRET not in text, path
        assert "has not arrived. Please send it again" not in text, path


def test_an_endpoint_that_is_not_there_fails_the_run_with_what_to_check(workbench: Workbench) -> None:
    workbench.write_source(tickets(3, start=700))
    held = len(workbench.table("quarantine"))
    workbench.server.stop()
    try:
        assert workbench.run("manual__unreachable") == "failed"
    finally:
        workbench.server.start()
    row = workbench.row("manual__unreachable")
    assert (row["state"], row["published"], row["quarantined"]) == ("failed", 0, 0)
    assert len(workbench.table("quarantine")) == held
    (task,) = [
        task for task in workbench.api.tasks("support_tickets", "manual__unreachable") if task["state"] == "failed"
    ]
    assert "OPENAI_BASE_URL" in workbench.api.last_error("support_tickets", "manual__unreachable", task)


def test_a_shard_that_is_marked_failed_keeps_its_answers_and_the_next_run_does_what_is_left(
    workbench: Workbench,
) -> None:
    # The first twenty are answered at once, then the provider takes a minute for each.
    slow = Rule(fault="latency", settings={"seconds": 60}, calls=(22, 100_000))
    workbench.server.set_plan(Plan(rules=(slow,)))
    workbench.write_source(tickets(60, start=5_000))
    workbench.trigger("manual__stopped")
    workbench.wait_for(lambda: workbench.server.counters().in_flight > 0 and workbench.answers_kept("manual__stopped"))
    workbench.mark_failed("manual__stopped", "infer", map_index=0)
    workbench.wait_for(lambda: workbench.server.counters().in_flight == 0)
    assert workbench.wait("manual__stopped") == "failed"
    kept = workbench.answers_kept("manual__stopped")
    assert kept >= 15
    workbench.server.set_plan(Plan())
    assert workbench.run("manual__resumed") == "success"
    row = workbench.row("manual__resumed")
    # Three more are of the run that found no endpoint; the source has them no more.
    assert (row["published"], row["reused"]) == (60 + 3, kept)
    assert {"T-0700", "T-0701", "T-0702"} <= set(workbench.current()["record_id"])
