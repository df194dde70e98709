"""`docker-compose.yaml` and `.env.example` have what Airflow's own have, and nothing that is open or guessable."""

import re
from pathlib import Path
from typing import Any

import yaml

from include.pipelines.registry import pipeline_names
from include.settings import source_setting

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
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
    # `make run` sets the last one for its own tasks.
    return {*found, *map(source_setting, ours)} - {"NIGHTSHIFT_LOCAL_MODEL_URL"}


def test_every_setting_that_the_code_reads_is_in_the_readme_and_reaches_the_containers() -> None:
    settings = settings_that_the_code_reads()
    documented = set(re.findall(r"`([A-Z_]+)`", README))
    assert {name for name in settings if not name.startswith("NIGHTSHIFT_SOURCE_")} <= documented
    environment = SERVICES["airflow-triggerer"]["environment"]
    assert {name for name in environment if not name.startswith(("AIRFLOW__", "PYTHONPATH"))} == settings


def test_init_migrates_makes_the_pool_and_gives_the_volumes_to_airflows_user() -> None:
    (script,) = SERVICES["airflow-init"]["command"][1:]
    assert SERVICES["airflow-init"]["environment"]["_AIRFLOW_DB_MIGRATE"] == "true"
    assert "pools set llm" in script
    # A named volume on a folder that the image lacks belongs to root; the workers could not write the lake.
    (owned,) = re.findall(r"chown -R \S+ (.*)", script)
    volumes = {volume.partition(":")[2] for volume in SERVICES["airflow-worker"]["volumes"] if volume[0] not in "./"}
    assert volumes == set(owned.split())
