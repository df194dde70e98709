"""What a failed run leaves in the lake: a row in `runs/` that says so, and everything it paid for in its ledger."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.ledger import LedgerEntry, read_ledger, scan_ledger, total_spent
from include.llm.providers.provider_errors import COUNTED_BY_FUSE
from include.stages.audit import settle_announced
from include.stages.costs_before import costs_before
from include.stages.manifests import Extracted
from include.stages.publish import run_identity
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

UNKNOWN_REASON = "The run failed: the log of its failed task says why."


def record_failure(lake: Lake, run: RunContext, reason: str = UNKNOWN_REASON) -> dict[str, Any]:
    """Write the row of a run that failed: all its records are left for the next one, so they count as skipped.

    A run that was published before keeps its counts and its `success`: its rows are still what readers see. It gets
    the reason all the same. What it has sent is in the audit either way.

    Args:
        reason: one sentence that says what happened and what to do.

    Returns:
        The row.
    """
    work = WorkFiles(lake, run)
    ledger = read_ledger(lake, work.ledger)
    settle_announced(lake, run, ledger)
    ended = {"finished_at": datetime.now(UTC), "reason": reason}
    before = row_of_run(lake, run)
    if before is not None and before["state"] == "success":
        return _write(lake, run, {**before, **ended})
    extract, carried = work.read(Extracted, default=Extracted()), costs_before(work)
    # The effort of a step stands in the entry of its answer too.
    entries = [entry for entry in ledger.values() if not (entry.reused or entry.step_of in ledger)]
    unusable = [entry for entry in scan_ledger(lake, work.ledger) if entry.is_unusable]
    spent = total_spent([*entries, *unusable])
    spent += carried.effort
    tiers = Counter(entry.service.service_tier for entry in entries if entry.service.service_tier)
    row = {
        **run_identity(run),
        **ended,
        # As `plan` has found that it can go.
        "mode": next((entry.service.mode for entry in (*unusable, *entries) if entry.service.mode), run.mode),
        "extracted": extract.extracted,
        "published": 0,
        "quarantined": 0,
        "skipped": extract.extracted,
        "skipped_by_reason": sorted((+_skipped(work, extract, ledger)).items()),
        "outside_window": extract.outside_window,
        "reused": 0,
        **spent.columns(),
        # None of it stands in a row.
        "unusable_cost_usd": spent.cost_usd,
        "service_tier_counts": sorted(tiers.items()),
        "redaction_version": extract.redaction_version,
        "validation_success": None,
        "state": "failed",
    }
    return _write(lake, run, row)


def row_of_run(lake: Lake, run: RunContext) -> dict[str, Any] | None:
    """The row that a run has in `runs/`, None before its first end."""
    path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    if not lake.fs.exists(path):
        return None
    row: dict[str, Any] = read_table(lake, path).to_pylist()[0]
    return row


def _write(lake: Lake, run: RunContext, row: dict[str, Any]) -> dict[str, Any]:
    path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))
    return row


def _skipped(work: WorkFiles, extract: Extracted, ledger: Mapping[str, LedgerEntry]) -> Counter[str]:
    """Why the records of a failed run have no outcome: what the run knew before, was answered, and the rest."""
    skipped = Counter(extract.skipped)
    if work.lake.fs.exists(work.plan):
        questions = read_table(work.lake, work.plan, ["answer_key", "skip_reason"]).to_pylist()
        for question in questions:
            entry = ledger.get(question["answer_key"])
            if question["skip_reason"] is None and entry is not None and entry.error_type not in COUNTED_BY_FUSE:
                skipped["answered_unpublished"] += 1
            elif question["skip_reason"] not in (None, "too_long"):
                skipped[question["skip_reason"]] += 1
    skipped[work.stopped().leaves] += extract.extracted - skipped.total()
    return skipped
