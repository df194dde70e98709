"""An Airflow on this machine alone: api-server, scheduler, DAG processor and triggerer on SQLite."""

import fcntl
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from include.errors import ConfigurationError
from include.local.airflow_api import AirflowApi
from include.local.children import Children
from include.local.model_server import wait_until_healthy
from include.local.ports import HOST, free_port
from include.local.say import Say, waiting_for
from include.stages.pool import POOL, POOL_SLOTS, THEMES_POOL

ROOT = Path(__file__).parents[2]
UI_PORT = 8080
SIMPLE_AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
START_SECONDS = 120.0
# On two idle cores.
USUAL_MIGRATION_SECONDS = 8.0
USUAL_START_SECONDS = 10.0

LOCK = "standalone.lock"


def airflow_home(say: Say, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the Airflow of `make run` keeps its database, logs and secrets: `AIRFLOW_HOME`, else `.airflow`.

    The home of another Airflow is left alone: `make run` ends the runs that it finds unfinished.
    """
    own = ROOT / ".airflow"
    home = Path(environ.get("AIRFLOW_HOME") or own).absolute()
    if (home / "airflow.cfg").exists() and not (home / LOCK).exists():
        say(f"AIRFLOW_HOME={home} belongs to another Airflow and stays as it is; using {own}")
        return own
    return home


@contextmanager
def locked(home: Path) -> Iterator[Path]:
    """Lock the standalone Airflow; two of them on one database would disturb each other.

    Raises:
        ConfigurationError: another one holds it; the message says where its UI is.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / LOCK
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            url = file.read().strip() or "starting up"
            raise ConfigurationError(
                f"`make run` is already running here ({url}). Use it, or stop it with Ctrl-C and run this again."
            ) from error
        file.truncate(0)
        yield path


def standalone_environ(
    home: Path,
    ui_port: int,
    model_url: str | None,
    recorded_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Environment of all Airflow processes. What the user has set himself stays as it is.

    Args:
        model_url, recorded_url: base URLs of the bundled model and of the recorded answers, where they are served.
        environ: of `make run`.
    """
    logs = {"AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs" / "tasks")}
    fixed = _airflow_of_this_machine(home, f"http://{HOST}:{ui_port}", str(ui_port))
    # Tasks run in other folders than this one, so a relative lake would be another lake.
    lake = environ.get("NIGHTSHIFT_LAKE") or str(ROOT / "lake")
    fixed["NIGHTSHIFT_LAKE"] = lake if "://" in lake else str(Path(lake).absolute())
    if model_url:
        fixed["NIGHTSHIFT_LOCAL_MODEL_URL"] = model_url
    if recorded_url:
        fixed["NIGHTSHIFT_RECORDED_URL"] = recorded_url
    for name in ("NO_PROXY", "no_proxy"):
        # Tasks talk to the api-server of this machine, which no proxy can reach.
        fixed[name] = ",".join(filter(None, (environ.get(name), HOST, "localhost")))
    return {**_usual_settings(), **logs, **environ, **fixed}


def _usual_settings() -> dict[str, str]:
    usual = ConfigParser()
    usual.read(Path(__file__).with_suffix(".cfg"), encoding="utf-8")
    return {
        f"AIRFLOW__{part}__{name}".upper(): value for part in usual.sections() for name, value in usual[part].items()
    }


def _airflow_of_this_machine(home: Path, base_url: str, port: str) -> dict[str, str]:
    """Whoever works with another Airflow may have settings of it in the environment: its database, above all."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__AUTH_MANAGER": SIMPLE_AUTH_MANAGER,
        # No login: the UI listens on this machine's loopback address alone.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__BASE_URL": base_url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base_url}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(home, "jwt_secret"),
        "AIRFLOW__API__SECRET_KEY": _secret(home, "api_secret_key"),
    }


def _secret(home: Path, name: str) -> str:
    path = home / name
    # Empty: an earlier start was killed between making the file and writing it.
    if not path.exists() or not path.read_text():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(64))
    return path.read_text()


def start_airflow(
    children: Children,
    home: Path,
    environ: Mapping[str, str],
    say: Say,
    pool_slots: int = POOL_SLOTS,
    meanwhile: Callable[[], None] = lambda: None,
) -> AirflowApi:
    """Bring the database to the installed Airflow's version, start all of Airflow and wait for it.

    Args:
        pool_slots: shards that ask at once. One for the bundled model, which keeps the beginning of one pipeline's
            prompts in its cache; several pipelines at once would push each other out of it.
        meanwhile: done while the database is prepared.

    Raises:
        ConfigurationError: the migration failed; the message has the end of its output.
        EndpointUnusable: the api-server did not come up.
    """
    base_url, installed = environ["AIRFLOW__API__BASE_URL"], version("apache-airflow-core")
    is_cleared, is_migrated = home / "cleared", home / "migrated"
    is_cleared.unlink(missing_ok=True)
    if not (home / "airflow.db").exists() or not is_migrated.exists() or is_migrated.read_text() != installed:
        is_migrated.unlink(missing_ok=True)
    say(f"starting Airflow {installed}")

    def start(name: str, after: Path) -> None:
        children.start(name, [sys.executable, "-m", "include.local.component", name, str(after)], environ)

    start("api-server", is_migrated)
    start("scheduler", is_cleared)
    if not is_migrated.exists():
        _migrate(children, environ, say, meanwhile)
        is_migrated.write_text(installed)
    else:
        meanwhile()
    start("dag-processor", is_migrated)
    with waiting_for("Airflow's web server", USUAL_START_SECONDS, say):
        wait_until_healthy(f"{base_url}/api/v2/monitor/health", children, "api-server", START_SECONDS)
    api = AirflowApi(base_url)
    api.set_pool(POOL, pool_slots, "Shards that ask the LLM at once")
    api.set_pool(THEMES_POOL, 1, "One night at a time is grouped into themes")
    ended = api.fail_unfinished_runs()
    if ended:
        say(f"marked {ended} runs of an earlier, interrupted `make run` as failed; what they answered is kept")
    is_cleared.touch()
    start("triggerer", is_cleared)
    api.warm_up()
    return api


def _migrate(children: Children, environ: Mapping[str, str], say: Say, meanwhile: Callable[[], None]) -> None:
    name = "database"
    with waiting_for("Airflow's database", USUAL_MIGRATION_SECONDS, say):
        children.start(name, [sys.executable, "-m", "airflow", "db", "migrate"], environ)
        meanwhile()
        if children.wait(name):
            raise ConfigurationError(f"`airflow db migrate` failed:\n{children.log_path(name).read_text()[-2000:]}")


def choose_ui_port(say: Say) -> int:
    """8080, or the next free port, with a word about it."""
    port = free_port(UI_PORT)
    if port != UI_PORT:
        say(f"port {UI_PORT} is taken by another program, so the UI is at port {port}")
    return port
