"""What left the house stands in the audit, and nothing else does."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from include.errors import EndpointUnusable
from include.stages.extract import extract_records
from include.stages.failure import record_failure
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets

PRIVATE = {"id": "P", "text": "Mail me at jo@example.com or call +44 20 7946 0958. It broke."}


@pytest.fixture
def deployment(tmp_path: Path, fault_server: FaultServer) -> Deployment:
    made = Deployment(tmp_path, fault_server.base_url)
    made.write_source([*tickets(5), PRIVATE, {"id": "E", "text": ""}])
    return made


def test_every_text_that_was_sent_has_a_row_with_the_kinds_that_were_taken_out(deployment: Deployment) -> None:
    deployment.run()
    audit = deployment.table("audit").set_index("record_id")
    assert sorted(audit.index) == ["P", "T-0000", "T-0001", "T-0002", "T-0003", "T-0004"]
    assert list(audit.loc["P", "kinds_redacted"]) == ["EMAIL", "PHONE"]
    assert list(audit.loc["T-0000", "kinds_redacted"]) == []
    assert set(audit["endpoint"]) == {deployment.base_url.split("/")[2]}
    results = deployment.table("results").set_index("record_id")
    assert (audit["answer_key"].sort_index() == results["answer_key"].sort_index()).all()
    assert audit.loc["P", "characters"] == len(results.loc["P", "text"])


def test_answers_that_were_reused_left_nothing(deployment: Deployment) -> None:
    deployment.run()
    deployment.run("manual__2", reprocess="older_prompt")
    audit = deployment.table("audit")
    assert len(audit) == 6
    assert set(audit["run_id"]) == {"manual__1"}


def test_a_text_that_several_records_share_was_sent_once(deployment: Deployment) -> None:
    deployment.write_source([{"id": "A", "text": "Broken."}, {"id": "B", "text": "Broken."}])
    deployment.run()
    assert len(deployment.table("results")) == 2
    assert len(deployment.table("audit")) == 1


def test_what_was_sent_in_vain_was_sent(deployment: Deployment, fault_server: FaultServer) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="bad_enum", marker="Order 3"),)))
    deployment.run()
    row = deployment.table("audit").set_index("record_id").loc["T-0003"]
    assert row["requests"] == 3


def test_the_same_run_again_keeps_its_audit(deployment: Deployment) -> None:
    deployment.run()
    deployment.run()
    assert len(deployment.table("audit")) == 6


def test_a_run_that_dies_has_its_rows_before_the_first_text_is_sent(deployment: Deployment) -> None:
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    assert asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint)) == [0]
    audit = deployment.table("audit").set_index("record_id")
    assert sorted(audit.index) == ["P", "T-0000", "T-0001", "T-0002", "T-0003", "T-0004"]
    # It may have been sent: nobody was left to say so.
    assert audit["requests"].isna().all()
    assert list(audit.loc["P", "kinds_redacted"]) == ["EMAIL", "PHONE"]


def test_a_run_that_fails_half_way_says_what_it_sent(deployment: Deployment, fault_server: FaultServer) -> None:
    # One text gets its answer, then the provider says that the quota is used up.
    fault_server.set_plan(Plan(rules=(Rule(fault="insufficient_quota", marker="Order 3"),)))
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    one_at_a_time = dataclasses.replace(deployment.endpoint, in_flight=1)
    with pytest.raises(EndpointUnusable):
        asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, one_at_a_time, 0))
    record_failure(deployment.lake, run)
    audit = deployment.table("audit").set_index("record_id")["requests"]
    assert len(audit) == 6
    assert audit.dropna().eq(1).all()
    assert fault_server.counters().answered_ok - 1 == audit.notna().sum()
    assert "T-0003" not in audit.dropna().index
    # The task is cleared after the plan was paid for.
    fault_server.set_plan(Plan())
    asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, 0))
    deployment.finish(run)
    assert deployment.table("audit")["requests"].tolist() == [1] * 6


def test_a_text_that_is_asked_about_again_has_left_twice(deployment: Deployment) -> None:
    deployment.run()
    deployment.run(reprocess="all")
    audit = deployment.table("audit")
    assert len(audit) == 12
    assert audit.groupby("answer_key")["requests"].sum().tolist() == [2] * 6


def test_what_a_dry_run_estimates_stays_in_the_house(deployment: Deployment) -> None:
    deployment.run(dry_run=True)
    assert deployment.table("audit").empty
