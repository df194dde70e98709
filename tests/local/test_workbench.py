"""`make run` on this machine: its Airflow, its lock, its end, and what Ctrl-C leaves behind."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from include.errors import ConfigurationError
from include.lake.paths import manual_run_key, open_lake
from include.llm.progress import ProgressReporter, ShardProgress
from include.local.model_server import running_model
from include.local.run import BY_DEFAULT, chosen_pipelines
from include.local.summary import progress_line, shard_progress, stage_of
from include.local.workbench import airflow_home, locked, workbench_environ
from tests.fault_server.running import FaultServer
from tests.local.processes import adopting_orphans, descendants
from tests.servers.provider import Answer, Provider
from tests.sources.test_zendesk import CUSTOMER, HelpDesk

ROOT = Path(__file__).parents[2]

__all__ = ["adopting_orphans"]


def test_a_second_workbench_is_refused_with_the_place_of_the_first(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        lock.write_text("http://localhost:8080")
        with pytest.raises(ConfigurationError, match="http://localhost:8080"), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass


def test_the_ui_needs_no_login_and_listens_on_this_machine_alone(tmp_path: Path) -> None:
    environ = workbench_environ(tmp_path, 8123, model_url=None)
    assert environ["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "True"
    assert len(environ["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    assert (tmp_path / "jwt_secret").stat().st_mode & 0o077 == 0


def test_the_settings_of_another_airflow_in_the_environment_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production/airflow")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE", "True")
    monkeypatch.setenv("NO_PROXY", "intranet")
    environ = workbench_environ(tmp_path, 8123, model_url=None)
    assert environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{tmp_path}/airflow.db"
    assert environ["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environ["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] == "True", "a matter of taste stays the user's"
    assert environ["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_a_task_waits_a_minute_for_its_next_try_at_most(tmp_path: Path) -> None:
    # What Airflow caps its growing pauses with.
    capped = "from airflow.sdk.definitions._internal.abstractoperator import MAX_RETRY_DELAY; print(MAX_RETRY_DELAY)"
    environ = workbench_environ(tmp_path, 8123, model_url=None)
    done = subprocess.run([sys.executable, "-c", capped], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "60"


def test_the_home_of_another_airflow_is_left_alone(tmp_path: Path) -> None:
    said: list[str] = []
    other, own = tmp_path / "other", tmp_path / "own"
    other.mkdir()
    (other / "airflow.cfg").touch()
    assert airflow_home(said.append, {"AIRFLOW_HOME": str(other)}) == ROOT / ".airflow"
    assert str(other) in said[0]
    with locked(own):
        (own / "airflow.cfg").touch()
    assert airflow_home(said.append, {"AIRFLOW_HOME": str(own)}) == own
    assert airflow_home(said.append, {}) == ROOT / ".airflow"
    assert len(said) == 1


def test_a_secret_that_was_never_written_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "jwt_secret").touch(mode=0o600)
    first = workbench_environ(tmp_path, 8123, model_url=None)["AIRFLOW__API_AUTH__JWT_SECRET"]
    assert len(first) >= 64
    assert workbench_environ(tmp_path, 8123, model_url=None)["AIRFLOW__API_AUTH__JWT_SECRET"] == first


def test_pipelines_are_chosen_by_name_and_a_wrong_name_is_told() -> None:
    assert chosen_pipelines(None) == list(BY_DEFAULT)
    assert chosen_pipelines("survey_answers, support_tickets") == ["survey_answers", "support_tickets"]
    with pytest.raises(ConfigurationError, match="tickets_of_support"):
        chosen_pipelines("tickets_of_support")


def test_progress_names_the_first_stage_that_is_not_finished() -> None:
    tasks = [{"task_id": "extract", "state": "success"}, {"task_id": "plan", "state": "running"}]
    assert stage_of(tasks) == "plan"
    progress = {
        "total": 60, "done": 12, "failed": 1, "in_flight": 8, "rate_60s": 1.5, "rate_limited_60s": 0,
        "failures_60s": 0, "cost_usd": None, "last_error": None,
    }  # fmt: skip
    line = progress_line("support_tickets", "infer", progress)
    assert "12 of 60 texts, 1.5/s, 1 failed, 8 in flight" in line
    assert "cost unknown" in line
    assert "last minute" not in line
    troubled = {**progress, "failures_60s": 3, "last_error": "Connection refused."}
    assert "0 x 429 and 3 failures, the last: Connection refused." in progress_line(
        "support_tickets", "infer", troubled
    )


def test_progress_is_summed_over_what_the_shards_have_written(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    assert shard_progress(lake, "support_tickets", "manual__1") is None
    for number, trouble in enumerate((None, "Connection refused.", None)):
        progress = ShardProgress(shard=number, total=10, done=4, last_error=trouble, failures_60s=trouble is not None)
        path = lake.work("support_tickets", manual_run_key("manual__1"), "progress", f"{number}.json")
        ProgressReporter(lake, path, progress).write_file()
    found = shard_progress(lake, "support_tickets", "manual__1")
    line = progress_line("support_tickets", "infer", found)
    assert "12 of 30 texts" in line
    assert "0 x 429 and 1 failures, the last: Connection refused." in line


@pytest.mark.slow
def test_the_bundled_model_answers_by_a_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["good", "bad"]}},
        "required": ["mood"],
        "additionalProperties": False,
    }
    body = {
        "model": "smollm2-135m-instruct",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "How are you?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": schema}},
    }
    with running_model() as url:
        request = urllib.request.Request(
            f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            answer = json.load(response)
    assert json.loads(answer["choices"][0]["message"]["content"])["mood"] in ("good", "bad")


COMMAND = [sys.executable, "-m", "include.local.run"]


def environ_of_run(folder: Path, base_url: str, **settings: str) -> dict[str, str]:
    """The environment of a `make run ONCE=1` with its lake and its Airflow in a folder."""
    return os.environ | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "NIGHTSHIFT_LAKE": str(folder / "lake"),
        "OPENAI_BASE_URL": base_url,
        "PYTHONPATH": str(ROOT),
        "ONCE": "1",
        **settings,
    }


def make_run(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(COMMAND, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)


@pytest.mark.airflow
def test_make_run_once_ends_well_leaves_no_process_and_a_second_one_asks_nothing(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    environ = environ_of_run(tmp_path, fault_server.base_url)
    before = descendants()
    first = make_run(environ)
    assert first.returncode == 0, first.stdout + first.stderr
    for name in BY_DEFAULT:
        assert f"Parquet  {tmp_path}/lake/current/{name}" in first.stdout
        for table in ("current", "results", "quarantine", "runs", "reports"):
            assert list((tmp_path / "lake" / table / name).rglob("*.*")), (table, name)
    assert descendants() == before
    fault_server.reset()
    again = make_run(environ)
    assert again.returncode == 0, again.stdout + again.stderr
    assert fault_server.counters().requests == 0


@pytest.mark.airflow
def test_make_run_reads_the_help_desk_that_the_environment_names_or_says_what_to_check(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    desk, an_hour_ago = HelpDesk(), (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    desk.open(7, (CUSTOMER, "The kettle burns."), created_at=an_hour_ago, updated_at=an_hour_ago)
    with Provider(desk.answer) as provider:
        connection = {"conn_type": "http", "host": provider.base_url, "login": "a@x.com/token", "password": "secret"}
        environ = environ_of_run(
            tmp_path,
            fault_server.base_url,
            PIPELINES="support_tickets",
            ZENDESK_CONNECTION="zendesk",
            AIRFLOW_CONN_ZENDESK=json.dumps(connection),
        )
        provider.fail(Answer(401, {"error": "Couldn't authenticate you"}))
        refused = make_run(environ)
        assert refused.returncode == 1, refused.stdout + refused.stderr
        assert "token of the Airflow connection zendesk" in refused.stdout
        read = make_run(environ)
    assert read.returncode == 0, read.stdout + read.stderr
    (row,) = pd.read_parquet(tmp_path / "lake" / "current" / "support_tickets").to_dict("records")
    assert (row["record_id"], row["text"]) == ("7", "customer: Subject 7: The kettle burns.")


@pytest.mark.airflow
def test_ctrl_c_leaves_no_process_and_the_half_finished_run_does_not_block_the_next_one(tmp_path: Path) -> None:
    from tests.fault_server.plan import Plan

    with FaultServer(Plan(latency_seconds=5.0)) as server:
        environ = environ_of_run(tmp_path, server.base_url, PIPELINES="support_tickets")
        before = descendants()
        process = subprocess.Popen(
            COMMAND,
            env=environ,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            # As a shell starts a job in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        assert process.stdout is not None
        for line in process.stdout:
            if "infer" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert descendants() == before
        server.set_plan(Plan())
        again = make_run(environ)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "marked 1 runs" in again.stdout
