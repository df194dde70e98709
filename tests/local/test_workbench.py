"""`make run` on this machine: ports, locks, children, and what Ctrl-C leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
import yaml

from include.errors import ConfigurationError
from include.local.children import Children
from include.local.model_server import running_model
from include.local.ports import HOST, free_port
from include.local.run import chosen_pipelines
from include.local.summary import progress_line, stage_of
from include.local.workbench import locked, workbench_environ
from include.pipelines.registry import pipeline_names
from tests.fault_server.running import FaultServer

ROOT = Path(__file__).parents[2]


def test_a_busy_port_gives_way_to_the_next_free_one() -> None:
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert port < free_port(port) < port + 50


def test_a_second_workbench_is_refused_with_the_place_of_the_first(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        lock.write_text("http://localhost:8080")
        with pytest.raises(ConfigurationError, match="http://localhost:8080"), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass


def test_children_stop_with_everything_that_they_started(tmp_path: Path) -> None:
    grandchild = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    script = f"import subprocess, sys, time; {grandchild}; time.sleep(60)"
    me = psutil.Process()
    others = set(me.children(recursive=True))
    with Children(tmp_path) as children:
        children.start("parent", [sys.executable, "-c", script], os.environ)
        give_up_at = time.monotonic() + 20
        while len(family := set(me.children(recursive=True)) - others) < 2 and time.monotonic() < give_up_at:
            time.sleep(0.1)
        assert len(family) >= 2
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def test_a_child_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        children.start("short", [sys.executable, "-c", "print('bye')"], os.environ)
        give_up_at = time.monotonic() + 20
        while children.dead() is None and time.monotonic() < give_up_at:
            time.sleep(0.1)
        assert children.dead() == "short"
        assert children.log_path("short").read_text() == "bye\n"


def test_the_ui_needs_no_login_and_listens_on_this_machine_alone(tmp_path: Path) -> None:
    environ = workbench_environ(tmp_path, 8123, model_url=None)
    assert environ["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "True"
    assert len(environ["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    assert (tmp_path / "jwt_secret").stat().st_mode & 0o077 == 0


def test_pipelines_are_chosen_by_name_and_a_wrong_name_is_told() -> None:
    assert chosen_pipelines(None) == pipeline_names()
    assert chosen_pipelines("support_tickets") == ["support_tickets"]
    with pytest.raises(ConfigurationError, match="tickets_of_support"):
        chosen_pipelines("tickets_of_support")


def test_progress_names_the_first_stage_that_is_not_finished() -> None:
    tasks = [{"task_id": "extract", "state": "success"}, {"task_id": "plan", "state": "running"}]
    assert stage_of(tasks) == "plan"
    progress = {
        "records": 60, "done": 12, "failed": 1, "requests": 13, "retries": 1, "rate_limited": 0,
        "records_per_second": 1.5, "cost_usd": None,
    }  # fmt: skip
    line = progress_line("support_tickets", "infer", progress)
    assert "12 of 60 texts, 1.5/s, 1 failed" in line
    assert "cost unknown" in line


def test_compose_has_airflows_services_and_settings() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    assert set(compose["services"]) >= {
        "postgres", "redis", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-worker",
        "airflow-triggerer", "airflow-init", "flower",
    }  # fmt: skip
    environ = compose["services"]["airflow-worker"]["environment"]
    for name in ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY", "PYTHONPATH", "NIGHTSHIFT_LAKE"):
        assert environ[name]
    example = (ROOT / ".env.example").read_text()
    for service in compose["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    for secret in ("FERNET_KEY", "JWT_SECRET", "POSTGRES_PASSWORD", "AIRFLOW_PASSWORD"):
        assert f"{secret}=\n" in example


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


@pytest.mark.slow
def test_make_run_once_ends_well_leaves_no_process_and_a_second_one_asks_nothing(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    environ = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "NIGHTSHIFT_LAKE": str(tmp_path / "lake"),
        "OPENAI_BASE_URL": fault_server.base_url,
        "PYTHONPATH": str(ROOT),
        "ONCE": "1",
    }
    command = [sys.executable, "-m", "include.local.run"]
    first = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert first.returncode == 0, first.stdout + first.stderr
    for name in pipeline_names():
        assert f"Parquet  {tmp_path}/lake/current/{name}" in first.stdout
        for table in ("current", "results", "quarantine", "runs", "reports"):
            assert list((tmp_path / "lake" / table / name).rglob("*.*")), (table, name)
    assert not [
        p
        for p in psutil.process_iter(["environ"])
        if (p.info["environ"] or {}).get("AIRFLOW_HOME") == environ["AIRFLOW_HOME"]
    ]
    fault_server.reset()
    again = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert again.returncode == 0, again.stdout + again.stderr
    assert fault_server.counters().requests == 0


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_and_the_half_finished_run_does_not_block_the_next_one(tmp_path: Path) -> None:
    from tests.fault_server.plan import Plan

    home = str(tmp_path / "airflow")
    with FaultServer(Plan(latency_seconds=5.0)) as server:
        environ = os.environ | {
            "AIRFLOW_HOME": home,
            "NIGHTSHIFT_LAKE": str(tmp_path / "lake"),
            "OPENAI_BASE_URL": server.base_url,
            "PYTHONPATH": str(ROOT),
            "PIPELINES": "support_tickets",
            "ONCE": "1",
        }
        command = [sys.executable, "-m", "include.local.run"]
        process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if "infer" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert not [
            p for p in psutil.process_iter(["environ"]) if (p.info["environ"] or {}).get("AIRFLOW_HOME") == home
        ]
        server.set_plan(Plan())
        again = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "marked 1 runs" in again.stdout
