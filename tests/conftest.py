"""Fixtures for all tests, the folder that they may write to, who runs beside whom, and that nothing is left of them."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# One for each process of a run, with a short name: some servers listen at a socket below it.
_FOLDER = tempfile.mkdtemp(prefix="ns-")
tempfile.tempdir = os.environ["TMPDIR"] = _FOLDER
# Some tests are another user, for whom files below it may not be read.
Path(_FOLDER).chmod(0o711)
# As the first it runs as the last: Airflow and pytest clean up below it when the process ends.
_REMOVE = atexit.register(lambda: shutil.rmtree(_FOLDER, ignore_errors=True))
# Before Airflow is imported anywhere: tests never touch a real Airflow's database, connections or environment.
os.environ["AIRFLOW_HOME"] = str(Path(_FOLDER, "airflow"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parents[1] / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(Path(__file__).parents[1] / "plugins")
# Nor a provider, store or help desk that the shell is set up for.
_OTHERS = (
    *("OPENAI_", "NIGHTSHIFT_", "AIRFLOW_CONN_", "APP_STORE_", "GOOGLE_PLAY_", "CALL_TRANSCRIPTS_", "ZENDESK_"),
    *("SURVEY_ANSWERS_", "GOOGLE_APPLICATION_CREDENTIALS", "AWS_"),
)
for name in [name for name in os.environ if name.startswith(_OTHERS)]:
    del os.environ[name]

pytest_plugins = [
    "tests.fault_server.fixtures",
    *(f"tests.servers.{server}" for server in ("s3", "outage", "postgres", "valkey", "company_ca")),
]
# What takes one of these waits for a program that is started beside the tests.
_PROGRAMS = {"postgres_uri", "s3_server", "valkey_url"}
# Their tests run in one process: one Airflow at a time.
_AIRFLOW = ("tests/end_to_end/", "tests/local/test_make_run.py")


def pytest_itemcollected(item: pytest.Item) -> None:
    """What needs a program is slow."""
    is_airflow = item.get_closest_marker("airflow") is not None
    assert not is_airflow or _group(item.nodeid) == "airflow", f"{item.nodeid}: name its file in _AIRFLOW"
    if is_airflow or _PROGRAMS.intersection(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.slow)


def _group(nodeid: str) -> str:
    """A file has one process, for the fixtures that it shares; so have all that start an Airflow, one at a time."""
    return "airflow" if nodeid.startswith(_AIRFLOW) else nodeid.partition("::")[0]


class _ByGroup(LoadScopeScheduling):
    # By `--dist loadgroup` nothing is grouped: it changes an attribute that pytest 9 does not read.
    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Who runs beside whom, with `-n 2`."""
    return _ByGroup(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of two processes: the longest begin first, so that both end at about the same time."""
    if hasattr(config, "workerinput"):
        slow = {_group(item.nodeid) for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: (_group(item.nodeid) != "airflow", _group(item.nodeid) not in slow))


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No process that a test started outlives them all."""
    from tests.local.processes import adopt_orphans, descendants

    adopt_orphans()
    yield
    left = [" ".join(process.cmdline()) for process in descendants()]
    assert not left, left


def pytest_sessionfinish(exitstatus: int) -> None:
    """After a failure the folder stays, to be looked at."""
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        atexit.unregister(_REMOVE)


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the workers of a host share begins anew: pace, calls in flight, budgets."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
