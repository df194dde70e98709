"""The whole DAG through a real Airflow, faults included."""

import re
import sqlite3
from contextlib import closing

import pandas as pd
import pytest

from tests.end_to_end.conftest import CANARIES, SECRET, Standalone, walk_logs
from tests.fault_server.plan import Plan, Rule
from tests.stages.running import tickets

pytestmark = pytest.mark.airflow


def test_a_night_with_faults_ends_well_and_its_counts_add_up(standalone: Standalone) -> None:
    faults = ("500", "429_retry_after_ms", "reset_mid_body", "truncated", "not_json")
    rules = [Rule(fault=fault, probability=0.1, times=1) for fault in faults]
    rules.append(Rule(fault="bad_enum", marker="Order 7 "))
    standalone.server.set_plan(Plan(rules=tuple(rules), seed=7, latency_seconds=(0.01, 0.05)))
    no_text = {"id": "T-9999", "text": "", "created_at": "2026-11-01T00:00:00Z"}
    standalone.write_source([*tickets(120), no_text])
    assert standalone.run("manual__faults") == "success"
    row = standalone.row("manual__faults")
    assert (row["extracted"], row["published"], row["quarantined"]) == (121, 119, 2)
    assert row["retries"] + row["rate_limited"] > 0
    assert standalone.current()["record_id"].is_unique
    assert sorted(standalone.table("quarantine")["error_type"]) == ["empty_text", "schema_violation"]


def test_a_second_night_asks_nothing_again(standalone: Standalone) -> None:
    standalone.server.set_plan(Plan())
    assert standalone.run("manual__again") == "success"
    assert standalone.row("manual__again")["skipped"] == 121
    assert standalone.server.counters().requests == 0


def test_a_run_leaves_few_rows_in_the_database_of_airflow(standalone: Standalone) -> None:
    counts = {}
    with closing(sqlite3.connect(standalone.home / "airflow.db", timeout=60)) as database:
        tables = database.execute(
            "SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE c.name = 'run_id'"
        )
        for (table,) in tables.fetchall():
            query = f'SELECT count(*) FROM "{table}" WHERE run_id = ?'
            counts[table] = database.execute(query, ["manual__again"]).fetchone()[0]
    assert 0 < counts["xcom"] <= 10, counts
    assert counts["task_instance"] <= sum(counts.values()) < 45, counts


def test_the_asset_event_carries_counts_and_cost(standalone: Standalone) -> None:
    events = standalone.api.call("GET", "assets/events?source_dag_id=support_tickets")["asset_events"]
    extra = next(event["extra"] for event in events if event["source_run_id"] == "manual__faults")
    assert (extra["published"], extra["quarantined"]) == (119, 2)
    assert extra["cost_usd"] > 0


def test_the_report_is_a_tab_of_the_run_and_opens_with_its_data_docs_and_back(standalone: Standalone) -> None:
    assert standalone.mailbox.subjects("Support tickets: ")
    status, page = standalone.page("reports/support_tickets/manual__faults")
    assert status == 200
    assert "What customers say" in page
    docs = re.findall(r'href="([^"]*data_docs/[^"]*)"', page)
    assert docs
    for href in docs:
        docs_page = standalone.page(f"reports/support_tickets/{href}")[1]
        assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", docs_page)
        (back,) = re.findall(r'href="\.\./([^"]*)"', docs_page)
        assert "What customers say" in standalone.page(f"reports/support_tickets/{back}")[1]


def test_a_trial_leaves_current_alone_and_a_promoted_run_replaces_it(standalone: Standalone) -> None:
    # Of an endpoint that knows no `json_schema`.
    standalone.server.set_plan(Plan(dialect="deepseek"))
    before, sent = standalone.current(), len(standalone.mailbox.messages)
    assert standalone.run("manual__trial", prompt_version="v2", limit=5) == "success"
    row = standalone.row("manual__trial")
    assert (row["published"], row["requests"]) == (5, 5 + 2) and row["dialect"].startswith("json_object, ")
    assert any(
        "says '" in line and "asked with: json_object" in line for line in standalone.log("manual__trial", "plan")
    )
    assert standalone.current().equals(before)
    # Nor is it told as news, or listed as a night.
    assert len(standalone.mailbox.messages) == sent
    for page in ("runs", "reports/support_tickets/manual__trial"):
        assert "Trial of v2 on " in standalone.page(page)[1]
    assert standalone.run("manual__promoted", prompt_version="v2", promote=True, reprocess="older_prompt") == "success"
    current = standalone.current()
    assert len(current) == 120
    assert current["record_id"].is_unique
    assert set(current["prompt_version"]) == {"v2"}
    assert set(current["dialect"]) == {row["dialect"]}
    standalone.server.set_plan(Plan())


def test_a_backfill_runs_each_night_with_its_own_interval(standalone: Standalone) -> None:
    nights = [
        {"id": f"B-{day}", "text": f"Backfilled ticket of day {day}.", "created_at": f"2026-10-{day:02d}T12:00:00Z"}
        for day in (5, 6, 7)
    ]
    standalone.write_source(nights)
    body = {
        "dag_id": "support_tickets",
        "from_date": "2026-10-05T00:00:00Z",
        "to_date": "2026-10-06T23:00:00Z",
        "run_backwards": False,
        "dag_run_conf": {},
        "reprocess_behavior": "none",
        "max_active_runs": 1,
    }
    standalone.api.call("POST", "backfills", body)
    runs = standalone.api.call("GET", "dags/support_tickets/dagRuns?run_type=backfill")["dag_runs"]
    assert len(runs) == 2
    for run in runs:
        assert standalone.wait(run["dag_run_id"]) == "success"
        row = standalone.row(run["dag_run_id"])
        assert (row["trigger"], row["published"]) == ("backfill", 1)
        assert row["run_key"].startswith(f"{row['window_start']:%Y%m%dT%H%M%SZ}-")
    assert set(standalone.table("results")["record_id"]) >= {"B-5", "B-6"}
    assert "B-7" not in set(standalone.table("results")["record_id"])


def test_no_secret_and_no_customer_text_stands_in_any_log(standalone: Standalone) -> None:
    logs = list(walk_logs(standalone.home))
    assert any("infer" in str(path) for path, _ in logs)
    for path, text in logs:
        assert SECRET not in text, path
        assert "has not arrived. Please send it again" not in text, path


def test_an_endpoint_that_is_not_there_fails_the_run_with_what_to_check(standalone: Standalone) -> None:
    standalone.write_source(tickets(3, start=700))
    held = len(standalone.table("quarantine"))
    standalone.server.stop()
    try:
        assert standalone.run("manual__unreachable") == "failed"
    finally:
        standalone.server.start()
    row = standalone.row("manual__unreachable")
    assert (row["state"], row["published"], row["quarantined"]) == ("failed", 0, 0)
    assert len(standalone.table("quarantine")) == held
    (task,) = [
        task for task in standalone.api.tasks("support_tickets", "manual__unreachable") if task["state"] == "failed"
    ]
    assert "OPENAI_BASE_URL" in standalone.api.last_error("support_tickets", "manual__unreachable", task)


def test_a_shard_that_is_marked_failed_keeps_its_answers_and_the_next_run_does_what_is_left(
    standalone: Standalone,
) -> None:
    # The first twenty are answered at once, then the provider takes a minute for each.
    slow = Rule(fault="latency", settings={"seconds": 60}, calls=(22, 100_000))
    standalone.server.set_plan(Plan(rules=(slow,)))
    standalone.write_source(tickets(60, start=5_000))
    standalone.trigger("manual__stopped")
    standalone.wait_for(
        lambda: standalone.server.counters().in_flight > 0 and standalone.answers_kept("manual__stopped")
    )
    standalone.mark_failed("manual__stopped", "infer", map_index=0)
    standalone.wait_for(lambda: standalone.server.counters().in_flight == 0)
    assert standalone.wait("manual__stopped") == "failed"
    kept = standalone.answers_kept("manual__stopped")
    assert kept >= 15
    standalone.server.set_plan(Plan())
    assert standalone.run("manual__resumed") == "success"
    row = standalone.row("manual__resumed")
    # Three more are of the run that found no endpoint; the source has them no more.
    assert (row["published"], row["reused"]) == (60 + 3, kept)
    assert {"T-0700", "T-0701", "T-0702"} <= set(standalone.current()["record_id"])


def test_a_watch_that_fails_costs_the_night_neither_its_report_nor_its_success(standalone: Standalone) -> None:
    """Of another day than the runs before, so that its canaries are asked: they take a minute each."""
    slow = Rule(fault="latency", settings={"seconds": 60}, calls=(5, 100_000))
    standalone.server.set_plan(Plan(rules=(slow,)))
    standalone.write_source([{**ticket, "created_at": "2026-10-20T12:00:00Z"} for ticket in tickets(3, start=15_000)])
    standalone.trigger("manual__unwatched", until="2026-10-21T00:00:00Z")
    standalone.wait_for(lambda: standalone.server.counters().in_flight == CANARIES)
    standalone.mark_failed("manual__unwatched", "watch", map_index=-1)
    assert standalone.wait("manual__unwatched") == "success"
    row = standalone.row("manual__unwatched")
    assert (row["published"], row["state"]) == (3, "success") and pd.isna(row["reason"])
    assert "Nothing was compared" in standalone.page("reports/support_tickets/manual__unwatched")[1]
    standalone.server.set_plan(Plan())
    standalone.clear("manual__unwatched", "watch", downstream=True)
    assert standalone.wait("manual__unwatched") == "success"
    page = standalone.page("reports/support_tickets/manual__unwatched")[1]
    assert f"{CANARIES} canaries were asked for" in page and "Nothing was compared" not in page
    canaries = standalone.table("canaries")
    assert set(canaries["run_id"]) == {"manual__faults", "manual__unwatched"}
    assert not set(canaries["record_id"]) & set(standalone.current()["record_id"])


def test_a_night_at_flex_with_a_quarter_of_the_calls_refused_is_published_whole(standalone: Standalone) -> None:
    standalone.server.set_plan(Plan(rules=(Rule(fault="resource_unavailable", probability=0.25),), seed=3))
    standalone.write_source(tickets(60, start=25_000))
    assert standalone.run("manual__flex", mode="flex") == "success"
    row = standalone.row("manual__flex")
    assert row["published"] == row["extracted"] >= 60 and row["quarantined"] == row["rate_limited"] == 0
    assert (row["requested_mode"], row["mode"]) == ("flex", "flex")
    assert dict(row["service_tier_counts"]) == {"flex": row["published"] - row["reused"]}
    refused = standalone.server.counters().by_fault["resource_unavailable"]
    assert refused > 60 / 8 and row["requests"] == standalone.server.counters().requests
    assert "at flex; flex has saved about" in standalone.page("reports/support_tickets/manual__flex")[1]
