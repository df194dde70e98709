"""What other runs of a pipeline are at, or have settled while this one pulled: backfilled nights run at the same time.

Their windows overlap by the lookback, so several of them may have pulled one record. The first to plan it asks.
"""

import posixpath
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.outcomes import Outcomes
from include.lake.paths import Lake, is_trial
from include.lake.row_groups import file_schema, read_groups
from include.lake.row_hashes import Lookup, row_hashes
from include.stages.run_context import RunContext

RUN_ID = b"run_id"
_COLUMNS = ("record_id", "record_version", "skip_reason")

IsRunning = Callable[[str], bool]


def all_may_run(_: str) -> bool:
    """For whoever cannot ask Airflow and must take nothing away."""
    return True


def nothing_else_runs(_: str) -> bool:
    """For runs without Airflow."""
    return False


def outcomes_for(lake: Lake, run: RunContext) -> Outcomes:
    """What a run sees of the outcomes of others."""
    return Outcomes(
        lake, run.pipeline, run.run_key, run.model, run.prompt_version, run.is_trial, promotes=run.is_promotion
    )


def claimed_by_others(lake: Lake, run: RunContext, records: pa.Table, is_running: IsRunning) -> list[str | None]:
    """Why each record is none of this run's any more; None: it is.

    Args:
        records: of the run.
        is_running: whether the run of an id is under way. What a dead run has left is taken.

    Returns:
        `has_outcome`, if another run published or quarantined it since `extract` looked; `claimed_by_other_run`, if one
        is about to. Should that one fail, the record is pending: the next run takes it.
    """
    if run.is_trial or run.dry_run:
        return [None] * records.num_rows
    versions = row_hashes(records["record_id"].to_pylist(), records["record_version"].to_pylist())
    outcomes = outcomes_for(lake, run)
    is_known = outcomes.known(versions, run.reprocess)
    lookup = Lookup(versions)
    for path in lake.find(lake.table("_work", run.pipeline), "*/plan.parquet"):
        run_key = posixpath.basename(posixpath.dirname(path))
        run_id = (file_schema(lake, path).metadata or {}).get(RUN_ID, b"").decode()
        if is_trial(run_key) or run_id == run.run_id or run_key == run.run_key or not is_running(run_id):
            continue
        for rows in read_groups(lake, path, _COLUMNS):
            at_it = rows.filter(pc.fill_null(pc.equal(rows["skip_reason"], "too_long"), True))
            lookup.mark(row_hashes(at_it["record_id"].to_pylist(), at_it["record_version"].to_pylist()))
    reasons = np.where(is_known, "has_outcome", np.where(lookup.found(versions), "claimed_by_other_run", ""))
    return [reason or None for reason in reasons.tolist()]
