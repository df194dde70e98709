"""A whole run at flex: half the price, some of it at the standard tier, and online where there is no flex."""

import asyncio
import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from include.lake.effort import Effort
from include.llm.prices import OWN_TABLE_COLUMNS, Price, load_price, usd
from include.llm.providers.service_tier import MODES
from include.stages.extract import extract_records
from include.stages.failure import record_failure
from include.stages.flex_night import ASSUMED_STANDARD_SHARE
from include.stages.form import trigger_form
from include.stages.infer import infer_shard
from include.stages.manifests import Planned
from include.stages.plan import plan_run
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets

RECORDS = 40
REFUSED = Rule(fault="resource_unavailable", probability=0.25)


@pytest.fixture
def deployment(tmp_path: Path, fault_server: FaultServer, own_store: None) -> Deployment:
    made = Deployment(tmp_path, fault_server.base_url)
    made.write_source(tickets(RECORDS))
    return made


@pytest.fixture
def price(deployment: Deployment) -> Price:
    found = load_price(deployment.pipeline.model, deployment.base_url)
    assert found is not None and found.tiers["flex"].input_usd == found.input_usd / 2
    return found


class Impatient(Deployment):
    """Records that flex has no room for go at the standard tier at once."""

    @property
    def pipeline(self) -> Any:
        """The pipeline, with flex as its own mode."""
        return dataclasses.replace(super().pipeline, mode="flex", flex_patience_seconds=0.0)


def impatient(deployment: Deployment) -> Impatient:
    return Impatient(deployment.folder, deployment.base_url)


def plan(deployment: Deployment, run: RunContext) -> Planned:
    """Extract and plan."""
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    return WorkFiles(deployment.lake, run).read(Planned)


def test_a_night_at_flex_of_which_a_quarter_is_refused_is_published_whole_at_half_the_price(
    deployment: Deployment, fault_server: FaultServer, price: Price
) -> None:
    fault_server.set_plan(Plan(rules=(REFUSED,)))
    row = deployment.run(mode="flex")
    assert (row["published"], row["quarantined"], row["skipped"]) == (RECORDS, 0, 0)
    assert (row["requested_mode"], row["mode"], dict(row["service_tier_counts"])) == ("flex", "flex", {"flex": RECORDS})
    refused = fault_server.counters().by_fault["resource_unavailable"]
    assert refused > RECORDS / 8 and row["rate_limited"] == 0
    assert row["requests"] == fault_server.counters().requests == fault_server.counters().answered_ok + refused
    results = deployment.table("results")
    assert set(results["mode"]) == set(results["service_tier"]) == {"flex"}
    of_rows = [Effort.of_row(each).usage for each in results.to_dict("records")]
    assert results["cost_usd"].sum() == pytest.approx(sum(price.tiers["flex"].cost_usd(usage) for usage in of_rows))
    saved = sum(price.cost_usd(usage) for usage in of_rows) - results["cost_usd"].sum()
    assert f"Answers by service tier: {RECORDS} at flex; flex has saved about {usd(saved)}" in deployment.report()
    assert row["cost_usd"] == pytest.approx(results["cost_usd"].sum() + row["unusable_cost_usd"])


def test_what_goes_at_the_standard_tier_costs_its_price_and_both_are_told(
    deployment: Deployment, fault_server: FaultServer, price: Price
) -> None:
    fault_server.set_plan(Plan(rules=(REFUSED,)))
    row = impatient(deployment).run()
    results = deployment.table("results").set_index("record_id")
    tiers = results["service_tier"].value_counts().to_dict()
    assert set(tiers) == {"flex", "default"} and dict(row["service_tier_counts"]) == tiers
    assert (row["published"], row["mode"], set(results["mode"])) == (RECORDS, "flex", {"flex"})
    for each in results.to_dict("records"):
        usage = Effort.of_row(each).usage
        assert each["cost_usd"] == pytest.approx(price.cost_usd(usage, each["service_tier"]))
    assert f"{tiers['flex']} at flex, {tiers['default']} at default; flex has saved about" in deployment.report()


def test_the_next_estimate_counts_on_as_many_at_the_standard_tier(
    deployment: Deployment, fault_server: FaultServer, price: Price, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    dry = deployment.run("manual__0", mode="flex", dry_run=True)
    assert (dry["requested_mode"], dry["mode"], dry["requests"]) == ("flex", "flex", 0)
    online = deployment.run("manual__1", dry_run=True)["estimated_cost_usd"]
    assert dry["estimated_cost_usd"] == pytest.approx(online * (0.5 + 0.5 * ASSUMED_STANDARD_SHARE))
    assert f"if all have to go there, {usd(online)}" in caplog.text
    # A night on which all goes at the standard tier.
    fault_server.set_plan(Plan(rules=(Rule(fault="resource_unavailable"),)))
    assert dict(impatient(deployment).run("manual__2")["service_tier_counts"]) == {"default": RECORDS}
    deployment.write_source(tickets(RECORDS, start=500))
    estimates = [deployment.run(f"manual__{mode}", mode=mode, dry_run=True)["estimated_cost_usd"] for mode in MODES]
    assert estimates[0] == pytest.approx(estimates[1]) and estimates[0] > 0


WITHOUT = {
    "no_flex": "flex is not available for the model",
    "no_service_tier": "Extra inputs are not permitted",
    "billed_at_default": "is billed at default",
}


@pytest.mark.parametrize(("fault", "words"), WITHOUT.items())
def test_an_endpoint_without_flex_is_asked_online_and_that_is_said(
    fault: str, words: str, deployment: Deployment, fault_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=fault),), keep_bodies=True))
    row = deployment.run(mode="flex")
    assert (row["requested_mode"], row["mode"], row["published"]) == ("flex", "online", RECORDS)
    assert row["service_tier_counts"] == []
    asked = [json.loads(entry.body or "{}") for entry in fault_server.log().requests]
    assert [body.get("service_tier") for body in asked].count("flex") == 1
    assert set(deployment.table("results")["mode"]) == {"online"}
    assert "the run goes online" in caplog.text and words in caplog.text
    assert "Flex was asked for, and the run went online" in deployment.report() and words in deployment.report()
    # The estimate is that of a night online.
    again = deployment.run("manual__2", dry_run=True, reprocess="all")
    assert row["estimated_cost_usd"] > 0 and again["mode"] == "online"


def test_a_model_whose_price_at_flex_nobody_lists_is_asked_online(
    deployment: Deployment, fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = deployment.run("manual__1", mode="flex", model="gpt-4.1-mini", promote=True, limit=3)
    assert (row["requested_mode"], row["mode"], row["published"]) == ("flex", "online", 3)
    assert "nobody lists a price of flex for gpt-4.1-mini" in deployment.report()
    own = tmp_path / "own.csv"
    rows = ["gpt-4.1-mini,1,1,1,2026-11-01,", "gpt-4.1-mini,0.25,0.25,0.25,2026-11-01,flex"]
    own.write_text("\n".join([f"{OWN_TABLE_COLUMNS},service_tier", *rows]))
    monkeypatch.setenv("NIGHTSHIFT_PRICES", str(own))
    row = deployment.run("manual__2", mode="flex", model="gpt-4.1-mini", promote=True, limit=3)
    assert (row["mode"], dict(row["service_tier_counts"])) == ("flex", {"flex": 3})
    of_rows = row["cost_usd"] - row["unusable_cost_usd"]
    assert of_rows == pytest.approx((row["prompt_tokens"] + row["completion_tokens"]) / 4e6)


def test_an_endpoint_that_names_no_tier_is_asked_at_flex_and_priced_at_the_standard_tier(
    deployment: Deployment, fault_server: FaultServer, price: Price
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="tier_not_named"),)))
    row = deployment.run(mode="flex")
    assert (row["mode"], row["published"], row["service_tier_counts"]) == ("flex", RECORDS, [])
    for each in deployment.table("results").to_dict("records"):
        assert each["cost_usd"] == pytest.approx(price.cost_usd(Effort.of_row(each).usage))
    assert "does not say at which tier it bills" in deployment.report()


def test_answers_are_found_again_whichever_way_they_are_asked_for(
    deployment: Deployment, fault_server: FaultServer
) -> None:
    deployment.run("manual__1", mode="flex")
    asked = fault_server.counters().requests
    again = [{**ticket, "id": f"again-{ticket['id']}"} for ticket in tickets(RECORDS)]
    deployment.write_source(again)
    row = deployment.run("manual__2", mode="online")
    assert (row["mode"], row["published"], row["reused"], row["requests"]) == ("online", RECORDS, RECORDS, 0)
    assert fault_server.counters().requests == asked
    # They say how they were asked for.
    assert set(deployment.table("results")["mode"]) == {"flex"}


def test_a_dead_run_keeps_its_mode_and_tiers_and_goes_on(deployment: Deployment, fault_server: FaultServer) -> None:
    run = deployment.settle(mode="flex")
    planned = plan(deployment, run)
    assert (planned.mode, planned.no_flex) == ("flex", None)
    asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, 0))
    failed = record_failure(deployment.lake, run)
    assert (failed["requested_mode"], failed["mode"]) == ("flex", "flex")
    assert dict(failed["service_tier_counts"]) == {"flex": RECORDS}
    asked = fault_server.counters().requests
    # Planned once more by a deployment that has lost its flex: what is answered is.
    fault_server.set_plan(Plan(rules=(Rule(fault="no_flex"),)))
    row = deployment.go(run)
    assert (row["published"], row["cost_usd"]) == (RECORDS, pytest.approx(failed["cost_usd"]))
    assert asked == RECORDS + 1 and fault_server.counters().requests == 0
    assert set(deployment.table("results")["service_tier"]) == {"flex"}


def test_a_run_without_flex_that_fails_says_that_it_went_online(
    deployment: Deployment, fault_server: FaultServer
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="no_flex"),)))
    run = deployment.settle(mode="flex")
    assert plan(deployment, run).mode == "online"
    failed = record_failure(deployment.lake, run)
    assert (failed["requested_mode"], failed["mode"]) == ("flex", "online")


def test_the_form_goes_before_the_pipeline_and_the_pipeline_before_online(deployment: Deployment) -> None:
    assert deployment.settle().mode == "online"
    assert impatient(deployment).settle().mode == "flex"
    assert impatient(deployment).settle(mode="online").mode == "online"
    for made, mode in ((deployment, "online"), (impatient(deployment), "flex")):
        shown = trigger_form(made.pipeline)["mode"]
        assert (shown.value, shown.schema["enum"]) == (mode, ["online", "flex"])
