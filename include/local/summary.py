"""What `make run` shows of running and finished pipelines."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from include.errors import RetryLater
from include.lake.paths import Lake, manual_run_key
from include.lake.read import read_table
from include.llm.prices import usd

log = logging.getLogger(__name__)

STAGES = ("extract", "plan", "infer", "validate", "publish", "report")
_FINISHED = ("success", "skipped", "failed", "upstream_failed", "removed")


def stage_of(tasks: Sequence[dict[str, Any]]) -> str:
    """The first stage that is not finished."""
    for stage in STAGES:
        states = [task["state"] for task in tasks if task["task_id"] == stage]
        if not states or any(state not in _FINISHED for state in states):
            return stage
    return STAGES[-1]


def shard_progress(lake: Lake, pipeline: str, run_id: str) -> dict[str, Any] | None:
    """Sums over the progress files of a run's shards, and the last error of any; None before the first is written."""
    shards, hurried = [], lake.hurried
    try:
        for path in hurried.find(lake.work(pipeline, manual_run_key(run_id), "progress"), "*.json"):
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


def progress_line(pipeline: str, stage: str, progress: dict[str, Any] | None) -> str:
    """One line about a running pipeline."""
    line = f"{pipeline:<20} {stage:<9}"
    if stage != "infer":
        return line
    if progress is None:
        return f"{line} waits for its turn at the model"
    line = (
        f"{line} {progress['done']} of {progress['total']} texts, {progress['rate_60s']:.1f}/s, "
        f"{progress['failed']} failed, {progress['in_flight']} in flight, cost {usd(progress['cost_usd'])}"
    )
    if not progress["rate_limited_60s"] and not progress["failures_60s"]:
        return line
    trouble = f"{progress['rate_limited_60s']} x 429 and {progress['failures_60s']} failures"
    return f"{line}, in the last minute {trouble}, the last: {progress['last_error']}"


def run_row(lake: Lake, pipeline: str, run_id: str) -> tuple[dict[str, Any], str] | None:
    """A run's row of `runs/` and its partition, if it has one."""
    key = manual_run_key(run_id)
    for path in lake.find(lake.table("runs", pipeline), f"*/{key}.parquet"):
        return read_table(lake, path).to_pylist()[0], path.split("/")[-2]
    return None


def summary_table(lake: Lake, runs: dict[str, str]) -> str:
    """The table at the end, and where to look.

    Args:
        runs: pipeline to run id.
    """
    head = [
        "pipeline",
        "state",
        "records",
        "published",
        "quarantined",
        "skipped",
        "reused",
        "tokens",
        "cost",
        "seconds",
    ]
    table, places = [head], []
    for pipeline, run_id in runs.items():
        found = run_row(lake, pipeline, run_id)
        if found is None:
            table.append([pipeline, "no row", *[""] * (len(head) - 2)])
            continue
        row, partition = found
        table.append([pipeline, *_cells(row)])
        places.append(f"{pipeline}\n  Parquet  {lake.uri(lake.table('current', pipeline))}")
        report = f"{lake.table('reports', pipeline)}/{partition}/{manual_run_key(run_id)}.html"
        if lake.fs.exists(report):
            places.append(f"  report   {lake.uri(report)}")
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join([*lines, "", *places])


def _cells(row: dict[str, Any]) -> list[str]:
    tokens = (row["prompt_tokens"] or 0) + (row["completion_tokens"] or 0)
    ended = row["finished_at"]
    return [
        row["state"],
        *(f"{row[name] or 0:,}" for name in ("extracted", "published", "quarantined", "skipped", "reused")),
        f"{tokens:,}",
        usd(row["cost_usd"]),
        f"{(ended - row['started_at']).total_seconds():.0f}" if ended else "",
    ]
