"""`make new-pipeline` writes a source that works as it stands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
# The one is as long as a name may be: lines break where a name is long.
TABLE, FILES = "answers_".ljust(40, "x"), "probe"
NEW_FOLDER = {
    "__init__.py",
    "expectations.py",
    "golden/labels.jsonl",
    "output.py",
    "pipeline.py",
    "prompts/v1.md",
    "samples/texts.jsonl",
}


class Copy:
    """A copy of the project that a test may change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("dags", "include", "tests"):
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", root)

    def call(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a module of Python in the copy, with more variables of the environment."""
        environ = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1", **settings}
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=self.root, env=environ, capture_output=True, text=True, check=False
        )

    def make(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """What `make new-pipeline NAME=name` runs."""
        return self.call("include.local.new_pipeline", name, *options)

    def files(self) -> set[str]:
        """Every file of the copy."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """The project as it is."""
    return Copy(tmp_path)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The project with two new pipelines, one that reads a table and one that reads files."""
    copy = Copy(tmp_path_factory.mktemp("project"))
    for arguments in ((TABLE, "--sql"), (FILES,)):
        done = copy.make(*arguments)
        assert done.returncode == 0, done.stderr
    return copy


def test_what_is_made_fulfils_the_contract_of_every_folder(grown: Copy) -> None:
    tests = [f"tests/pipelines/test_{name}_folder.py" for name in (TABLE, FILES)]
    done = grown.call("pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout


def test_what_is_made_parses_as_a_dag(grown: Copy) -> None:
    code = "from airflow.dag_processing.dagbag import DagBag; bag = DagBag('dags'); print(bag.import_errors, *bag.dags)"
    (grown.root / "parse.py").write_text(code)
    said = grown.call("parse").stdout.strip().splitlines()[-1].split()
    assert said[0] == "{}"
    assert {TABLE, FILES} <= set(said[1:])


def test_what_is_made_reads_its_table(grown: Copy, postgres_uri: str) -> None:
    code = f"""
from datetime import UTC, datetime
from airflow.sdk import BaseHook
from include.pipelines.registry import load_pipeline
from include.sources.source import Window

connection = BaseHook.get_connection("probe_db").get_hook().get_conn()
connection.execute("CREATE TABLE {TABLE} (id int, answer text, created_at timestamptz, updated_at timestamptz)")
connection.execute("INSERT INTO {TABLE} SELECT n, 'Late.', now(), ('2026-11-0' || n || 'Z')::timestamptz "
                   "FROM generate_series(1, 5) AS n")
connection.commit()
source = load_pipeline("{TABLE}").source({{"{TABLE.upper()}_CONNECTION": "probe_db"}})
night = Window(datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
print(*sorted(row.row["id"] for row in source.pull(night, None)))
connection.execute("DROP TABLE {TABLE}")
connection.commit()
"""
    (grown.root / "pull.py").write_text(code)
    done = grown.call("pull", AIRFLOW_CONN_PROBE_DB=postgres_uri)
    assert done.stdout.strip().splitlines()[-1:] == ["2 3"], done.stderr


def test_what_is_made_looks_at_a_file_of_ones_own(grown: Copy) -> None:
    samples = grown.root / "include" / "pipelines" / FILES / "samples" / "texts.jsonl"
    done = grown.call("include.local.run", PIPELINES=FILES, FILE=str(samples), DRY="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"make run PIPELINES={FILES} FILE={samples} MODEL=bundled" in done.stdout


def test_what_is_made_is_clean_and_laid_out(grown: Copy) -> None:
    for command in (["check"], ["format", "--check"]):
        done = grown.call("ruff", *command, "--no-cache", "include", "dags", "tests")
        assert done.returncode == 0, done.stdout


def test_a_pipeline_that_reads_a_table_has_a_query_and_a_source(grown: Copy) -> None:
    for name, others in ((TABLE, {"query.sql", "source.py"}), (FILES, set[str]())):
        folder = grown.root / "include" / "pipelines" / name
        files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert files == NEW_FOLDER | others


def test_it_says_what_it_wrote_and_what_to_edit_next(copy: Copy) -> None:
    before = copy.files()
    said = copy.make("probe", "--sql").stdout
    for path in copy.files() - before:
        assert f"wrote {path}" in said
    assert "PROBE_CONNECTION" in said
    assert "make run PIPELINES=probe" in said
    assert "Nightly:   PROBE_CONNECTION=<connection> in .env" in said
    assert "Nightly:   NIGHTSHIFT_SOURCE_OTHER=<path> in .env" in copy.make("other").stdout


@pytest.mark.parametrize("name", ["", "Probe", "7up", "my-texts", "my texts", "../outside", "class", "x" * 41, "é"])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(name: str, copy: Copy) -> None:
    before = copy.files()
    done = copy.make(name)
    assert done.returncode == 1
    assert "cannot name a pipeline" in done.stderr
    assert copy.files() == before


@pytest.mark.parametrize("name", ["support_tickets", "definition"])
def test_a_name_that_is_taken_is_refused_and_nothing_is_written(name: str, copy: Copy) -> None:
    before = copy.files()
    done = copy.make(name)
    assert done.returncode == 1
    assert f"there is include/pipelines/{name}" in done.stderr
    assert copy.files() == before
