"""`watch`: a night is told from those before it."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.lake.lake_index import run_rows, update_index
from include.lake.measured import read_measures
from include.lake.paths import is_beside, window_run_key
from include.lake.read import read_table
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from include.quality.golden import load_golden
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.running import NOW, tickets
from tests.stages.watched_nights import CANARIES, OTHERWISE, Nights


@pytest.fixture
def nights(tmp_path: Path, fault_server: FaultServer) -> Nights:
    return Nights(tmp_path, fault_server.base_url)


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


def test_watch_again_asks_nobody_and_changes_no_byte(nights: Nights, fault_server: FaultServer) -> None:
    nights.night()
    row = nights.night()
    before, asked = nights.files(), fault_server.counters().requests
    nights.look(nights.of_night(2), row)
    assert fault_server.counters().requests == asked
    assert nights.files() == before and "asked for" in nights.said


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
