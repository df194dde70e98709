"""What the READMEs show works as they say."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from include.pipelines.registry import load_pipeline
from include.settings import live_source, source_setting
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / ".github/CONTRIBUTING.md", *sorted((ROOT / "include").glob("*/README.md"))]
README = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
OF_THE_LAKE = "".join((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "include/lake/README.md"))
SNIPPETS = sorted(set(re.findall(r"```python\n(.*?)```", OF_THE_LAKE, re.DOTALL)))
COMMANDS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake in it that holds reviews."""
    folder = tmp_path_factory.mktemp("readme")
    with FaultServer() as server:
        deployment = Deployment(folder, server.base_url, "app_store_reviews")
        deployment.write_source(
            [{"id": str(n), "text": f"Crash {n}. Nice icon.", "created_at": "2026-11-01"} for n in range(20)]
        )
        deployment.run()
    return folder


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.split()[1])
def test_the_lake_reads_as_the_readme_says(snippet: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", snippet], cwd=folder, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_make_command_in_the_readme_is_a_recipe() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    code = "\n".join(re.findall(r"```sh\n.*?```|`[^`\n]+`", README, re.DOTALL))
    used = set(re.findall(r"\bmake ([a-z-]+)\b", code))
    assert used <= targets
    assert {"run", "test", "try"} <= used


def made() -> list[tuple[dict[str, str], list[str]]]:
    """Environment and arguments of each `make` that the README shows, as a shell gives them."""
    tell = '-c "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:]]))"'
    script = f'make() {{ "{sys.executable}" {tell} "$@"; }}\n' + "\n".join(COMMANDS)
    done = subprocess.run(
        ["bash", "-euc", script], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_every_make_command_shown_starts_a_program_that_there_is() -> None:
    commands = made()
    assert {"run", "test", "try", "new-pipeline"} <= {arguments[0] for _, arguments in commands}
    for environ, arguments in commands:
        planned = subprocess.run(
            ["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, env=environ
        ).stdout
        modules = re.findall(r"/python -m ([a-z_.]+)", planned)
        assert ".venv/bin/" in planned or modules, arguments
        assert all(importlib.util.find_spec(module) for module in modules), arguments


def test_every_source_that_is_set_up_in_a_command_is_the_pipeline_s(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import BaseHook

    kinds = set()
    for environ, (_, *arguments) in made():
        for name in (argument.partition("=")[2] for argument in arguments if argument.startswith("PIPELINES=")):
            pipeline = load_pipeline(name)
            if source_setting(name) in environ or any(argument.startswith("FILE=") for argument in arguments):
                continue
            assert live_source(pipeline, environ) is not None, name
            named = [value for setting, value in environ.items() if setting.endswith("_CONNECTION")]
            named += re.findall(r"://(\w+)@", environ.get("CALL_TRANSCRIPTS_PREFIX", ""))
            for connection_id in named:
                variable = f"AIRFLOW_CONN_{connection_id.upper()}"
                monkeypatch.setenv(variable, environ[variable])
                kinds.add(type(BaseHook.get_connection(connection_id).get_hook()).__name__)
    assert kinds == {"HttpHook", "PostgresHook", "AwsGenericHook"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_folder_file_and_picture_that_a_readme_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:include|tests|dags|plugins)/[a-z_/]*(?:\.\w+)?)`", text):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (page.parent / link).exists(), link


def test_the_first_readme_is_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
