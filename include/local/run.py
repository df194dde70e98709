"""`make run`: the pipelines once on this machine, through a real Airflow, then the UI until Ctrl-C.

make run                                  the three pipelines on the bundled samples, UI left up
make run ONCE=1                           the same, then stop; the exit code says whether every run succeeded
make run PIPELINES="survey_answers"       those that you name, of all that there are
make run PIPELINES=support_tickets FILE=tickets.csv DRY=1    looks at a file of your own: no model, no Airflow
"""

import http.client
import os
import signal
import sys
import time
import urllib.error
from datetime import UTC, datetime

from include.errors import ConfigurationError, NightshiftError
from include.lake.paths import Lake, open_lake
from include.local.airflow_api import UNFINISHED, AirflowApi
from include.local.children import Children
from include.local.file_report_text import show_report
from include.local.model_server import start_model
from include.local.own_file import own_file
from include.local.summary import progress_line, shard_progress, stage_of, summary_table
from include.local.workbench import (
    airflow_home,
    choose_ui_port,
    locked,
    migrate,
    start_airflow,
    workbench_environ,
)
from include.pipelines.registry import pipeline_names
from include.stages.pool import POOL_SLOTS

# Minutes of the bundled model, which a further pipeline must not make longer.
BY_DEFAULT = ("app_store_reviews", "call_transcripts", "support_tickets")
LOOK_SECONDS = 2.0
# A line at least this often, also when nothing moves, so that nobody takes a slow model for a hung one.
LINE_SECONDS = 10.0
DAGS_SECONDS = 120.0
# A run on a workstation that takes longer than this hangs.
RUN_SECONDS = 4 * 3600.0
OWN_ENDPOINT = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AIRFLOW_CONN_OPENAI_DEFAULT", "NIGHTSHIFT_LOCAL_MODEL_URL")

_STARTED = time.monotonic()


def say(line: str) -> None:
    """Print a line with the time since the start."""
    seconds = int(time.monotonic() - _STARTED)
    print(f"[{seconds // 60:02d}:{seconds % 60:02d}] {line}", flush=True)


def chosen_pipelines(names: str | None) -> list[str]:
    """Pipelines to run: those named, else the three.

    Raises:
        ConfigurationError: one of them does not exist.
    """
    known = pipeline_names()
    chosen = (names or "").replace(",", " ").split() or list(BY_DEFAULT)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ConfigurationError(f"PIPELINES names {', '.join(unknown)}; there are: {', '.join(known)}.")
    return list(dict.fromkeys(chosen))


def follow(api: AirflowApi, lake: Lake, runs: dict[str, str], children: Children) -> dict[str, str]:
    """Print progress until every run has ended.

    Args:
        runs: pipeline to run id.

    Returns:
        Pipeline to its run's final state.

    Raises:
        ConfigurationError: a part of Airflow died, or a run does not end.
    """
    ended: dict[str, str] = {}
    shown: dict[str, tuple[str, float]] = {}
    told: set[tuple[str, int]] = set()
    give_up_at = time.monotonic() + RUN_SECONDS
    while len(ended) < len(runs):
        dead = children.dead()
        if dead:
            raise ConfigurationError(f"{dead} has stopped by itself. Its log is {children.log_path(dead)}.")
        if time.monotonic() > give_up_at:
            raise ConfigurationError(f"Runs did not end within {RUN_SECONDS / 3600:.0f} hours: see the UI.")
        for pipeline, run_id in runs.items():
            if pipeline in ended:
                continue
            state = api.state(pipeline, run_id)
            if state not in UNFINISHED:
                ended[pipeline] = state
                say(f"{pipeline:<20} {state}")
                continue
            tasks = api.tasks(pipeline, run_id)
            for task in tasks:
                # Minutes pass before a retry; nobody should wonder why nothing moves.
                if task["state"] == "up_for_retry" and (task["id"], task["try_number"]) not in told:
                    told.add((task["id"], task["try_number"]))
                    say(
                        f"{pipeline}.{task['task_id']} failed and will be tried again: "
                        f"{api.last_error(pipeline, run_id, task)}"
                    )
            stage = stage_of(tasks)
            line = progress_line(pipeline, stage, shard_progress(lake, pipeline, run_id))
            last, at = shown.get(pipeline, ("", 0.0))
            is_other_stage = not last.startswith(f"{pipeline:<20} {stage:<9}")
            if is_other_stage or time.monotonic() - at > LINE_SECONDS:
                say(line)
                shown[pipeline] = (line, time.monotonic())
        time.sleep(LOOK_SECONDS)
    return ended


def explain_failures(api: AirflowApi, runs: dict[str, str], states: dict[str, str]) -> None:
    """Print which tasks failed, and why."""
    for pipeline, run_id in runs.items():
        if states[pipeline] != "success":
            for task in api.tasks(pipeline, run_id):
                if task["state"] == "failed":
                    say(f"{pipeline}.{task['task_id']} failed: {api.last_error(pipeline, run_id, task)}")


def run(once: bool, pipelines: list[str]) -> int:
    """Set everything up, run the pipelines, report; returns the exit code."""
    home = airflow_home(say)
    with locked(home) as lock, Children(home / "logs" / "processes") as children:
        model_url = None
        if any(os.environ.get(name) for name in OWN_ENDPOINT):
            say("asking the endpoint of your environment")
        else:
            say("starting the bundled demo model (SmolLM2-135M; it proves the machinery, not the quality)")
            model_url = start_model(children)
        port = choose_ui_port(say)
        environ = workbench_environ(home, port, model_url)
        migrate(home, environ, say)
        api = start_airflow(children, home, environ, say, pool_slots=1 if model_url else POOL_SLOTS)
        ui = environ["AIRFLOW__API__BASE_URL"].replace("127.0.0.1", "localhost")
        lock.write_text(ui)
        say(f"Airflow's UI is at {ui} (no login); triggering {', '.join(pipelines)}")
        runs = {}
        for pipeline in pipelines:
            if not api.wait_for_dag(pipeline, DAGS_SECONDS):
                raise ConfigurationError(f"DAG {pipeline} did not appear. {' '.join(api.import_errors())}")
            runs[pipeline] = f"manual__{datetime.now(UTC).isoformat()}"
            api.trigger(pipeline, runs[pipeline])
        lake = open_lake(environ["NIGHTSHIFT_LAKE"])
        states = follow(api, lake, runs, children)
        explain_failures(api, runs, states)
        print(f"\n{summary_table(lake, runs)}\n", flush=True)
        failed = [pipeline for pipeline, state in states.items() if state != "success"]
        if not once:
            say(f"the UI stays at {ui} until Ctrl-C")
            while not children.dead():
                time.sleep(1)
            raise ConfigurationError(f"{children.dead()} has stopped by itself; see {home / 'logs' / 'processes'}.")
        return 1 if failed else 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """The command behind `make run`."""
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        own = own_file(os.environ)
        if own is not None and own.is_dry:
            return show_report(own, say)
        return run(os.environ.get("ONCE") == "1", chosen_pipelines(os.environ.get("PIPELINES")))
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except NightshiftError as error:
        say(str(error))
        return 1
    except (urllib.error.URLError, TimeoutError, http.client.HTTPException) as error:
        say(f"Airflow's api-server does not answer as it should ({error}). See .airflow/logs/processes/api-server.log.")
        return 1


if __name__ == "__main__":
    sys.exit(main())
