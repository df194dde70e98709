"""`watch`: canaries are asked each night beside it, and a night is told from those before it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.errors import ConfigurationError
from include.lake.effort import Effort
from include.lake.lake_index import run_rows, update_index
from include.lake.measured import read_measures
from include.lake.paths import is_beside, window_run_key
from include.lake.read import read_table
from include.lake.schemas import CANARIES_SCHEMA, RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.endpoint import Endpoint
from include.llm.ledger import LedgerEntry, LedgerWriter
from include.llm.prices import load_price
from include.pipelines.chain import build_chain
from include.pipelines.planned_chain import write_down
from include.quality.golden import load_golden
from include.quality.measures import measures_table, run_measures
from include.report.report_input import Watched
from include.settings import canary_records
from include.stages.manifests import Begun, Planned
from include.stages.publish import run_identity
from include.stages.run_context import RunContext
from include.stages.watch import watch_run
from include.stages.work_files import WorkFiles
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.running import NOW, Deployment, tickets

CANARIES = 12
CONTRACT = ("run_id", "record_id", "record_version", "answer", "flipped", "model", "prompt_version", "cost_usd")
OTHERWISE = {
    "problem": "Something is wrong.",
    "request": "Mend it.",
    "product_area": "general",
    "category": "other",
    "priority": "urgent",
    "sentiment": "mixed",
    "escalation_risk": "high",
    "escalation_quote": None,
    "language": "fr",
}


@dataclass
class Nights(Deployment):
    """Nights that follow each other, each with tickets of its own."""

    canaries: int = CANARIES
    watched: list[Watched | None] = field(default_factory=list)
    number: int = 0
    run_key: str | None = None

    def night(self, records: int = 3, **changed: Any) -> dict[str, Any]:
        """The next night as `publish` leaves it, and its `watch`; returns its row."""
        self.number += 1
        run = self.of_night(self.number, **changed)
        row = {
            **dict.fromkeys(RUNS_SCHEMA.names),
            **run_identity(run),
            "extracted": records,
            "published": records,
            "quarantined": 0,
            "skipped": 0,
            "skipped_by_reason": [],
            "reused": 0,
            "requests": records,
            "completion_tokens": 50 * records,
            "cost_usd": 0.001 * records,
            "finished_at": run.window_end,
            "redaction_version": "today",
            "state": "success",
        }
        made = tickets(records, start=100 * self.number)
        found = [{"record_id": one["id"], "record_version": "1", "text": one["text"]} for one in made]
        tables = {
            "results": pa.Table.from_pylist(found),
            "measures": measures_table(row, run_measures(row, {}, {})),
            "runs": pa.Table.from_pylist([row], schema=RUNS_SCHEMA),
        }
        for name, rows in tables.items():
            write_table(self.lake, self.lake.run_file(name, run.pipeline, run.run_date, run.run_key), rows)
        self.look(run, row)
        return row

    def look(self, run: RunContext, row: Mapping[str, Any]) -> None:
        """`watch` of a night."""
        chain = build_chain(self.pipeline, self.endpoint, run.model, run.prompt_version)
        price = load_price(run.model, self.base_url, {})
        plan = Planned(
            price=price, asked=3, shards=1, planned=write_down(chain, self.endpoint), budget_key="of the night"
        )
        published = {"run": row, "plan": WorkFiles.to_plain(plan)}
        environ = {"NIGHTSHIFT_CANARIES": str(self.canaries)}
        self.watched.append(asyncio.run(watch_run(self.lake, self.pipeline, run, published, self.endpoint, environ)))

    def whole_night(self, **changed: Any) -> dict[str, Any]:
        """The next night with all of its stages; returns its row."""
        self.number += 1
        end = NOW + timedelta(days=self.number)
        made = tickets(3, start=100 * self.number)
        self.write_source([{**one, "created_at": f"{end - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"} for one in made])
        return self.go(self.of_night(self.number, **changed))

    def of_night(self, number: int, **changed: Any) -> RunContext:
        """A scheduled run."""
        end = NOW + timedelta(days=number)
        run = replace(self.settle(f"scheduled__{number}", "scheduled"), **changed)
        return replace(
            run,
            window_start=end - timedelta(days=1),
            window_end=end,
            run_date=end.date(),
            run_key=self.run_key or window_run_key(end - timedelta(days=1), end, run.model, run.prompt_version),
        )

    def watch(self, run: RunContext, published: dict[str, Any]) -> Watched | None:
        """Also kept."""
        self.watched.append(super().watch(run, published))
        return self.watched[-1]

    @property
    def said(self) -> str:
        """What was said of the last night."""
        assert self.watched[-1] is not None
        return " ".join([self.watched[-1].sentence, *self.watched[-1].lines])

    def measure(self, name: str, run_id: str) -> pd.DataFrame:
        """Rows of one kind of a run."""
        rows = self.table("measures")
        return rows[(rows["measure"] == name) & (rows["run_id"] == run_id)]


def entry_of(row: Mapping[str, Any]) -> LedgerEntry:
    """What a `watch` that died had of a canary."""
    return LedgerEntry(row["answer_key"], json.loads(row["answer"]), Effort(attempts=1, requests=1), NOW.isoformat())


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


def test_only_nights_are_rows_of_the_index_and_what_reads_it(nights: Nights) -> None:
    """A canary's row is no night: no watermark, no trend, no row of the page of runs, no work for the index."""
    nights.night()
    update_index(nights.lake, "support_tickets")
    nights.night()
    update_index(nights.lake, "support_tickets")
    rows = run_rows(nights.lake, "support_tickets")
    assert [row["purpose"] for row in rows.rows.values()] == ["night", "night"]
    assert not rows.older
    assert is_beside("runs/x/a-night-v1-m.canary.parquet") and not is_beside("runs/x/a-night-v1-gpt-6.1.parquet")
    assert not is_beside(window_run_key(NOW, NOW, "a.canary", "v1"))


def test_a_step_of_the_model_is_told_once_and_nothing_is_compared_across_it(
    nights: Nights, fault_server: FaultServer
) -> None:
    for _ in range(4):
        nights.night()
    assert "Nothing moved against the last 3 nights" in nights.said
    assert f"0 of {CANARIES} canaries answer otherwise than the night before, usually 0 do" in nights.said
    fault_server.set_plan(Plan(rules=(Rule(answer=OTHERWISE, probability=0.7),), seed=1))
    changed = nights.whole_night()
    assert nights.watched[-1] is not None and nights.watched[-1].causes == ["model"]
    assert nights.said.startswith("The model changed: ") and nights.said.split(": ")[1][0] != "0"
    report = nights.report()
    assert report.count(nights.watched[-1].sentence) == 2 and "Compared with 4 nights since 24 Nov 2026" in report
    (told,) = [row for row in nights.measure("drift", changed["run_id"]).to_dict("records") if pd.isna(row["field"])]
    assert (told["value"], told["says"]) == ("model", nights.watched[-1].sentence)
    flipped = read_table(nights.lake, nights.lake.files("canaries", "support_tickets")[-1], ["flipped"]).to_pylist()
    assert {name for row in flipped for name in row["flipped"]} <= {*OTHERWISE} - {"problem", "request"}
    nights.night()
    assert nights.watched[-1] is not None and nights.watched[-1].causes == []
    assert "Nothing is compared with nights before 28 Nov 2026" in nights.said
    assert "Too early to say: 1 night to compare with" in nights.said


def test_labelled_canaries_that_get_worse_say_that_quality_fell(nights: Nights, fault_server: FaultServer) -> None:
    lines = (nights.pipeline.folder / "samples" / "tickets.jsonl").read_text().splitlines()
    texts = {row["id"]: row["text"] for row in map(json.loads, lines)}
    labels = load_golden(nights.pipeline)
    right = [
        Rule(answer={**label, "escalation_quote": None}, marker=marker)
        for key, label in labels.items()
        if (marker := max(texts[key].split(), key=len)) and sum(marker in text for text in texts.values()) == 1
    ]
    assert len(right) > 20
    nights.canaries = 30
    fault_server.set_plan(Plan(rules=tuple(right)))
    nights.night()
    scores = nights.measure("golden_score", "scheduled__1").set_index("field")["number"]
    assert scores["category"] > 0.6
    nights.night()
    assert "Quality fell" not in nights.said
    fault_server.set_plan(Plan(rules=(Rule(answer=OTHERWISE, marker=" "),)))
    nights.night()
    assert nights.watched[-1] is not None and "quality" in nights.watched[-1].causes
    assert "labelled canaries are answered worse" in nights.said
    fallen = nights.measure("golden_score", "scheduled__3").set_index("field")["number"]
    assert fallen["category"] < scores["category"]


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


def test_watch_again_asks_nobody_and_changes_no_byte(nights: Nights, fault_server: FaultServer) -> None:
    nights.night()
    row = nights.night()
    before, asked = nights.files(), fault_server.counters().requests
    nights.look(nights.of_night(2), row)
    assert fault_server.counters().requests == asked
    assert nights.files() == before and "asked for" in nights.said


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


@pytest.mark.parametrize("form", [{"dry_run": True}, {"prompt_version": "v1"}])
def test_a_trial_and_a_dry_run_are_compared_with_nothing(
    nights: Nights, fault_server: FaultServer, form: dict[str, Any]
) -> None:
    nights.write_source(tickets(2))
    row = nights.run(**form)
    assert row["purpose"] in ("dry_run", "trial") and nights.watched == [None]
    assert fault_server.counters().requests == row["requests"]
    assert "Customers, model or quality" not in nights.report()


def test_another_model_or_prompt_is_a_mark_and_no_news(nights: Nights) -> None:
    for _ in range(3):
        nights.night()
    nights.night(model="gpt-6-sol")
    assert "A mark, no news: this night is of v3 on gpt-6-sol, and 3 of the last 3 nights, by v3 on" in nights.said
    assert "Too early to say: 0 nights to compare with" in nights.said
    nights.night()
    assert "1 of the last 4 nights, by v3 on gpt-6-sol, have no part in this" in nights.said
    assert "Nothing moved against the last 3 nights" in nights.said


def test_a_prompt_that_is_edited_under_its_name_is_seen_by_the_canaries(nights: Nights) -> None:
    nights.night()
    nights.night()
    path = nights.lake.files("canaries", "support_tickets")[-1]
    rows = read_table(nights.lake, path)
    other = pa.array([f"{number:064x}" for number in range(rows.num_rows)])
    write_table(nights.lake, path, rows.set_column(rows.schema.get_field_index("answer_key"), "answer_key", other))
    nights.night()
    assert "The question itself is another one" in nights.said and "0 nights to compare with" in nights.said
    nights.night()
    assert "Nothing is compared with nights before 26 Nov 2026" in nights.said


def test_nights_that_others_rules_redacted_are_compared_and_it_is_said(nights: Nights) -> None:
    nights.night()
    (path,) = [path for path in nights.lake.files("runs", "support_tickets") if not is_beside(path)]
    (row,) = read_table(nights.lake, path).to_pylist()
    write_table(nights.lake, path, pa.Table.from_pylist([{**row, "redaction_version": "old"}], schema=RUNS_SCHEMA))
    nights.night()
    assert "Some of the nights were redacted by other rules." in nights.said


def test_a_lake_of_the_version_before_has_no_canaries_and_no_drift(nights: Nights) -> None:
    nights.canaries = 0
    nights.night()
    (path,) = nights.lake.files("measures", "support_tickets")
    rows = read_table(nights.lake, path)
    write_table(nights.lake, path, rows.filter(pc.not_equal(rows["measure"], "drift")))
    nights.canaries = CANARIES
    nights.night()
    assert "Compared with 1 night " in nights.said and "canaries answer otherwise" not in nights.said
    nights.lake.fs.rm_file(path)
    nights.night()
    assert "Compared with 1 night " in nights.said


def test_measures_that_were_written_anew_are_read_anew(nights: Nights) -> None:
    """What was read before is kept beside the lake's index, as long as it is what stands there."""
    nights.night()
    nights.night()
    (first, second) = nights.lake.files("measures", "support_tickets")
    assert [*read_measures(nights.lake, "support_tickets", [first])] == [first]
    rows = read_table(nights.lake, first)
    write_table(nights.lake, first, rows.slice(0, 2))
    found = read_measures(nights.lake, "support_tickets", [first, second, "gone"])
    assert found.keys() == {first, second}
    assert found[first].num_rows == 2 and found[second].num_rows > 2
    index = f"{nights.lake.index('support_tickets')}/measured.parquet"
    nights.lake.fs.pipe_file(index, b"damaged")
    assert read_measures(nights.lake, "support_tickets", [first])[first].num_rows == 2
    assert read_table(nights.lake, index).num_rows == 2


def test_a_night_is_grouped_into_themes_and_they_are_counted(nights: Nights) -> None:
    nights.whole_night()
    assert nights.measure("theme_count", "scheduled__1").empty
    assert len(nights.lake.find(f"{nights.lake.root}/themes/items/support_tickets", "*/*.parquet")) == 1


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
