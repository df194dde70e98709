"""What `make run` is asked for: which pipelines, and who answers. Settled before anything is started."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from include.errors import ConfigurationError
from include.lake.paths import Lake, is_trial
from include.lake.read import read_table
from include.llm.endpoint import LOCAL_MODEL, RECORDED_MODEL
from include.local.own_file import OwnFile
from include.local.weeks import RUN_NAME, is_recorded
from include.pipelines.registry import load_pipeline, pipeline_names
from include.settings import live_source, source_setting

# Minutes of the bundled model, which a further pipeline must not make longer.
BY_DEFAULT = ("app_store_reviews", "call_transcripts", "support_tickets")
CONNECTION = "openai_default"
OWN_ENDPOINT = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AIRFLOW_CONN_OPENAI_DEFAULT", "NIGHTSHIFT_LOCAL_MODEL_URL")
BUNDLED = "bundled"
SET_AN_ENDPOINT = "Set OPENAI_API_KEY or OPENAI_BASE_URL"


@dataclass(frozen=True)
class Choice:
    """What to run.

    Args:
        answers: `recorded`, `bundled` (the small local model) or `endpoint` (the person's own).
        environ: the environment with what `MODEL` and `FILE` say in the settings that tasks read.
    """

    pipelines: Sequence[str]
    answers: Literal["recorded", "bundled", "endpoint"]
    environ: Mapping[str, str]


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


def choose(environ: Mapping[str, str], home: Path, own: OwnFile | None = None) -> Choice:
    """Settle what `PIPELINES` and `MODEL` ask for.

    Args:
        home: of the standalone Airflow, where Airflow may keep the connection `openai_default`.
        own: the file that is read instead of a pipeline's source.

    Raises:
        ConfigurationError: nobody can answer what they ask for; the message says what to set.
    """
    pipelines = chosen_pipelines(environ.get("PIPELINES"))
    if own is not None:
        environ = {**environ, **own.settings}
    model, is_saved = environ.get("MODEL"), _saved_connection(home)
    if model == BUNDLED:
        if is_saved:
            raise ConfigurationError(
                f"MODEL={BUNDLED}, but Airflow has a connection {CONNECTION}, which goes first. Delete it in the UI "
                "(Admin, Connections) or leave MODEL out."
            )
        without = {name: value for name, value in environ.items() if name not in (*OWN_ENDPOINT, "NIGHTSHIFT_MODEL")}
        return Choice(pipelines, "bundled", without)
    if is_saved or any(environ.get(name) for name in OWN_ENDPOINT):
        return Choice(pipelines, "endpoint", {**environ, "NIGHTSHIFT_MODEL": model} if model else environ)
    if model or environ.get("NIGHTSHIFT_MODEL"):
        setting = f"MODEL={model}" if model else f"NIGHTSHIFT_MODEL={environ['NIGHTSHIFT_MODEL']}"
        raise ConfigurationError(
            f"{setting} names a model, and nothing says where it is asked. {SET_AN_ENDPOINT} "
            f"(Ollama: OPENAI_BASE_URL=http://127.0.0.1:11434/v1), or take MODEL={BUNDLED}, the small model that comes "
            "with Nightshift."
        )
    for pipeline in pipelines:
        _check_recorded(pipeline, environ, own)
    return Choice(pipelines, "recorded", environ)


def _check_recorded(pipeline: str, environ: Mapping[str, str], own: OwnFile | None) -> None:
    """Refuse to play recorded answers to texts of one's own."""
    ways = f"{SET_AN_ENDPOINT}, or take MODEL={BUNDLED}, the small model that comes with Nightshift."
    only = "and without a model there are answers to the recorded weeks only"
    if own is not None:
        raise ConfigurationError(
            f"FILE={own.given} holds texts of your own, {only}. {ways} To look at it without any model: "
            f"{own.command} DRY=1"
        )
    if not is_recorded(pipeline):
        raise ConfigurationError(f"Nothing is recorded for {pipeline}, so a model must answer. {ways}")
    if environ.get(source_setting(pipeline)) or live_source(load_pipeline(pipeline), environ) is not None:
        raise ConfigurationError(f"{pipeline} is set up to read texts of your own, {only}. {ways}")


def _saved_connection(home: Path) -> bool:
    """Whether somebody has saved the connection in the standalone Airflow's database."""
    path = home / "airflow.db"
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        try:
            found = database.execute("SELECT 1 FROM connection WHERE conn_id = ?", (CONNECTION,)).fetchone()
        except sqlite3.OperationalError:
            # A start that was cut off before it had made the tables.
            return False
    return found is not None


def check_lake(lake: Lake, choice: Choice) -> str | None:
    """Whether these answers may stand in one lake with those that are there already.

    Returns:
        A sentence to say, if recorded answers are there and others come.

    Raises:
        ConfigurationError: answers of a real model are there, and recorded ones would come to stand among them.
    """
    way_out = "Set NIGHTSHIFT_LAKE=another-folder"
    for pipeline in choice.pipelines:
        files = [path for path in lake.files("runs", pipeline) if not is_trial(path)]
        others = [path for path in files if f"/{RUN_NAME}-" not in path]
        if choice.answers != "recorded" and len(others) < len(files):
            return (
                f"{lake.uri(lake.root)} also holds recorded answers (column model: {RECORDED_MODEL}). {way_out}, or "
                "remove the folder, to keep them apart"
            )
        if choice.answers == "recorded" and others:
            (row,) = read_table(lake, others[-1], ["model"]).to_pylist()
            if row["model"] != LOCAL_MODEL:
                raise ConfigurationError(
                    f"{lake.uri(lake.root)} holds answers of {row['model']}, and without key and endpoint recorded "
                    f"answers would be published among them. {SET_AN_ENDPOINT}, or {way_out[0].lower()}{way_out[1:]}."
                )
    return None
