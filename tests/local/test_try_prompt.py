"""`make try` compares two prompts without touching the lake."""

from pathlib import Path

import pytest

from include.local.try_prompt import main
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.test_whole_run import VALID


def test_two_prompts_stand_side_by_side_with_scores_tokens_and_cost(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", fault_server.base_url)
    monkeypatch.setenv("NIGHTSHIFT_LAKE", str(tmp_path / "lake"))
    # One tiny question, five records with v1, five with v2: the last ones get another answer.
    fault_server.set_plan(Plan(rules=(Rule(answer=VALID, calls=(7, 11)),)))
    assert main(["--pipeline", "support_tickets", "--prompt", "v2", "--count", "5"]) == 0
    printed = capsys.readouterr().out
    assert "  * problem (v1 on gpt-4.1-mini)" in printed
    assert f"  * problem (v2 on gpt-4.1-mini): {VALID['problem']}" in printed
    assert "5 records have golden labels" in printed
    assert "a night of 1,000 records" in printed
    assert fault_server.counters().requests == 11
    assert not (tmp_path / "lake").exists()


def test_a_prompt_that_does_not_exist_is_named(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", fault_server.base_url)
    assert main(["--pipeline", "support_tickets", "--prompt", "v99", "--count", "1"]) == 1
    assert "v99" in capsys.readouterr().err
