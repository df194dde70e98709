"""`docker-compose.yaml` and `.env.example` have what Airflow's own have, and nothing that is open or guessable."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from include.llm.endpoint import REMOTE_TIMEOUT_SECONDS
from include.pipelines.registry import pipeline_names
from include.settings import source_setting
from include.sources.columns import columns_setting
from include.stages.dag import INFER_TIMEOUT, RETRY_DELAY, RUN_TIMEOUT
from include.stages.pool import POOL, POOL_SLOTS, THEMES_POOL

ROOT = Path(__file__).parents[2]
README = "".join(page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *ROOT.glob("include/*/README.md")])
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
AIRFLOW = {name: service for name, service in SERVICES.items() if name.startswith("airflow-")}


def test_compose_has_airflows_services() -> None:
    assert set(SERVICES) == {
        "postgres", "redis", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-worker",
        "airflow-triggerer", "airflow-init", "airflow-cli", "flower",
    }  # fmt: skip
    for name, service in SERVICES.items():
        assert "healthcheck" in service or name in ("airflow-init", "airflow-cli"), name
        if name.startswith("airflow-") and name not in ("airflow-init", "airflow-cli"):
            assert service["depends_on"]["airflow-init"]["condition"] == "service_completed_successfully"


def test_every_airflow_service_has_the_settings_that_all_must_share() -> None:
    for name, service in AIRFLOW.items():
        for setting in (
            "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API_AUTH__JWT_ISSUER", "AIRFLOW__CORE__FERNET_KEY",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "PYTHONPATH",
            "NIGHTSHIFT_LAKE",
        ):  # fmt: skip
            assert service["environment"][setting], (name, setting)


def test_no_secret_has_a_default_and_no_port_is_open_to_others() -> None:
    for secret in ("FERNET_KEY", "JWT_SECRET", "API_SECRET_KEY", "POSTGRES_PASSWORD", "AIRFLOW_PASSWORD"):
        assert f"${{{secret}:?" in TEXT
        assert f"${{{secret}:-" not in TEXT
        assert re.search(rf"^{secret}=$", EXAMPLE, re.MULTILINE)
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_every_variable_of_compose_is_in_the_example() -> None:
    used = re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT)
    assert set(used) == set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE))


def settings_that_the_code_reads() -> set[str]:
    """Names of variables in the code, but for pipelines of a company's own, which the README does not know."""
    pipelines = ROOT / "include" / "pipelines"
    ours = [name for name in pipeline_names() if f"`{name}`" in README]
    code = [path for path in (ROOT / "include").rglob("*.py") if not path.is_relative_to(pipelines)]
    code += [path for name in ours for path in (pipelines / name).rglob("*.py")]
    named = r'"((?:NIGHTSHIFT|OPENAI|APP_STORE|GOOGLE_PLAY)_[A-Z_]*[A-Z]|[A-Z_]+_(?:CONNECTION|PREFIX))"'
    found = {name for path in code for name in re.findall(named, path.read_text(encoding="utf-8"))}
    # `make run` sets the last two for its own tasks.
    return {*found, *map(source_setting, ours), *map(columns_setting, ours)} - {
        "NIGHTSHIFT_LOCAL_MODEL_URL",
        "NIGHTSHIFT_RECORDED_URL",
    }


def test_every_setting_that_the_code_reads_is_in_the_readme_and_reaches_the_containers() -> None:
    settings = settings_that_the_code_reads()
    documented = set(re.findall(r"`([A-Z_]+)`", README))
    assert {
        name for name in settings if not name.startswith(("NIGHTSHIFT_SOURCE_", "NIGHTSHIFT_COLUMNS_"))
    } <= documented
    environment = SERVICES["airflow-triggerer"]["environment"]
    assert {name for name in environment if not name.startswith(("AIRFLOW__", "PYTHONPATH"))} == settings


def test_compose_is_what_the_specification_says() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yaml"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_init_stops_at_the_first_failure_and_never_resets_the_pool() -> None:
    init = SERVICES["airflow-init"]
    (_, script) = init["command"]
    first, *steps = script.splitlines()
    assert init["entrypoint"] == "/bin/bash"
    assert first == "set -euo pipefail"
    assert init["restart"] == "no"
    assert f"airflow pools get {POOL} > /dev/null || airflow pools set {POOL} {POOL_SLOTS} " in steps[-1]
    # Whoever gives the themes more slots has two writers.
    assert f"airflow pools set {THEMES_POOL} 1 " in steps[-2]
    assert all("airflow " in step or step.startswith("  --") for step in steps)


def test_the_image_is_plain_python_with_the_lock_and_owns_what_volumes_take_over() -> None:
    assert DOCKERFILE.count("FROM ") == 1
    assert "FROM python:3.11-slim" in DOCKERFILE
    assert (
        "pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements.txt && pip check"
        in DOCKERFILE
    )
    # A named volume on a folder that the image lacks belongs to root; the workers could not write the lake.
    (made,) = re.findall(r"^RUN mkdir -p (.*?) &&", DOCKERFILE, re.MULTILINE)
    named = {volume.partition(":")[2] for volume in SERVICES["airflow-worker"]["volumes"] if volume[0] not in "./"}
    assert named == {f"/opt/airflow/{folder}" for folder in made.split()}


def test_what_a_service_may_take_is_bounded() -> None:
    for name, service in SERVICES.items():
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["logging"]["options"]["max-file"], name


def test_a_restart_loses_nothing_that_waits() -> None:
    broker, worker = SERVICES["redis"], SERVICES["airflow-worker"]
    assert "--appendonly yes" in broker["command"]
    assert [volume for volume in broker["volumes"] if volume.endswith(":/data")]
    assert worker["init"] is True
    assert int(worker["stop_grace_period"].removesuffix("m")) * 60 > REMOTE_TIMEOUT_SECONDS
    assert (
        "include.stages.worker" in json.loads(worker["environment"]["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"])["imports"]
    )
    visible = int(worker["environment"]["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"])
    assert visible > INFER_TIMEOUT.total_seconds()


def test_a_killed_worker_s_shard_goes_on_within_two_minutes() -> None:
    environment = SERVICES["airflow-scheduler"]["environment"]
    found = int(environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"])
    # Airflow looks every ten seconds, and waits for up to twice the delay.
    assert found + 10 + 2 * RETRY_DELAY.total_seconds() < 120 - 15
    lost = int(environment["AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT"])
    assert lost + int(environment["AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL"]) < 120 - 15
    # What only waits for a free worker is not given up before the night is over.
    assert lost * int(environment["AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES"]) >= RUN_TIMEOUT.total_seconds()


def test_no_health_check_starts_airflow() -> None:
    for name, service in SERVICES.items():
        for word in service.get("healthcheck", {}).get("test", []):
            assert "airflow jobs" not in word and "airflow.providers" not in word, name


def test_texts_of_the_host_can_be_read() -> None:
    assert "./data:/opt/airflow/data:ro" in SERVICES["airflow-worker"]["volumes"]
    assert {"/data/", "/secrets/", ".env"} <= set((ROOT / ".gitignore").read_text(encoding="utf-8").split())
    assert {"data", "secrets", ".env"} <= set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
