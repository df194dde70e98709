"""What becomes of a run whose money runs out on the way."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from include.errors import BudgetExceeded, ConfigurationError
from include.llm.prices import OWN_TABLE_COLUMNS, usd
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.manifests import Planned
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.run_context import RunContext
from include.stages.validate import validate_run
from include.stages.work_files import WorkFiles
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets

RECORDS = 60


@pytest.fixture
def deployment(tmp_path: Path, fault_server: FaultServer, own_store: None) -> Deployment:
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


@pytest.mark.slow
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


# Nobody answers there, so nothing can be asked; and nobody lists a price of the model.
ELSEWHERE = "https://llm.company.invalid/v1"


@pytest.mark.parametrize("own_budget", [{"budget_usd": 0.001}, {"environ": {"NIGHTSHIFT_BUDGET_USD": "0.001"}}])
def test_a_budget_that_a_person_set_needs_a_price(deployment: Deployment, own_budget: dict[str, Any]) -> None:
    elsewhere = dataclasses.replace(deployment, base_url=ELSEWHERE)
    run = elsewhere.settle(model="house-model", **own_budget)
    extract_records(elsewhere.lake, elsewhere.pipeline, run, elsewhere.environ)
    with pytest.raises(ConfigurationError, match=r"(?s)house-model is unknown.*0\.0010 USD.*NIGHTSHIFT_PRICES"):
        asyncio.run(plan_run(elsewhere.lake, elsewhere.pipeline, run, elsewhere.endpoint))


def test_without_a_price_the_pipelines_own_budget_is_a_warning_in_log_and_report(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = dataclasses.replace(deployment, base_url=ELSEWHERE)
    row = elsewhere.run(model="house-model", dry_run=True)
    assert row["estimated_cost_usd"] is None and row["skipped"] == RECORDS
    assert "The price of house-model is unknown" in caplog.text
    assert "The price of house-model is unknown" in deployment.report()


def test_a_cost_that_nobody_knows_is_null_and_not_zero(deployment: Deployment) -> None:
    run = deployment.settle(model="house-model", promote=True)
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    shards = asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    work = WorkFiles(deployment.lake, run)
    plan = work.read(Planned)
    work.write(dataclasses.replace(plan, price=None, estimated=dataclasses.replace(plan.estimated, cost_usd=None)))
    for shard in shards:
        asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, shard))
    row = deployment.finish(run)
    assert row["published"] == RECORDS and row["cost_usd"] is None
    assert deployment.table("results")["cost_usd"].isna().all()
    assert "The price of house-model is unknown" in deployment.report()


def test_a_model_on_ones_own_machine_costs_nothing_and_a_plan_settles_what_an_answer_costs(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = deployment.run("manual__0", model="house-model", budget_usd=0.01)
    assert row["published"] == RECORDS
    assert row["cost_usd"] == row["estimated_cost_usd"] == 0.0
    table = tmp_path / "own.csv"
    table.write_text(f"{OWN_TABLE_COLUMNS}\n{deployment.pipeline.model},1000,1000,1000,2026-11-01\n")
    run = deployment.settle(budget_usd=1e6)
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    monkeypatch.setenv("NIGHTSHIFT_PRICES", str(table))
    shards = asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    table.unlink()
    for shard in shards:
        asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, shard))
    row = deployment.finish(run)
    of_records = row["cost_usd"] - row["unusable_cost_usd"]
    assert of_records == pytest.approx((row["prompt_tokens"] + row["completion_tokens"]) / 1000)


def test_a_budget_and_a_dry_run_are_never_told_as_nothing(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    run = deployment.settle(budget_usd=0.00004)
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    with pytest.raises(BudgetExceeded, match=r"at 0\.0\d+ USD .* budget of 0\.000040 USD"):
        asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    row = deployment.run("manual__2", dry_run=True)
    assert "for a month of such nights" in caplog.text
    report = deployment.report()
    assert f"a month of such nights about {usd(30 * row['estimated_cost_usd'])}" in report
    assert "0.0000 USD" not in report and f"{RECORDS} records wait" in report
