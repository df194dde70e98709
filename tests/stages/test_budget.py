"""What becomes of a run whose money runs out on the way."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from include.errors import BudgetExceeded
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.run_context import RunContext
from include.stages.validate import validate_run
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets

RECORDS = 60


@pytest.fixture
def deployment(tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    made = Deployment(tmp_path, fault_server.base_url)
    made.write_source(tickets(RECORDS))
    return made


def answer_with(deployment: Deployment, share_of_cost: float) -> RunContext:
    """Plan with enough money, then answer with a share of what all answers cost."""
    whole = Deployment(deployment.folder / "whole", deployment.base_url)
    whole.folder.mkdir()
    whole.write_source(tickets(RECORDS))
    cost = whole.run()["cost_usd"]
    planned = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, planned, deployment.environ)
    shards = asyncio.run(plan_run(deployment.lake, deployment.pipeline, planned, deployment.endpoint))
    run = dataclasses.replace(planned, budget_usd=cost * share_of_cost)
    for shard in shards:
        asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, shard))
    return run


def test_infer_stops_at_the_budget_and_what_was_answered_is_published(deployment: Deployment) -> None:
    run = answer_with(deployment, 0.5)
    row = deployment.finish(run)
    assert 0 < row["published"] < RECORDS
    assert row["skipped"] == RECORDS - row["published"]
    assert row["cost_usd"] <= run.budget_usd * 1.02
    assert row["cost_usd"] >= run.budget_usd * 0.8


def test_the_next_run_takes_up_what_the_money_did_not_reach_for(
    deployment: Deployment, fault_server: FaultServer
) -> None:
    first = deployment.finish(answer_with(deployment, 0.5))
    fault_server.set_plan(Plan())
    second = deployment.run("manual__2")
    assert second["published"] == RECORDS - first["published"]
    assert len(deployment.table("current")) == RECORDS


def test_a_text_that_the_money_did_not_reach_for_has_not_left_the_house(deployment: Deployment) -> None:
    row = deployment.finish(answer_with(deployment, 0.5))
    audit = deployment.table("audit")
    assert len(audit) == row["published"] < RECORDS
    assert audit["requests"].eq(1).all()


def test_a_pipeline_may_hold_a_run_that_is_not_whole_and_nothing_is_paid_twice(
    deployment: Deployment, fault_server: FaultServer
) -> None:
    run = answer_with(deployment, 0.5)
    holding = dataclasses.replace(deployment.pipeline, over_budget="hold")
    with pytest.raises(BudgetExceeded, match="What was answered is kept"):
        validate_run(deployment.lake, holding, run, deployment.endpoint)
    assert deployment.table("current").empty
    fault_server.set_plan(Plan())
    later = deployment.settle("manual__2")
    extract_records(deployment.lake, holding, later, deployment.environ)
    for shard in asyncio.run(plan_run(deployment.lake, holding, later, deployment.endpoint)):
        asyncio.run(infer_shard(deployment.lake, holding, later, deployment.endpoint, shard))
    validate_run(deployment.lake, holding, later, deployment.endpoint)
    published = publish_run(deployment.lake, holding, later)["run"]
    assert published["published"] == RECORDS
    assert published["reused"] > 0
    # One of them asks whether the endpoint is there.
    assert fault_server.counters().requests == RECORDS - published["reused"] + 1
