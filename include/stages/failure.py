"""What a failed run leaves in the lake: a row in `runs/` that says so, and everything it paid for in its ledger."""

import pyarrow as pa

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.ledger import read_ledger
from include.stages.audit import settle_announced
from include.stages.publish import run_identity
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles


def record_failure(lake: Lake, run: RunContext) -> None:
    """Write the row of a run that failed: all its records are left for the next one, so they count as skipped.

    A run that was published before keeps its row: its rows are still what readers see. What it has sent is in the
    audit either way.
    """
    work = WorkFiles(lake, run)
    ledger = read_ledger(lake, work.ledger)
    settle_announced(lake, run, ledger)
    path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    if lake.fs.exists(path) and read_table(lake, path, ["state"])["state"].to_pylist() == ["success"]:
        return
    has_counts = lake.fs.exists(work.path("extract.json"))
    extracted = work.read_manifest("extract")["extracted"] if has_counts else 0
    entries = [entry for entry in ledger.values() if not entry.reused]
    costs = [entry.cost_usd for entry in entries]
    row = {
        **run_identity(run),
        "extracted": extracted,
        "published": 0,
        "quarantined": 0,
        "skipped": extracted,
        "reused": 0,
        "requests": sum(entry.requests for entry in entries),
        "retries": sum(entry.retries for entry in entries),
        "rate_limited": sum(entry.rate_limited for entry in entries),
        "prompt_tokens": sum(entry.usage.prompt_tokens for entry in entries),
        "cached_tokens": sum(entry.usage.cached_tokens for entry in entries),
        "completion_tokens": sum(entry.usage.completion_tokens for entry in entries),
        "cost_usd": None if None in costs else sum(cost for cost in costs if cost is not None),
        "validation_success": None,
        "state": "failed",
    }
    write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))
