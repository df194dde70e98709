"""`current/`: one row per record, its newest production answer, in one file a month."""

import posixpath
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake, is_trial
from include.lake.read import read_table, read_tables
from include.lake.write import write_table


def update_current(lake: Lake, pipeline: str, accepted: pa.Table, run_ids: Sequence[str]) -> list[str]:
    """Bring `current/` up to date with one run's accepted rows, each touched partition in one step.

    A row gives way only to a newer one of the same record (by `processed_at`). A record that moved to another month
    leaves its old one. A row that this run published before and does not accept any more gives way to the newest
    one in `results/`.

    Args:
        accepted: rows in the schema of `results/`, already committed there.
        run_ids: of the run that publishes them and of those whose file it replaced.

    Returns:
        Paths of the partitions that were written.
    """
    files = lake.files("current", pipeline)
    existing = {_month_of(path): read_table(lake, path) for path in files}
    before = pa.concat_tables(existing.values(), promote_options="permissive") if existing else accepted.slice(0, 0)
    own = pc.is_in(before["run_id"], pa.array(run_ids, pa.string()))
    withdrawn, others = before.filter(own), before.filter(pc.invert(own))
    fallbacks = _fallbacks(lake, pipeline, withdrawn, accepted)
    candidates = pa.concat_tables([accepted, others, fallbacks], promote_options="permissive")
    newest = _newest_of_each(candidates)
    months = pc.strftime(newest["occurred_at"], format="%Y-%m")
    written = []
    for month in sorted({*pc.unique(months).to_pylist(), *existing}):
        rows = newest.filter(pc.equal(months, month))
        path = lake.current_file(pipeline, month)
        if month in existing and rows.equals(existing[month]):
            continue
        if rows.num_rows:
            write_table(lake, path, rows)
        else:
            lake.fs.rm_file(path)
        written.append(path)
    return written


def _fallbacks(lake: Lake, pipeline: str, withdrawn: pa.Table, accepted: pa.Table) -> pa.Table:
    lost = withdrawn.filter(pc.invert(pc.is_in(withdrawn["record_id"], accepted["record_id"].combine_chunks())))
    if not lost.num_rows:
        return accepted.slice(0, 0)
    log = read_tables(lake, [path for path in lake.files("results", pipeline) if not is_trial(path)])
    if log is None:
        return accepted.slice(0, 0)
    return log.filter(pc.is_in(log["record_id"], lost["record_id"].combine_chunks()))


def _newest_of_each(rows: pa.Table) -> pa.Table:
    ordered = rows.sort_by([("record_id", "ascending"), ("processed_at", "descending"), ("occurred_at", "descending")])
    ids = ordered["record_id"].to_pylist()
    first = [index for index, record_id in enumerate(ids) if index == 0 or ids[index - 1] != record_id]
    return ordered.take(pa.array(first, pa.int64()))


def _month_of(path: str) -> str:
    return posixpath.basename(posixpath.dirname(path)).removeprefix("occurred_month=")
