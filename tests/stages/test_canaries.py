"""Canaries: asked each night beside it, priced, never reused, with a table and a row of their own."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from include.errors import ConfigurationError, StopRun
from include.lake.read import read_table
from include.lake.schemas import CANARIES_SCHEMA
from include.lake.write import write_table
from include.llm.endpoint import Endpoint
from include.llm.ledger import LedgerWriter
from include.quality.golden import load_golden
from include.report.report_input import Watched
from include.settings import canary_records
from include.stages.manifests import Begun
from include.stages.work_files import WorkFiles
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.running import NOW
from tests.stages.watched_nights import CANARIES, CONTRACT, OTHERWISE, Nights, entry_of


@pytest.fixture
def nights(tmp_path: Path, fault_server: FaultServer) -> Nights:
    return Nights(tmp_path, fault_server.base_url)


def test_canaries_are_asked_each_night_as_it_is_and_have_a_table_and_a_row_of_their_own(
    nights: Nights, fault_server: FaultServer
) -> None:
    first = nights.whole_night()
    assert fault_server.counters().requests == first["requests"] + CANARIES
    (path,) = nights.lake.files("canaries", "support_tickets")
    assert path.endswith(f"/run_date={NOW + timedelta(days=1):%Y-%m-%d}/{first['run_key']}.canary.parquet")
    rows = read_table(nights.lake, path)
    assert set(CONTRACT) <= set(rows.schema.names)
    rows = rows.to_pylist()
    labelled = load_golden(nights.pipeline).keys()
    assert len({row["record_id"] for row in rows}) == CANARIES and {row["record_id"] for row in rows} <= labelled
    assert all(json.loads(row["answer"]).keys() == OTHERWISE.keys() and row["flipped"] is None for row in rows)
    assert {row["run_id"] for row in rows} == {first["run_id"]}

    own = nights.table("runs").set_index("purpose").loc["canary"]
    assert (own["run_id"], own["run_key"]) == (first["run_id"], f"{first['run_key']}.canary")
    assert own["extracted"] == own["published"] + own["quarantined"] + own["skipped"] == CANARIES
    assert own["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in rows)) and own["cost_usd"] > 0
    assert 0.2 < own["estimated_cost_usd"] / own["cost_usd"] < 5
    audit = nights.table("audit")
    assert len(audit) == CANARIES + 3 and audit["answered_at"].notna().all() and (audit["requests"] >= 1).all()
    assert len(nights.table("results")) == len(nights.table("current")) == 3
    assert not nights.lake.find(nights.lake.table("_work", "support_tickets"), "*")

    second = nights.whole_night()
    assert fault_server.counters().requests == first["requests"] + second["requests"] + 2 * CANARIES
    (_, newest) = nights.lake.files("canaries", "support_tickets")
    asked_again = read_table(nights.lake, newest).to_pylist()
    assert [row["answer_key"] for row in asked_again] == [row["answer_key"] for row in rows]
    assert all(row["flipped"] == [] for row in asked_again)
    (flips,) = nights.measure("canary_flip", second["run_id"]).to_dict("records")
    assert (flips["number"], flips["n"]) == (0.0, CANARIES) and flips["high"] > 0


def test_a_canary_without_an_answer_flips_and_costs_no_night_its_report(
    nights: Nights, fault_server: FaultServer
) -> None:
    for _ in range(3):
        nights.night()
    (marker, *_) = [
        row["text"] for row in read_table(nights.lake, nights.lake.files("canaries", "support_tickets")[0]).to_pylist()
    ]
    fault_server.set_plan(Plan(rules=(Rule(fault="not_json", marker=marker[:30]),)))
    night = nights.night()
    assert f"1 of {CANARIES} canaries answer otherwise" in nights.said and "1 got no answer" in nights.said
    rows = read_table(nights.lake, nights.lake.files("canaries", "support_tickets")[-1]).to_pylist()
    (held,) = [row for row in rows if row["answer"] is None]
    assert held["error_type"] == "not_json" and "category" in held["flipped"] and held["cost_usd"] > 0
    runs = nights.table("runs")
    row = runs[(runs["run_id"] == night["run_id"]) & (runs["purpose"] == "canary")].iloc[0]
    assert (row["published"], row["quarantined"]) == (CANARIES - 1, 1)
    assert night["quarantined"] == 0 and nights.table("quarantine").empty
    nights.night()
    assert f"0 of {CANARIES} canaries" in nights.said


def test_where_there_are_too_few_labels_the_nights_own_records_are_canaries_and_stay(nights: Nights) -> None:
    labels = len(load_golden(nights.pipeline))
    nights.canaries = labels + 4
    nights.night(records=3)
    nights.night(records=6)
    first, second = (
        [row["record_id"] for row in read_table(nights.lake, path).to_pylist()]
        for path in nights.lake.files("canaries", "support_tickets")
    )
    assert len(first) == labels + 3 and sorted(first[labels:]) == ["T-0100", "T-0101", "T-0102"]
    assert second[: labels + 3] == first and second[-1].startswith("T-02")


def test_a_backfill_asks_none(nights: Nights, fault_server: FaultServer) -> None:
    nights.night(trigger="backfill")
    assert "a backfill asks none" in nights.said
    assert nights.table("canaries").empty and fault_server.counters().requests == 0


@pytest.mark.parametrize(("budget_usd", "asked"), [(0.0036, range(1, CANARIES)), (0.003, range(1))])
def test_canaries_are_within_the_budget_of_the_run(nights: Nights, budget_usd: float, asked: range) -> None:
    """Three records have cost 0.003 USD; what is left is for canaries, and who is not asked is counted."""
    night = nights.night(budget_usd=budget_usd)
    own = nights.table("runs").set_index("purpose").loc["canary"]
    assert len(nights.table("canaries")) == own["published"] in asked
    assert dict(own["skipped_by_reason"]) == {"over_budget": CANARIES - own["published"]}
    assert night["cost_usd"] + own["cost_usd"] <= budget_usd * 1.05
    assert len(nights.table("audit")) == own["published"]
    assert "the budget of the run was used up" in nights.said


def test_a_night_that_asked_nobody_asks_no_canaries(nights: Nights, fault_server: FaultServer) -> None:
    nights.whole_night()
    asked = fault_server.counters().requests
    nights.go(nights.of_night(3))
    assert fault_server.counters().requests == asked
    assert nights.watched[-1] == Watched("Nothing new was published, so there is nothing to compare.")


def test_a_night_that_published_nothing_asks_no_canaries(nights: Nights, fault_server: FaultServer) -> None:
    nights.night(records=0)
    assert nights.watched[-1] == Watched("Nothing new was published, so there is nothing to compare.")
    assert fault_server.counters().requests == 0


def test_records_with_the_same_text_are_one_canary(nights: Nights, fault_server: FaultServer) -> None:
    nights.canaries = 2 * CANARIES
    nights.night()
    path = nights.lake.files("canaries", "support_tickets")[0]
    rows = read_table(nights.lake, path).to_pylist()
    same = [{**row, "record_id": f"another-{row['record_id']}"} for row in rows]
    write_table(nights.lake, path, pa.Table.from_pylist(rows + same, schema=CANARIES_SCHEMA))
    nights.canaries = len(load_golden(nights.pipeline)) + 3
    nights.night()
    again = read_table(nights.lake, nights.lake.files("canaries", "support_tickets")[-1]).to_pylist()
    assert len({row["answer_key"] for row in again}) == len(again) == nights.canaries
    assert not any(row["record_id"].startswith("another-") for row in again)


def test_a_second_run_of_a_day_asks_no_canaries(nights: Nights) -> None:
    nights.night()
    nights.number = 0
    nights.run_key = "manual-2-12345678"
    nights.night()
    assert "another run of the day has asked them" in nights.said
    assert len(nights.lake.files("canaries", "support_tickets")) == 1


def test_canaries_that_cannot_be_asked_cost_a_night_no_theme(nights: Nights, fault_server: FaultServer) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="401"),)))
    with pytest.raises(StopRun, match="OPENAI_API_KEY"):
        nights.night()
    assert len(nights.lake.find(f"{nights.lake.root}/themes/items/support_tickets", "*/*.parquet")) == 1
    assert not nights.lake.files("canaries", "support_tickets")


def test_answers_of_canaries_are_never_reused(nights: Nights, fault_server: FaultServer) -> None:
    """Neither those of a `watch` that died and has left its ledger, nor for another night's records."""
    nights.night()
    canaries = read_table(nights.lake, nights.lake.files("canaries", "support_tickets")[0]).to_pylist()
    work = nights.lake.work("support_tickets", "dead.canary", "ledger", "0000")
    WorkFiles(nights.lake, replace(nights.of_night(1), run_key="dead.canary")).write(Begun(run_id="dead"))
    with LedgerWriter(nights.lake, work) as ledger:
        ledger.append(entry_of(canaries[0]))
    nights.write_source([{"id": "same-text", "text": canaries[0]["text"], "created_at": "2026-11-24T12:00:00Z"}])
    row = nights.go(nights.of_night(2))
    assert (row["published"], row["reused"]) == (1, 0)
    assert not nights.lake.find(nights.lake.table("_work", "support_tickets"), "*.canary")


def test_a_watch_that_was_killed_pays_nothing_twice(nights: Nights, fault_server: FaultServer) -> None:
    nights.night()
    work = nights.lake.work("support_tickets", f"{nights.of_night(2).run_key}.canary", "ledger", "0000")
    canaries = read_table(nights.lake, nights.lake.files("canaries", "support_tickets")[0]).to_pylist()
    with LedgerWriter(nights.lake, work) as ledger:
        for row in canaries[:5]:
            ledger.append(entry_of(row))
    asked = fault_server.counters().requests
    nights.night()
    assert fault_server.counters().requests == asked + CANARIES - 5
    assert f"0 of {CANARIES} canaries answer otherwise" in nights.said


@pytest.mark.parametrize(
    ("value", "endpoint", "count"),
    [
        (None, {}, 50),
        ("0", {}, 0),
        ("7", {}, 7),
        (None, {"is_demo": True}, 0),
        ("7", {"is_demo": True}, 7),
        ("7", {"is_recorded": True}, 0),
    ],
)
def test_how_many_canaries_there_are(value: str | None, endpoint: dict[str, bool], count: int) -> None:
    environ = {} if value is None else {"NIGHTSHIFT_CANARIES": value}
    asked = Endpoint("http://127.0.0.1:1/v1", None, **{"is_demo": False, **endpoint})  # type: ignore[arg-type]
    assert canary_records(asked, environ) == count


@pytest.mark.parametrize("value", ["-1", "many", "2.5"])
def test_a_number_of_canaries_that_is_none_is_said(value: str) -> None:
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_CANARIES"):
        canary_records(Endpoint("http://127.0.0.1:1/v1", None, is_demo=False), {"NIGHTSHIFT_CANARIES": value})
