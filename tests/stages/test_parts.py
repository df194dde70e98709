"""Stages hand a run on in parts: no text is written more than it must, nothing is paid twice when parts change."""

import asyncio
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from include.errors import StopRun
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.manifests import Planned
from include.stages.plan import plan_run
from include.stages.validate import validate_run
from include.stages.work_files import WorkFiles
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets


@pytest.fixture
def deployment(tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Six tickets in shards of two."""
    monkeypatch.setenv("NIGHTSHIFT_SHARD_RECORDS", "2")
    made = Deployment(tmp_path, fault_server.base_url)
    made.write_source(tickets(6))
    return made


def holding(deployment: Deployment, text: str) -> set[str]:
    """Tables and work files with this text in one of their columns."""
    root = Path(deployment.lake.root)
    return {
        path.relative_to(root).parts[0] if "_work" not in str(path) else path.name
        for path in root.rglob("*.parquet")
        if any(text in str(column.to_pylist()) for column in pq.read_table(path).columns)
    }


def test_a_text_is_written_four_times_on_its_way(deployment: Deployment) -> None:
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    shards = asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    for shard in shards:
        asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, shard))
    validate_run(deployment.lake, deployment.pipeline, run, deployment.endpoint)
    assert len(shards) == 3
    text = tickets(1)[0]["text"]
    assert holding(deployment, text) == {"raw", "records.parquet"}
    deployment.finish(run)
    assert holding(deployment, text) == {"raw", "results", "current"}


def test_what_the_shards_of_an_earlier_plan_answered_is_not_asked_again(
    deployment: Deployment, fault_server: FaultServer
) -> None:
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    assert asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint)) == [0, 1, 2]
    asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, 1))
    # One more at the front: every shard has another text.
    deployment.write_source([*tickets(1, start=500), *tickets(6)])
    row = deployment.go(run)
    assert (row["published"], row["skipped"]) == (7, 0)
    asked = sorted(fault_server.counters().calls_per_key.values())
    # The tiny question of each plan is the same one.
    assert asked == [1] * 7 + [2]
    results = deployment.table("results")
    assert (results["prompt_tokens"] > 0).all() and not results["reused"].any()
    assert row["requests"] == 9
    assert results["cost_usd"].sum() + row["unusable_cost_usd"] == pytest.approx(row["cost_usd"])
    assert len(deployment.table("audit")) == 7 and deployment.table("audit")["answered_at"].notna().all()


def test_what_was_spent_before_counts_against_the_budget(deployment: Deployment) -> None:
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, 0))
    assert asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint)) == [0, 1]
    work = WorkFiles(deployment.lake, run)
    assert 0 < work.read(Planned).spent_usd < run.budget_usd


def test_records_that_changed_since_the_plan_are_not_sent(deployment: Deployment, fault_server: FaultServer) -> None:
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    asked = fault_server.counters().requests
    deployment.write_source(tickets(6, start=100))
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    with pytest.raises(StopRun, match="changed since `plan`"):
        asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, 0))
    assert fault_server.counters().requests == asked
