"""`make try` compares two prompts without touching the lake."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from include.llm.endpoint import RECORDED_MODEL
from include.local.try_prompt import main, sample_records
from include.pipelines.registry import load_pipeline
from include.privacy.policy import RedactionPolicy
from include.stages.airflow_run import endpoint_of_deployment
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets
from tests.stages.test_whole_run import VALID


def test_two_prompts_stand_side_by_side_with_scores_tokens_and_cost(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", fault_server.base_url)
    monkeypatch.setenv("NIGHTSHIFT_LAKE", str(tmp_path / "lake"))
    # One tiny question, five records with v3, five with v2: the last ones get another answer.
    fault_server.set_plan(Plan(rules=(Rule(answer=VALID, calls=(7, 11)),)))
    assert main(["--pipeline", "support_tickets", "--prompt", "v2", "--count", "5"]) == 0
    printed = capsys.readouterr().out
    assert "  * problem (v3 on gpt-6-luna)" in printed
    assert f"  * problem (v2 on gpt-6-luna): {VALID['problem']}" in printed
    assert "5 records have golden labels" in printed
    assert "a night of 1,000 records" in printed
    assert fault_server.counters().requests == 11
    assert not (tmp_path / "lake").exists()


def shared_limits(folder: Path) -> tuple[set[str], dict[str, list[str]]]:
    """Of the store below a folder: what is kept to together, and key to dimensions of each pace."""
    with closing(sqlite3.connect(next(folder.rglob("limits.sqlite")))) as store:
        rows = dict(store.execute("SELECT key, object FROM objects"))
    paces = {key: sorted(json.loads(state)["due"]) for key, state in rows.items() if key.startswith("limit:")}
    return {key.partition(":")[0] for key in rows}, paces


@pytest.mark.parametrize("who", ["a trial", "a night"])
def test_a_trial_and_a_night_ask_with_the_same_key_in_flight_limits_and_budget(
    who: str, tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "openai", "password": "key-of-the-connection", "host": fault_server.base_url}
    monkeypatch.setenv("AIRFLOW_CONN_OPENAI_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("NIGHTSHIFT_IN_FLIGHT", "2")
    monkeypatch.setenv("NIGHTSHIFT_REQUESTS_PER_MINUTE", "60000")
    monkeypatch.setenv("NIGHTSHIFT_TOKENS_PER_MINUTE", "1e9")
    monkeypatch.setenv("NIGHTSHIFT_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    deployment = Deployment(tmp_path, fault_server.base_url)
    deployment.write_source(tickets(6))
    monkeypatch.setenv("NIGHTSHIFT_SOURCE_SUPPORT_TICKETS", deployment.environ["NIGHTSHIFT_SOURCE_SUPPORT_TICKETS"])
    fault_server.set_plan(Plan(api_key="key-of-the-connection", latency_seconds=0.05))
    if who == "a trial":
        assert main(["--pipeline", "support_tickets", "--prompt", "v2", "--count", "6"]) == 0
    else:
        endpoint, pipeline, lake = endpoint_of_deployment(), deployment.pipeline, deployment.lake
        run = deployment.settle(environ=os.environ)
        extract_records(lake, pipeline, run)
        for shard in asyncio.run(plan_run(lake, pipeline, run, endpoint)):
            asyncio.run(infer_shard(lake, pipeline, run, endpoint, shard))
    counters = fault_server.counters()
    assert (counters.answered_ok, counters.max_in_flight) == (13 if who == "a trial" else 7, 2)
    pace = f"limit:{fault_server.base_url} gpt-6-luna"
    # A trial shows what fails, however much of it.
    kept = {"limit", "budget"} if who == "a trial" else {"limit", "budget", "fuse"}
    assert shared_limits(tmp_path) == (kept, {pace: ["requests", "tokens"]})


def test_a_prompt_that_does_not_exist_is_named(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", fault_server.base_url)
    assert main(["--pipeline", "support_tickets", "--prompt", "v99", "--count", "1"]) == 1
    assert "v99" in capsys.readouterr().err


def test_a_budget_for_a_model_without_a_known_price_is_refused_before_the_first_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://llm.company.invalid/v1")
    monkeypatch.setenv("NIGHTSHIFT_BUDGET_USD", "1")
    arguments = ["--pipeline", "support_tickets", "--prompt", "v2", "--count", "1", "--model", "house-model"]
    assert main(arguments) == 1
    assert "The price of house-model is unknown" in capsys.readouterr().err


def test_a_number_of_records_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--pipeline", "support_tickets", "--prompt", "v2", "--count", "0"])
    assert "from 1 on" in capsys.readouterr().err


def test_a_source_without_a_record_is_told(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tickets.jsonl").touch()
    monkeypatch.setenv("NIGHTSHIFT_SOURCE_SUPPORT_TICKETS", str(tmp_path / "tickets.jsonl"))
    monkeypatch.setenv("OPENAI_BASE_URL", fault_server.base_url)
    assert main(["--pipeline", "support_tickets", "--prompt", "v2"]) == 1
    assert "no readable record" in capsys.readouterr().err


def test_texts_are_redacted_as_the_pipeline_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "tickets.jsonl"
    source.write_text(json.dumps({"id": "T-1", "text": "Member M-204117 wrote from 192.0.2.44."}))
    monkeypatch.setenv("NIGHTSHIFT_SOURCE_SUPPORT_TICKETS", str(source))
    policy = RedactionPolicy(kinds=("EMAIL",), patterns={"MEMBER": r"\bM-\d{6}\b"})
    pipeline = replace(load_pipeline("support_tickets"), redaction=policy)
    assert [record.text for record in sample_records(pipeline, 1)] == ["Member <MEMBER_1> wrote from 192.0.2.44."]


def test_texts_are_read_in_the_encoding_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "tickets.csv"
    source.write_bytes("id,text\n1,Zásilka přišla pozdě\n".encode("cp1250"))
    monkeypatch.setenv("NIGHTSHIFT_SOURCE_SUPPORT_TICKETS", str(source))
    monkeypatch.setenv("NIGHTSHIFT_ENCODING", "cp1250")
    assert [record.text for record in sample_records(load_pipeline("support_tickets"), 1)] == ["Zásilka přišla pozdě"]


@pytest.mark.parametrize("set_", ["the recorded answers are served", "their name is given"])
def test_recorded_answers_are_not_compared(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], set_: str
) -> None:
    is_served = set_ == "the recorded answers are served"
    monkeypatch.setenv("NIGHTSHIFT_RECORDED_URL" if is_served else "OPENAI_BASE_URL", fault_server.base_url)
    arguments = ["--pipeline", "support_tickets", "--prompt", "v2", "--count", "1"]
    assert main([*arguments, *([] if is_served else ["--model", RECORDED_MODEL])]) == 1
    assert "Nothing is scored on recorded-answers: people wrote them" in capsys.readouterr().err
    assert fault_server.counters().requests == 0
