"""`make run`: the pipelines once on this machine, through a real Airflow, then the UI until Ctrl-C.

make run                                  three recorded weeks, answers written by hand, then a small model on a few
make run ONCE=1                           the same, then stop; the exit code says whether every run succeeded
make run MODEL=bundled                    the bundled samples, answered by the small model that comes along
make run PIPELINES="survey_answers"       those that you name, of all that there are
make run PIPELINES=support_tickets FILE=tickets.csv DRY=1    looks at a file of your own: no model, no Airflow
make run PIPELINES=support_tickets FILE=tickets.csv          asks your model about it

With a key or an endpoint of your own (`OPENAI_API_KEY`, `OPENAI_BASE_URL`, the connection `openai_default`) the model
that it serves answers, and nothing is replayed.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import requests

from include.errors import ConfigurationError, NightshiftError
from include.lake.paths import Lake, open_lake
from include.local.children import Children
from include.local.choice import Choice, check_lake, choose
from include.local.closing_words import closing_words
from include.local.file_report_text import show_report
from include.local.model_server import DEFAULT_PORT, RECORDED_PORT, start_server
from include.local.own_file import check_there, own_file
from include.local.player import Player, Turn
from include.local.ports import HOST, free_port
from include.local.say import say, waiting_for
from include.local.standalone import airflow_home, choose_ui_port, locked, standalone_environ, start_airflow
from include.local.summary import summary_table
from include.local.weeks import RUN_NAME, TRIAL_NAME, TRIAL_TEXTS, Week, weeks_of, weeks_to_play
from include.settings import source_setting
from include.stages.pool import POOL_SLOTS

# Of one run on two idle cores; what is said of the time to go begins with them.
RECORDED_RUN_SECONDS = 20.0
BUNDLED_RUN_SECONDS = 240.0
TRIAL_SECONDS = 60.0
ENDPOINT_RUN_SECONDS = 60.0
USUAL_MODEL_START_SECONDS = 5.0

WHO_ANSWERS = {
    "recorded": "playing recorded weeks: answers written by hand for this project, no model is asked",
    "bundled": "asking the bundled demo model (SmolLM2-135M; it proves the machinery, not the quality)",
    "endpoint": "asking the endpoint of your environment, or of the connection openai_default",
}

Runs = dict[Turn, str]


def run(choice: Choice, home: Path, once: bool) -> int:
    """Set everything up, make the runs, report; returns the exit code."""
    with locked(home) as lock, Children(home / "logs" / "processes") as children:
        # Both are served later: they would slow down what comes first.
        model_port, recorded_port = free_port(DEFAULT_PORT), free_port(RECORDED_PORT)
        model_url, recorded_url = (f"http://{HOST}:{port}/v1" for port in (model_port, recorded_port))
        is_recorded, is_bundled = choice.answers == "recorded", choice.answers == "bundled"
        environ = standalone_environ(
            home,
            choose_ui_port(say),
            model_url if is_recorded or is_bundled else None,
            recorded_url if is_recorded else None,
            choice.environ,
        )
        inbox = home / "inbox"
        if is_recorded:
            environ |= {source_setting(pipeline): str(inbox / pipeline) for pipeline in choice.pipelines}
        lake = open_lake(environ["NIGHTSHIFT_LAKE"])
        for line in (WHO_ANSWERS[choice.answers], check_lake(lake, choice)):
            if line:
                say(line)

        def serve_answers() -> None:
            if is_recorded:
                start_server(children, "recorded", recorded_port)
            elif is_bundled:
                start_server(children, "model", model_port)

        api = start_airflow(children, home, environ, say, 1 if is_bundled else POOL_SLOTS, serve_answers)
        ui = environ["AIRFLOW__API__BASE_URL"].replace(HOST, "localhost")
        lock.write_text(ui)
        say(f"Airflow's UI is at {ui} (no login)")
        player = Player(api, lake, children, ui, say)
        if is_recorded:
            ended = play_weeks(player, lake, choice.pipelines, inbox)
            ended |= try_model(player, lake, children, model_port, choice.pipelines[0], ended)
        else:
            usual = BUNDLED_RUN_SECONDS if is_bundled else ENDPOINT_RUN_SECONDS
            ended = player.play([[_whole(pipeline)] for pipeline in choice.pipelines], usual)
        print(f"\n{summary_table(lake, [(turn.label, turn.pipeline, turn.run_key) for turn in ended])}\n", flush=True)
        print(f"{closing_words(lake, choice)}\n", flush=True)
        if not once:
            say(f"the UI stays at {ui} until Ctrl-C")
            while not children.dead():
                time.sleep(1)
            raise ConfigurationError(f"{children.dead()[0]} has stopped by itself; see {home / 'logs' / 'processes'}.")
        return 1 if any(state != "success" for state in ended.values()) else 0


def play_weeks(player: Player, lake: Lake, pipelines: Sequence[str], inbox: Path) -> Runs:
    """One run a pipeline and week, as each week's file arrives; one run a pipeline where the lake has all weeks."""
    queues = [[_of_week(week, inbox) for week in weeks_to_play(lake, pipeline)] for pipeline in pipelines]
    return player.play(queues, RECORDED_RUN_SECONDS, first_alone=True)


def try_model(player: Player, lake: Lake, children: Children, port: int, pipeline: str, played: Runs) -> Runs:
    """A trial of the bundled model on a few of the texts; none after a failure, and one a lake."""
    is_tried = lake.find(lake.table("runs", pipeline), f"*/{TRIAL_NAME}-*.parquet")
    if is_tried or any(state != "success" for state in played.values()):
        return {}
    say(
        f"now a real model on {TRIAL_TEXTS} of these texts: SmolLM2-135M runs on this machine, too small to be right, "
        "and is asked through the same door as yours. A trial: current/ stays as it is"
    )
    with waiting_for("the bundled model", USUAL_MODEL_START_SECONDS):
        start_server(children, "model", port)
    week = weeks_of(pipeline)[-1]
    turn = Turn(
        pipeline, _run_id(TRIAL_NAME), f"{pipeline}, trial of the bundled model", week.trial_form, is_trial=True
    )
    return player.play([[turn]], TRIAL_SECONDS)


def _of_week(week: Week, inbox: Path) -> Turn:
    return Turn(
        week.pipeline,
        _run_id(f"{RUN_NAME}__week-{week.number}"),
        f"{week.pipeline}, week {week.number}",
        week.form,
        lambda: week.arrive(inbox),
    )


def _whole(pipeline: str) -> Turn:
    return Turn(pipeline, _run_id("manual"), pipeline)


def _run_id(name: str) -> str:
    return f"{name}__{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}"


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
        home = airflow_home(say)
        choice = choose(os.environ, home, own)
        if own is not None:
            check_there(own)
        return run(choice, home, os.environ.get("ONCE") == "1")
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except NightshiftError as error:
        say(str(error))
        return 1
    except requests.RequestException as error:
        say(f"Airflow's api-server does not answer as it should ({error}). See .airflow/logs/processes/api-server.log.")
        return 1


if __name__ == "__main__":
    sys.exit(main())
