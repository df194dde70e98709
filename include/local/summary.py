"""What `make run` shows of running and finished runs."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from include.errors import RetryLater
from include.lake.effort import Effort
from include.lake.paths import Lake
from include.lake.read import read_table
from include.llm.endpoint import LOCAL_MODEL, RECORDED_MODEL
from include.llm.prices import usd
from include.report.purpose import RECORDED
from include.report.run_page import FINISHED, STAGES

log = logging.getLogger(__name__)

STAGE_WORDS = {
    "extract": "reads its texts",
    "plan": "plans",
    "infer": "begins to ask",
    "validate": "checks the answers",
    "publish": "publishes",
    "watch": "compares with the nights before",
    "report": "writes the report",
}


def stage_of(tasks: Sequence[dict[str, Any]]) -> str:
    """The first stage that is not finished."""
    for stage in STAGES:
        states = [task["state"] for task in tasks if task["task_id"] == stage]
        if not states or any(state not in FINISHED for state in states):
            return stage
    return STAGES[-1]


def shard_progress(lake: Lake, pipeline: str, run_key: str) -> dict[str, Any] | None:
    """Sums over the progress files of a run's shards, and the last error of any; None before the first is written."""
    shards, hurried = [], lake.hurried
    try:
        for path in hurried.find(lake.work(pipeline, run_key, "progress"), "*.json"):
            shards.append(json.loads(hurried.fs.cat_file(path)))
    except (OSError, ValueError, RetryLater) as error:
        # Published and swept away meanwhile, or the storage is away: the next look sees more.
        log.debug("no progress: %s", error)
    if not shards:
        return None
    names = ("total", "done", "failed", "in_flight", "rate_60s", "rate_limited_60s", "failures_60s")
    sums: dict[str, Any] = {name: sum(shard[name] for shard in shards) for name in names}
    costs = [shard["cost_usd"] for shard in shards]
    newest = max(shards, key=lambda shard: (shard["last_error"] is not None, shard["updated_at"]))
    return {**sums, "cost_usd": None if None in costs else sum(costs), "last_error": newest["last_error"]}


def stage_words(stage: str, progress: dict[str, Any] | None) -> str:
    """What a run is at."""
    if progress is None:
        return STAGE_WORDS[stage]
    words = f"{progress['done']} of {progress['total']} texts done, {progress['rate_60s']:.1f}/s"
    if progress["failed"]:
        words += f", {progress['failed']} failed"
    if progress["cost_usd"] != 0:
        words += f", cost {usd(progress['cost_usd'])}"
    if not progress["rate_limited_60s"] and not progress["failures_60s"]:
        return words
    trouble = f"{progress['rate_limited_60s']} x 429 and {progress['failures_60s']} failures"
    return f"{words}, in the last minute {trouble}, the last: {progress['last_error']}"


def run_row(lake: Lake, pipeline: str, run_key: str) -> dict[str, Any] | None:
    """A run's row of `runs/`, if it has one."""
    path = lake.runs_path(pipeline, run_key)
    row: dict[str, Any] | None = None if path is None else read_table(lake, path).to_pylist()[0]
    return row


def report_path(lake: Lake, pipeline: str, run_key: str) -> str | None:
    """A run's report, if it has one."""
    return next(iter(lake.find(lake.table("reports", pipeline), f"*/{run_key}.html")), None)


def summary_table(lake: Lake, runs: Sequence[tuple[str, str, str]]) -> str:
    """The table at the end, what its recorded answers are, and where to look.

    Args:
        runs: what people call each run, its pipeline and its run key.
    """
    table = [_HEAD]
    for label, pipeline, run_key in runs:
        row = run_row(lake, pipeline, run_key)
        table.append([label, *(["no row", *[""] * (len(_HEAD) - 2)] if row is None else _cells(row))])
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    answered_by = {line[1] for line in table}
    notes = [note for model, note in _NOTES.items() if model in answered_by]
    pipelines = dict.fromkeys(pipeline for _, pipeline, _ in runs)
    places = [f"answers  {lake.uri(lake.table('current', pipeline))}" for pipeline in pipelines]
    return "\n".join([*lines, *notes, "", *places])


_NOTES = {
    RECORDED_MODEL: f"{RECORDED_MODEL}: {RECORDED}",
    LOCAL_MODEL: f"{LOCAL_MODEL}: a real model on this machine, too small to be right",
}
_HEAD = [
    *("run", "answered by", "state", "records", "published", "quarantined", "skipped", "reused", "tokens", "cost"),
    "seconds",
]


def _cells(row: dict[str, Any]) -> list[str]:
    ended = row["finished_at"]
    return [
        row["model"] or "",
        row["state"],
        *(f"{row[name] or 0:,}" for name in ("extracted", "published", "quarantined", "skipped", "reused")),
        f"{Effort.of_row(row).usage.total:,}",
        usd(row["cost_usd"]),
        f"{(ended - row['started_at']).total_seconds():.0f}" if ended else "",
    ]
