"""What the README shows works as it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
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


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["pandas", "duckdb", "polars"])
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


def test_every_folder_and_file_that_the_readme_names_is_there() -> None:
    for path in re.findall(r"`((?:include|tests|dags|plugins)/[a-z_/]*(?:\.csv)?)`", README):
        assert (ROOT / path).exists(), path
    for picture in re.findall(r"\]\((\.github/[^)]+)\)", README):
        assert (ROOT / picture).is_file(), picture
