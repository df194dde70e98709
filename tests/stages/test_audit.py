"""What left the house stands in the audit, and nothing else does."""

from pathlib import Path

import pytest

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
