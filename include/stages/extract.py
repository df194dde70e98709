"""Extract: the run's records, from the source and from what earlier runs left without an outcome."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from include.lake.outcomes import known_outcomes
from include.lake.paths import Lake
from include.lake.raw_records import raw_schema, read_raw, record_versions, records_to_table
from include.lake.schemas import QUARANTINE_SCHEMA
from include.lake.write import write_table
from include.pipelines.definition import Pipeline
from include.sources.record import UnreadableRecord
from include.stages.pull import forget_pulled, pull_records
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)


def extract_records(
    lake: Lake, pipeline: Pipeline, run: RunContext, environ: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """Pull the window's records, add those that are due, write `raw/` and the run's work files.

    Returns:
        Counts: `extracted`, and of these `unreadable` and `skipped` by reason.

    Raises:
        ConfigurationError: the source does not exist.
        RetryLater: the lake cannot be read or written.
    """
    work = WorkFiles(lake, run)
    known = known_outcomes(lake, run.pipeline, run.run_key, run.model, run.prompt_version, run.is_trial, run.reprocess)
    skipped: Counter[str] = Counter()
    if run.read_from == "raw":
        pulled, unreadable = read_raw(lake, pipeline, run.window_start, run.window_end), list[UnreadableRecord]()
    else:
        readable, unreadable = pull_records(lake, pipeline, run, environ, skipped)
        pulled = records_to_table(readable, pipeline)
        unreadable = _without_known(unreadable, known, skipped)
        _append_raw(lake, pipeline, run, pulled)
    records = pa.concat_tables([pulled, _due(lake, pipeline, run, pulled, known)], promote_options="permissive")
    is_known = [key in known for key in zip(*_identity(records), strict=True)]
    skipped["already_has_an_outcome"] += sum(is_known)
    write_table(lake, work.records, records.filter(pa.array([not flag for flag in is_known], pa.bool_())))
    write_table(lake, work.quarantined, _quarantine_table(unreadable, run))
    forget_pulled(work)
    counts = {
        "extracted": records.num_rows + len(unreadable) + sum(skipped.values()) - sum(is_known),
        "unreadable": len(unreadable),
        "skipped": dict(+skipped),
    }
    work.write_manifest("extract", counts)
    log.info("extracted %(extracted)d records, %(unreadable)d unreadable, skipped %(skipped)s", counts)
    return counts


def _without_known(
    unreadable: Iterable[UnreadableRecord], known: set[tuple[str, str]], skipped: Counter[str]
) -> list[UnreadableRecord]:
    fresh: dict[tuple[str, str], UnreadableRecord] = {}
    for row in unreadable:
        identity = (row.record_id, row.record_version)
        if identity in known:
            skipped["already_has_an_outcome"] += 1
        elif identity in fresh:
            skipped["duplicate_id"] += 1
        else:
            fresh[identity] = row
    return list(fresh.values())


def _append_raw(lake: Lake, pipeline: Pipeline, run: RunContext, pulled: pa.Table) -> None:
    path = lake.run_file("raw", run.pipeline, run.run_date, run.run_key)
    stored = record_versions(lake, run.pipeline, but=path)
    fresh = [identity not in stored for identity in zip(*_identity(pulled), strict=True)]
    write_table(lake, path, pulled.filter(pa.array(fresh, pa.bool_())))


def _due(lake: Lake, pipeline: Pipeline, run: RunContext, pulled: pa.Table, known: set[tuple[str, str]]) -> pa.Table:
    """Records in `raw/` without an outcome. A trial has no business with them; a backfill keeps to its window."""
    nothing = raw_schema(pipeline).empty_table()
    if run.is_trial or run.read_from == "raw" or (run.trigger == "manual" and run.is_bounded):
        return nothing
    bounded = run.trigger == "backfill"
    stored = read_raw(lake, pipeline, run.window_start if bounded else None, run.window_end if bounded else None)
    taken = set(pulled["record_id"].to_pylist())
    due = [
        record_id not in taken and (record_id, version) not in known
        for record_id, version in zip(*_identity(stored), strict=True)
    ]
    return stored.filter(pa.array(due, pa.bool_()))


def _identity(records: pa.Table) -> tuple[list[str], list[str]]:
    return records["record_id"].to_pylist(), records["record_version"].to_pylist()


def _quarantine_table(unreadable: Iterable[UnreadableRecord], run: RunContext) -> pa.Table:
    rows = [
        {
            "record_id": row.record_id,
            "record_version": row.record_version,
            "source": row.source,
            "occurred_at": row.occurred_at,
            "stage": "extract",
            "error_type": row.error_type,
            "error_message": row.error_message,
            "text": row.raw,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "cost_usd": 0.0,
            "attempts": 0,
            "run_id": run.run_id,
            "processed_at": run.window_end,
        }
        for row in unreadable
    ]
    return pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA)
