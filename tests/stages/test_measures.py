"""Each run is told in numbers: `measures/` says what `results/`, `quarantine/` and `runs/` hold."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from include.lake.lake_index import update_index
from include.lake.read import read_table
from include.lake.schemas import MEASURES_SCHEMA
from include.lake.write import write_table
from include.quality.measures import share_measure
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets
from tests.stages.test_whole_run import NO_TEXT

CONTRACT = (
    *("run_id", "run_key", "purpose", "occurred_on", "measure", "field", "value"),
    *("basis", "number", "low", "high", "n", "says"),
)
CLOSED = ("category", "priority", "sentiment", "escalation_risk")


@pytest.fixture
def deployment(tmp_path: Path, fault_server: FaultServer) -> Deployment:
    fault_server.set_plan(Plan(rules=(Rule(fault="not_json", marker="Order 7 "),)))
    made = Deployment(tmp_path, fault_server.base_url)
    made.write_source([tickets(1)[0] | {"id": "same-text", "replies": "two"}, NO_TEXT, *tickets(12)])
    return made


def of(rows: pd.DataFrame, measure: str) -> dict[tuple[Any, Any], float]:
    """Field and value to number of one measure."""
    found = rows[rows["measure"] == measure]
    values = [None if pd.isna(value) else value for value in found["value"]]
    return dict(zip(zip(found["field"], values, strict=True), found["number"], strict=True))


def test_a_night_in_numbers(deployment: Deployment) -> None:
    row = deployment.run(limit=11)
    rows, results = deployment.table("measures"), deployment.table("results")
    (path,) = deployment.lake.files("measures", "support_tickets")
    assert path == deployment.lake.files("runs", "support_tickets")[0].replace("/runs/", "/measures/")
    assert MEASURES_SCHEMA.names == list(CONTRACT)
    assert read_table(deployment.lake, path).schema.names == list(CONTRACT)
    for column, value in {"run_id": row["run_id"], "run_key": row["run_key"], "purpose": "night"}.items():
        assert set(rows[column]) == {value}
    assert set(rows["basis"]) == {"observed"}
    assert rows["occurred_on"].isna().all()

    shares = {
        (field, value): share
        for field in CLOSED
        for value, share in results[field].value_counts(normalize=True).items()
    }
    assert of(rows, "share") == pytest.approx(shares)
    is_share = rows["measure"] == "share"
    assert set(rows[is_share]["n"]) == {row["published"]}
    assert (rows[is_share]["low"] < rows[is_share]["number"]).all()
    assert (rows[is_share]["high"] >= rows[is_share]["number"]).all()

    lengths, waits = results["text"].str.len(), results[~results["reused"]]["latency_ms"]
    for name, of_field in {"text_characters": lengths, "latency_ms": waits}.items():
        assert of(rows, "mean")[name, None] == pytest.approx(of_field.mean())
        assert of(rows, "p50")[name, None] == pytest.approx(of_field.quantile(0.5))
        assert of(rows, "p95")[name, None] == pytest.approx(of_field.quantile(0.95))

    counts = of(rows, "count")
    assert counts["published", None] == row["published"] == len(results)
    assert counts["reused", None] == row["reused"] == 1
    assert {stage: n for (field, stage), n in counts.items() if field == "quarantined"} == {"extract": 1, "infer": 1}
    skipped = {reason: n for (field, reason), n in counts.items() if field == "skipped"}
    assert skipped == dict(row["skipped_by_reason"]) and skipped
    assert counts["unreadable_values", "replies"] == 1
    assert "Values that are not of their column's type, and null: replies 1." in deployment.report()
    kept = [n for (field, _), n in counts.items() if field in ("published", "quarantined", "skipped")]
    assert counts["extracted", None] == sum(kept)
    (cost,) = of(rows, "cost").values()
    assert (pd.isna(cost) and row["cost_usd"] is None) or cost == row["cost_usd"]

    held = rows[rows["measure"] == "expectation"]
    assert set(held["number"]) <= {0.0, 1.0}
    sentences = dict(zip(held["says"], held["number"], strict=True))
    assert sentences["record_id must come only once in a run"] == 1.0
    assert "it must not be that nearly every answer has one category" in sentences
    assert "it must not be that nearly every answer has one category" in deployment.report()


def test_what_fails_the_gate_is_quarantined_with_the_sentence_and_counted_there(deployment: Deployment) -> None:
    """An answer of a time in which its label was allowed is paid for, so it comes back for the same text."""
    deployment.write_source(tickets(2))
    deployment.run("manual__first")
    (path,) = deployment.lake.files("results", "support_tickets")
    rows = read_table(deployment.lake, path)
    old = rows.set_column(rows.column_names.index("category"), "category", pa.array(["parcels"] * 2))
    write_table(deployment.lake, path, old)
    update_index(deployment.lake, "support_tickets")
    deployment.write_source([ticket | {"id": f"twin-{ticket['id']}"} for ticket in tickets(1)])
    row = deployment.run("manual__second")
    assert (row["published"], row["quarantined"], row["validation_success"]) == (0, 1, False)
    (held,) = deployment.table("quarantine").to_dict("records")
    assert (held["error_type"], held["error_message"]) == (
        "expectation_failed",
        "category must be one of its 12 values",
    )
    rows = deployment.table("measures")
    counts = of(rows[rows["run_id"] == "manual__second"], "count")
    assert (counts["published", None], counts["quarantined", "validate"]) == (0, 1)


def test_a_run_of_any_purpose_has_measures_that_say_so(deployment: Deployment) -> None:
    """A dry run has counts and no shares, because nobody has answered."""
    deployment.run("manual__dry", dry_run=True)
    rows = deployment.table("measures")
    assert set(rows["purpose"]) == {"dry_run"}
    assert set(rows["measure"]) == {"count", "cost"}
    assert of(rows, "count")["skipped", "dry_run"] > 0
    deployment.run("manual__trial", prompt_version="v1")
    assert set(deployment.table("measures")["purpose"]) == {"dry_run", "trial"}


@pytest.mark.parametrize(
    ("count", "total", "low", "high"), [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0)]
)
def test_the_interval_of_a_share(count: int, total: int, low: float, high: float) -> None:
    """As tables of the Wilson interval give it; it never leaves 0 to 1."""
    measure = share_measure("topic", "login", count, total)
    assert (measure.number, measure.n) == (count / total, total)
    assert (measure.low, measure.high) == pytest.approx((low, high), abs=0.001)
