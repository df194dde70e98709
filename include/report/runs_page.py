"""The page of all runs in Airflow's UI."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any
from urllib.parse import quote

from include.lake.lake_index import run_rows
from include.lake.paths import Lake
from include.lake.schemas import RUNS_SCHEMA
from include.pages.render import render
from include.pipelines.registry import load_pipeline, pipeline_names
from include.report.purpose import RECORDED_SHORT, mark_of

SHOWN_RUNS = 200
NO_ROW = "It has left no row in runs/: its page says what Airflow knows."

# Pipeline and run id to what Airflow says of the run: its state, and when it was due.
AirflowStates = Mapping[tuple[str, str], tuple[str, datetime]]


def runs_page(lake: Lake, in_airflow: AirflowStates | None = None, pipelines: Sequence[str] | None = None) -> str:
    """HTML table of the newest runs of some pipelines: what they left in the lake, and how Airflow has them now.

    A run that Airflow has as failed never stands there as a success, and none that it knows is missing.

    Args:
        pipelines: whose runs; None: of all.
    """
    states = dict(in_airflow or {})
    empty: dict[str, Any] = dict.fromkeys(RUNS_SCHEMA.names)
    rows = []
    found = {name: run_rows(lake, name) for name in (pipeline_names() if pipelines is None else pipelines)}
    for row in chain.from_iterable(runs.rows.values() for runs in found.values()):
        state, _ = states.pop((row["pipeline"], row["run_id"]), (row["state"], None))
        rows.append({**empty, **row, "state": "failed" if row["state"] == "failed" and state == "success" else state})
    for (pipeline, run_id), (state, due) in states.items():
        # Nightshift leaves a row when it publishes: a person has marked such a run, or its tasks.
        known = {"success": ("unpublished", NO_ROW), "failed": ("failed", NO_ROW)}.get(state, (state, None))
        row = {"pipeline": pipeline, "run_id": run_id, "started_at": due, "state": known[0], "reason": known[1]}
        rows.append({**empty, **row})
    newest = sorted(rows, key=lambda row: row["started_at"], reverse=True)[:SHOWN_RUNS]
    titles = {name: _title(name) for name in {row["pipeline"] for row in newest}}
    shown = [
        {
            **row,
            "title": titles[row["pipeline"]],
            "mark": mark_of(row, RECORDED_SHORT),
            "href": f"reports/{row['pipeline']}/{quote(row['run_id'], safe='')}",
        }
        for row in newest
    ]
    older = {name: len(runs.older) for name, runs in found.items() if runs.older}
    return render("runs.html.j2", rows=shown, lake=lake.uri(lake.root), older=older)


def _title(name: str) -> str:
    try:
        return load_pipeline(name).title
    except Exception:
        # A folder that cannot be imported may raise anything; its runs are there all the same.
        return name
