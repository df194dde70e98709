"""Trouble of everybody fails the run, keeps what was paid, and leaves no record with it."""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError, EndpointUnusable, FuseBlown, QualityGateFailed
from include.lake.effort import Effort, Usage
from include.llm.endpoint import Endpoint
from include.llm.ledger import scan_ledger, total_spent
from include.llm.prices import load_price
from include.pipelines.definition import Pipeline
from include.settings import max_error_share
from include.stages.extract import extract_records
from include.stages.failure import record_failure
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from include.stages.run_context import RunContext
from include.stages.validate import validate_run
from include.stages.work_files import WorkFiles
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets

NO_MONEY = json.dumps({"error": {"message": "Insufficient Balance", "code": "unknown_error"}})
BLOCKED = "<html><body>Blocked by a rule.</body></html>"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
EMPTY = json.dumps({"choices": [{"index": 0, "message": {"content": None}, "finish_reason": "stop"}], "usage": USAGE})


class Sharded(Deployment):
    """Ten records a shard."""

    @property
    def pipeline(self) -> Pipeline:
        return dataclasses.replace(super().pipeline, shard_size=10)


def reply(status: int, body: str, **when: Any) -> Rule:
    return Rule(fault="any_reply", settings={"status": status, "body": body}, **when)


def odd_tickets(count: int, odd: int) -> list[dict[str, Any]]:
    """Tickets of which the first so many are odd."""
    return [{**t, "text": f"Odd. {t['text']}"} if n < odd else t for n, t in enumerate(tickets(count))]


@pytest.fixture
def deploy(tmp_path: Path, fault_server: FaultServer, own_store: None) -> Callable[[Sequence[dict[str, Any]]], Sharded]:
    def made(records: Sequence[dict[str, Any]]) -> Sharded:
        deployment = Sharded(tmp_path, fault_server.base_url)
        deployment.write_source(records)
        return deployment

    return made


Deploy = Callable[[Sequence[dict[str, Any]]], Sharded]


def planned(d: Sharded, run_id: str = "manual__1") -> tuple[RunContext, list[int]]:
    run = d.settle(run_id)
    extract_records(d.lake, d.pipeline, run, d.environ)
    return run, asyncio.run(plan_run(d.lake, d.pipeline, run, d.endpoint))


def infer(d: Sharded, run: RunContext, shards: Sequence[int], environ: dict[str, str] | None = None) -> None:
    """All shards at once, as Airflow has them; raises what the first of them raises."""

    async def all_of_them() -> None:
        ends = [infer_shard(d.lake, d.pipeline, run, d.endpoint, shard, environ or {}) for shard in shards]
        for end in await asyncio.gather(*ends, return_exceptions=True):
            if end is not None and isinstance(end, BaseException):
                raise end

    asyncio.run(all_of_them())


def row_after(d: Sharded, run: RunContext) -> dict[str, Any]:
    record_failure(d.lake, run)
    row = d.row(run)
    row["skipped_by_reason"] = dict(row["skipped_by_reason"])
    assert (row["state"], row["published"], row["quarantined"]) == ("failed", 0, 0)
    assert sum(row["skipped_by_reason"].values()) == row["skipped"] == row["extracted"]
    assert d.table("quarantine").empty
    return row


def test_a_balance_that_runs_out_fails_the_run_and_nothing_is_paid_twice(
    deploy: Deploy, fault_server: FaultServer
) -> None:
    d = deploy(tickets(30))
    run, shards = planned(d)
    fault_server.set_plan(Plan(rules=(reply(402, NO_MONEY, calls=(9, 100_000)),)))
    with pytest.raises(EndpointUnusable, match="Insufficient Balance"):
        infer(d, run, shards)
    row = row_after(d, run)
    assert row["skipped_by_reason"] == {"answered_unpublished": 8, "provider_stopped": 22}
    assert row["cost_usd"] == row["unusable_cost_usd"] > 0
    fault_server.set_plan(Plan())
    infer(d, run, shards)
    assert fault_server.counters().requests == 22
    row = d.finish(run)
    assert (row["state"], row["published"], row["quarantined"]) == ("success", 30, 0)


def test_an_allowance_of_a_day_that_is_used_up_fails_the_run_and_says_when_it_frees(
    deploy: Deploy, fault_server: FaultServer
) -> None:
    d = deploy(tickets(30))
    run, shards = planned(d)
    fault_server.set_plan(Plan(rules=(Rule(fault="said_long_limit", calls=(9, 100_000)),)))
    with pytest.raises(EndpointUnusable, match=r"tokens per day.*about 10 min.*What was answered is kept"):
        infer(d, run, shards)
    row = row_after(d, run)
    assert row["skipped_by_reason"] == {"answered_unpublished": 8, "provider_stopped": 22}
    asked = fault_server.counters().requests
    fault_server.set_plan(Plan())
    infer(d, run, shards)
    assert fault_server.counters().requests == 22
    assert asked < 8 + 3 * 40
    assert d.finish(run)["state"] == "success"


def test_the_fuse_counts_all_shards_and_what_it_stops_is_asked_again(deploy: Deploy, fault_server: FaultServer) -> None:
    d = deploy(odd_tickets(40, 12))
    run, shards = planned(d)
    assert len(shards) == 4
    fault_server.set_plan(Plan(rules=(reply(403, BLOCKED, marker="Odd."),)))
    with pytest.raises(FuseBlown, match=r"Blocked by a rule"):
        infer(d, run, shards)
    row = row_after(d, run)
    assert set(row["skipped_by_reason"]) == {"answered_unpublished", "fuse"}
    answered = row["skipped_by_reason"]["answered_unpublished"]
    assert row["skipped_by_reason"]["fuse"] >= 5
    # Once more in trouble: it is the fuse again, not the counts of the first time.
    with pytest.raises(FuseBlown):
        infer(d, run, shards)
    row = row_after(d, run)
    assert row["skipped_by_reason"]["answered_unpublished"] >= answered
    fault_server.set_plan(Plan())
    infer(d, run, shards)
    assert fault_server.counters().requests == row["skipped_by_reason"]["fuse"]
    assert sum(json.loads(p.read_text())["failed"] for p in (d.folder / "lake/_work").rglob("progress/*.json")) == 0


@pytest.mark.parametrize(
    ("rule", "odd", "environ"),
    [
        # A few are theirs to blame.
        (reply(403, BLOCKED, marker="Odd."), 3, {}),
        (reply(403, BLOCKED, marker="Odd."), 16, {"NIGHTSHIFT_MAX_ERROR_SHARE": "0.95"}),
        # Our rules, moderation and length are not what the fuse is there for.
        (Rule(fault="not_json", marker="Odd."), 30, {}),
        (Rule(fault="refusal", marker="Odd."), 30, {}),
        (Rule(fault="content_filter", marker="Odd."), 30, {}),
        (Rule(fault="context_length_exceeded", marker="Odd."), 30, {}),
        (reply(400, json.dumps({"error": {"code": "content_filter", "message": "No."}}), marker="Odd."), 30, {}),
    ],
)
def test_the_fuse_stays_whole(
    rule: Rule, odd: int, environ: dict[str, str], deploy: Deploy, fault_server: FaultServer
) -> None:
    d = deploy(odd_tickets(40, odd))
    run, shards = planned(d)
    fault_server.set_plan(Plan(rules=(rule,)))
    infer(d, run, shards, environ)


def test_the_bundled_model_has_no_fuse(deploy: Deploy, fault_server: FaultServer) -> None:
    class Bundled(Sharded):
        endpoint = property(lambda d: Endpoint(d.base_url, "local", is_demo=True, in_flight=4))  # type: ignore[assignment]

    d = Bundled(deploy(odd_tickets(30, 29)).folder, fault_server.base_url)
    run, shards = planned(d)
    fault_server.set_plan(Plan(rules=(reply(403, BLOCKED, marker="Odd."),)))
    infer(d, run, shards)
    assert validate_run(d.lake, d.pipeline, run, d.endpoint)["quarantined"] == {"infer": 29}


@pytest.mark.parametrize("value", ["20%", "-0.1", "1.5", "nan"])
def test_a_share_that_is_none_is_said_before_anything_is_pulled(value: str, deploy: Deploy) -> None:
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_MAX_ERROR_SHARE"):
        max_error_share({"NIGHTSHIFT_MAX_ERROR_SHARE": value})
    assert [max_error_share({"NIGHTSHIFT_MAX_ERROR_SHARE": share}) for share in ("0", "1", "")] == [0.0, 1.0, 0.2]


def test_a_run_that_would_quarantine_nearly_all_publishes_nothing(deploy: Deploy, fault_server: FaultServer) -> None:
    d = deploy(odd_tickets(22, 20))
    run, shards = planned(d)
    fault_server.set_plan(Plan(rules=(Rule(fault="not_json", marker="Odd."),)))
    infer(d, run, shards)
    with pytest.raises(QualityGateFailed, match="20 of 22 records would be quarantined, 20 of them as not_json"):
        validate_run(d.lake, d.pipeline, run, d.endpoint)
    assert row_after(d, run)["skipped_by_reason"] == {"answered_unpublished": 22}
    assert d.table("results").empty


def test_a_few_records_that_are_all_quarantined_are_theirs(deploy: Deploy, fault_server: FaultServer) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="not_json", marker="Odd."),)))
    row = deploy(odd_tickets(4, 4)).run()
    assert (row["published"], row["quarantined"]) == (0, 4)


def first_question(d: Deployment, run: RunContext) -> Effort:
    """What the first question of a planned run has cost."""
    return total_spent(scan_ledger(d.lake, WorkFiles(d.lake, run).path("ledger", "carried")))


@pytest.mark.slow
def test_what_is_paid_for_nothing_stands_in_the_run_and_counts_against_its_budget(
    deploy: Deploy, fault_server: FaultServer
) -> None:
    class OneAtATime(Sharded):
        @property
        def endpoint(self) -> Endpoint:
            return dataclasses.replace(super().endpoint, in_flight=1)

    d = OneAtATime(deploy(odd_tickets(12, 1)).folder, fault_server.base_url)
    run, shards = planned(d)
    # Others are asked, and answered, while it waits after the 429.
    busy = Rule(fault="429_retry_after_ms", settings={"milliseconds": 100}, marker="Odd.", times=1)
    fault_server.set_plan(
        Plan(rules=(reply(200, EMPTY, marker="Odd.", times=1), busy, reply(200, EMPTY, marker="Odd.")))
    )
    infer(d, run, shards)
    price = load_price(run.model, d.base_url)
    assert price is not None
    wasted = 3 * price.cost_usd(Usage(USAGE["prompt_tokens"], 0, USAGE["completion_tokens"]))
    first = first_question(d, run)
    row = d.finish(run)
    held = d.table("quarantine")
    assert held["error_type"].tolist() == ["empty_answer"]
    assert row["unusable_cost_usd"] == pytest.approx(wasted + (first.cost_usd or 0.0))
    rows = d.table("results")["cost_usd"].sum() + held["cost_usd"].sum()
    assert row["cost_usd"] == pytest.approx(rows + row["unusable_cost_usd"])
    # The others, three for nothing, the 429 and the first question.
    assert row["requests"] == 11 + 3 + 1 + 1


def test_money_that_an_attempt_has_wasted_is_missing_in_the_budget_of_the_next_one(
    deploy: Deploy, fault_server: FaultServer
) -> None:
    d = deploy(tickets(12))
    run, shards = planned(d)
    fault_server.set_plan(Plan(rules=(reply(200, EMPTY),)))
    with pytest.raises(EndpointUnusable, match="nobody a usable answer"):
        infer(d, run, shards)
    row = row_after(d, run)
    assert row["skipped_by_reason"] == {"provider_stopped": 12}
    assert row["unusable_cost_usd"] == row["cost_usd"] > 0
    first = first_question(d, run)
    asked = fault_server.counters().requests
    assert row["prompt_tokens"] == USAGE["prompt_tokens"] * asked + first.usage.prompt_tokens
    fault_server.set_plan(Plan())
    infer(d, dataclasses.replace(run, budget_usd=row["cost_usd"] - (first.cost_usd or 0.0)), shards)
    assert fault_server.counters().requests == 0


def test_the_steps_of_a_long_text_are_counted_once(deploy: Deploy, fault_server: FaultServer) -> None:
    d = Sharded(deploy([]).folder, fault_server.base_url, "call_transcripts")
    long = "\n".join(f"Agent: this is sentence {n} of a call that goes on and on." for n in range(150))
    d.write_source([{"id": "C-1", "text": long, "created_at": "2026-11-01T00:00:00Z"}])
    run, shards = planned(d)
    infer(d, run, shards)
    asked = fault_server.counters()
    row = row_after(d, run)
    assert row["skipped_by_reason"] == {"answered_unpublished": 1}
    assert row["requests"] == asked.requests > 3
