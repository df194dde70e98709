"""What a failed run leaves in the lake: a row in `runs/` that says so, and everything it paid for in its ledger."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.ledger import LedgerEntry, read_ledger, scan_ledger, total_spent
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
    extract = work.read_manifest("extract") if has_counts else {"extracted": 0, "skipped": {}}
    extracted = extract["extracted"]
    entries = [entry for entry in ledger.values() if not entry.reused]
    spent = total_spent([*entries, *(entry for entry in scan_ledger(lake, work.ledger) if entry.is_unusable)])
    tiers = Counter(entry.service.service_tier for entry in entries if entry.service.service_tier)
    row = {
        **run_identity(run),
        "extracted": extracted,
        "published": 0,
        "quarantined": 0,
        "skipped": extracted,
        "skipped_by_reason": sorted((+_skipped(work, extract, ledger)).items()),
        "outside_window": extract.get("outside_window"),
        "reused": 0,
        **spent,
        # None of it stands in a row.
        "unusable_cost_usd": spent["cost_usd"],
        "service_tier_counts": sorted(tiers.items()),
        "redaction_version": extract.get("redaction_version"),
        "validation_success": None,
        "state": "failed",
    }
    write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))


def _skipped(work: WorkFiles, extract: Mapping[str, Any], ledger: Mapping[str, LedgerEntry]) -> Counter[str]:
    """Why the records of a failed run have no outcome: what the run knew before, was answered, and the rest."""
    skipped = Counter(extract["skipped"])
    if work.lake.fs.exists(work.questions):
        questions = read_table(work.lake, work.questions, ["answer_key", "not_asked"]).to_pylist()
        for question in questions:
            if question["not_asked"] is None and question["answer_key"] in ledger:
                skipped["answered_unpublished"] += 1
            elif question["not_asked"] not in (None, "too_long"):
                skipped[question["not_asked"]] += 1
    skipped["provider_stopped"] += extract["extracted"] - skipped.total()
    return skipped
