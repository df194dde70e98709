"""`make run` on this machine: its Airflow, its lock, and what it says."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from include.errors import ConfigurationError
from include.lake.paths import manual_run_key, open_lake
from include.llm.progress import ProgressReporter, ShardProgress
from include.local.model_server import running_model
from include.local.say import about
from include.local.standalone import airflow_home, locked, standalone_environ
from include.local.summary import shard_progress, stage_of, stage_words

ROOT = Path(__file__).parents[2]


def test_a_second_workbench_is_refused_with_the_place_of_the_first(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        lock.write_text("http://localhost:8080")
        with pytest.raises(ConfigurationError, match="http://localhost:8080"), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass


def test_the_ui_needs_no_login_and_listens_on_this_machine_alone(tmp_path: Path) -> None:
    environ = standalone_environ(tmp_path, 8123, model_url=None)
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
    environ = standalone_environ(tmp_path, 8123, model_url=None)
    assert environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{tmp_path}/airflow.db"
    assert environ["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environ["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] == "True", "a matter of taste stays the user's"
    assert environ["NO_PROXY"] == "intranet,127.0.0.1,localhost"


@pytest.mark.slow
def test_a_task_waits_a_minute_for_its_next_try_at_most(tmp_path: Path) -> None:
    # What Airflow caps its growing pauses with.
    capped = "from airflow.sdk.definitions._internal.abstractoperator import MAX_RETRY_DELAY; print(MAX_RETRY_DELAY)"
    environ = standalone_environ(tmp_path, 8123, model_url=None)
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
    first = standalone_environ(tmp_path, 8123, model_url=None)["AIRFLOW__API_AUTH__JWT_SECRET"]
    assert len(first) >= 64
    assert standalone_environ(tmp_path, 8123, model_url=None)["AIRFLOW__API_AUTH__JWT_SECRET"] == first


def test_progress_names_the_first_stage_that_is_not_finished() -> None:
    tasks = [{"task_id": "extract", "state": "success"}, {"task_id": "plan", "state": "running"}]
    assert stage_of(tasks) == "plan"
    progress = {
        "total": 60, "done": 12, "failed": 1, "in_flight": 8, "rate_60s": 1.5, "rate_limited_60s": 0,
        "failures_60s": 0, "cost_usd": None, "last_error": None,
    }  # fmt: skip
    words = stage_words("infer", progress)
    assert "12 of 60 texts done, 1.5/s, 1 failed" in words
    assert "cost unknown" in words
    assert "last minute" not in words
    troubled = {**progress, "failures_60s": 3, "last_error": "Connection refused."}
    assert "0 x 429 and 3 failures, the last: Connection refused." in stage_words("infer", troubled)


def test_progress_is_summed_over_what_the_shards_have_written(tmp_path: Path) -> None:
    lake, key = open_lake(str(tmp_path)), manual_run_key("manual__1")
    assert shard_progress(lake, "support_tickets", key) is None
    for number, trouble in enumerate((None, "Connection refused.", None)):
        progress = ShardProgress(shard=number, total=10, done=4, last_error=trouble, failures_60s=trouble is not None)
        ProgressReporter(lake, lake.work("support_tickets", key, "progress", f"{number}.json"), progress).write_file()
    words = stage_words("infer", shard_progress(lake, "support_tickets", key))
    assert "12 of 30 texts" in words
    assert "0 x 429 and 1 failures, the last: Connection refused." in words


def test_what_is_left_is_said_as_roughly_as_it_is_known() -> None:
    assert [about(seconds) for seconds in (-3, 3, 12, 88, 100, 3600)] == [
        *("any moment now", "any moment now", "about 10 s more", "about 90 s more", "about 2 min more"),
        "about 60 min more",
    ]


@pytest.mark.long
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
