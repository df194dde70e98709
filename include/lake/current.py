"""`current/`: one row per record, its newest production answer, in one file a day of `occurred_at`.

A night looks for its records among the ids of all months (`current_ids.py`), and reads and writes whole rows only of
the days that it changes, group by group. Only the look for ids grows with the whole of `current/`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.current_contest import fallbacks_of, placed, winners
from include.lake.current_ids import IDS_SCHEMA, days_of, list_months, month_of, read_month, write_month
from include.lake.new_rows import NewRows
from include.lake.paths import Lake
from include.lake.row_groups import file_schema, read_groups, read_rows
from include.lake.row_hashes import Positions
from include.lake.schema_evolution import common_schema, conform
from include.lake.whole_months import is_whole, split_month
from include.lake.write import open_table_writer

_BY_ID = ("record_id", "ascending")


def update_current(lake: Lake, pipeline: str, results_path: str, run_ids: Sequence[str]) -> list[str]:
    """Bring `current/` up to date with one run's accepted rows, each touched day in one step.

    A row gives way only to a newer one of the same record: to a version that changed later, and of one version to the
    one that was answered later, so nights that are made in another order give the same. A record that moved to another
    day leaves its old one. A row that this run published before and does not accept any more gives way to the newest
    one in `results/`. All days have the same columns, so a new attribute touches every one.

    Args:
        results_path: the run's file of `results/`.
        run_ids: of the run that publishes it and of those whose file it replaced.

    Returns:
        Paths of the days that were written or removed.

    Raises:
        RetryLater: the lake cannot be read or written.
    """
    changes = _changes(lake, pipeline, results_path, run_ids)
    if _split_months(lake, pipeline, changes):
        changes = _changes(lake, pipeline, results_path, run_ids)
    written = _write_days(lake, changes)
    months = list_months(lake, pipeline) if written else {}
    for month in {month_of(path) for path in written}:
        files = months.get(month, {})
        ids = read_month(lake, pipeline, month, files, written)
        write_month(lake, pipeline, month, files, ids, changes.schema)
    return list(written)


@dataclass(frozen=True)
class _Held:
    """What `current/` holds.

    Args:
        rows: those that may give way, with the path of their file and their position in it.
        counts: rows of every file, by path.
        schemas: of the files of a month.
    """

    rows: pa.Table
    counts: dict[str, int]
    schemas: dict[str, list[pa.Schema]]


@dataclass(frozen=True)
class _Changes:
    """What one run changes.

    Args:
        held: what was there.
        schema: that all files get.
        added: places of rows in `results/`, with the path of their day, in the order of paths and record ids.
        removed: rows of `held` that give way, in the order of paths and positions.
    """

    held: _Held
    schema: pa.Schema
    added: pa.Table
    removed: pa.Table

    @property
    def months_of_another_schema(self) -> set[str]:
        return {
            month
            for month, schemas in self.held.schemas.items()
            if not all(schema.equals(self.schema) for schema in schemas)
        }


def _changes(lake: Lake, pipeline: str, results_path: str, run_ids: Sequence[str]) -> _Changes:
    accepted = placed(lake, results_path)
    held = _read_held(lake, pipeline, accepted["record_id"], run_ids)
    own = pc.is_in(held.rows["run_id"], pa.array(run_ids, pa.string()))
    fallbacks = fallbacks_of(lake, pipeline, held.rows.filter(own)["record_id"], accepted)
    added = winners(lake, pipeline, accepted, held.rows.filter(pc.invert(own)), fallbacks)
    gives_way = pc.or_(own, pc.is_in(held.rows["record_id"], added["record_id"].combine_chunks()))
    schemas = [schema for schemas in held.schemas.values() for schema in schemas]
    return _Changes(
        held=held,
        schema=common_schema(file_schema(lake, results_path), schemas),
        added=added.append_column("path", _paths(lake, pipeline, added)).sort_by([("path", "ascending"), _BY_ID]),
        removed=held.rows.filter(gives_way).sort_by([("path", "ascending"), ("row", "ascending")]),
    )


def _read_held(lake: Lake, pipeline: str, ids: pa.ChunkedArray, run_ids: Sequence[str]) -> _Held:
    """Rows of these records and of the runs themselves; a month whose index is missing or late gets one."""
    wanted, runs = ids.combine_chunks(), pa.array(run_ids, pa.string())
    places = [pa.field("path", pa.string()), pa.field("row", pa.int64())]
    held = _Held(pa.schema([*IDS_SCHEMA, *places]).empty_table(), {}, {})
    found = [held.rows]
    for month, files in list_months(lake, pipeline).items():
        known = read_month(lake, pipeline, month, files)
        if not known.is_indexed and all(schema.equals(known.schemas[0]) for schema in known.schemas):
            write_month(lake, pipeline, month, files, known, known.schemas[0])
        found.append(
            known.placed(pc.or_(pc.is_in(known.rows["record_id"], wanted), pc.is_in(known.rows["run_id"], runs)))
        )
        held.counts.update(known.counts)
        held.schemas[month] = known.schemas
    return _Held(pa.concat_tables(found), held.counts, held.schemas)


def _split_months(lake: Lake, pipeline: str, changes: _Changes) -> bool:
    """Bring months of one file that this publish touches, or that a crash has left half split, into days."""
    paths = pc.unique(pa.chunked_array([*changes.added["path"].chunks, *changes.removed["path"].chunks], pa.string()))
    touched = changes.months_of_another_schema | set(map(month_of, paths.to_pylist()))
    count = Counter(map(month_of, changes.held.counts))
    whole = [path for path in changes.held.counts if is_whole(path)]
    split = [path for path in whole if month_of(path) in touched or count[month_of(path)] > 1]
    for path in split:
        split_month(lake, pipeline, path)
    return bool(split)


def _paths(lake: Lake, pipeline: str, rows: pa.Table) -> pa.Array:
    days = days_of(rows["occurred_at"]).combine_chunks().dictionary_encode()
    paths = [lake.current_file(pipeline, day) for day in days.dictionary.to_pylist()]
    return pa.array(paths, pa.string()).take(days.indices)


def _write_days(lake: Lake, changes: _Changes) -> dict[str, pa.Table]:
    """Write the days that change; the ids of what each of them holds now, by its path.

    Days that gain come first, so that a record that moves is not missing in between.
    """
    counts, schema = changes.held.counts, changes.schema
    other_months = changes.months_of_another_schema
    others = {path for path in counts if month_of(path) in other_months}
    gains, losses = _spans(changes.added), _spans(changes.removed)
    rows, gone_rows = NewRows(lake, changes.added, schema), changes.removed["row"].to_numpy()
    written: dict[str, pa.Table] = {}
    for path in (*gains, *sorted((losses.keys() | others) - gains.keys())):
        start, end = gains.get(path, (0, 0))
        gone = gone_rows[slice(*losses.get(path, (0, 0)))]
        is_known = path in counts and path not in others
        if is_known and end - start == len(gone) and _are_rows(lake, path, gone, rows.between(start, end)):
            continue
        if start == end and counts[path] == len(gone):
            lake.fs.rm_file(path)
            written[path] = IDS_SCHEMA.empty_table()
            continue
        kept = _kept(lake, path, gone, schema) if path in counts else iter(())
        written[path] = _write_day(lake, path, _merged(kept, rows.between(start, end)), schema)
    return written


def _spans(rows: pa.Table) -> dict[str, tuple[int, int]]:
    """Where the rows of each path stand among rows that are sorted by it."""
    paths, starts, counts = np.unique(rows["path"].to_numpy(), return_index=True, return_counts=True)
    return {path: (start, start + count) for path, start, count in zip(paths, starts, counts, strict=True)}


def _are_rows(lake: Lake, path: str, gone: Positions, additions: Iterator[pa.Table]) -> bool:
    start = 0
    for rows in additions:
        there = pa.concat_tables(read_rows(lake, path, gone[start : start + rows.num_rows]))
        if not there.equals(rows):
            return False
        start += rows.num_rows
    return True


def _kept(lake: Lake, path: str, gone: Positions, schema: pa.Schema) -> Iterator[pa.Table]:
    start = 0
    for rows in read_groups(lake, path):
        stays = np.ones(rows.num_rows, dtype=np.bool_)
        stays[gone[slice(*np.searchsorted(gone, (start, start + rows.num_rows)))] - start] = False
        start += rows.num_rows
        yield conform(rows.filter(pa.array(stays)), schema)


def _merged(*sides: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The rows of two sides, each in the order of its record ids, in the order of all; few are held at a time."""
    left, right = ((rows for rows in side if rows.num_rows) for side in sides)
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        upto = min(one["record_id"][-1].as_py(), other["record_id"][-1].as_py())
        first, second = (pc.sum(pc.less_equal(rows["record_id"], upto)).as_py() for rows in (one, other))
        yield pa.concat_tables([one.slice(0, first), other.slice(0, second)]).sort_by([_BY_ID])
        one = one.slice(first) if first < one.num_rows else next(left, None)
        other = other.slice(second) if second < other.num_rows else next(right, None)
    yield from (rows for rows in (one, other) if rows is not None)
    yield from left
    yield from right


def _write_day(lake: Lake, path: str, rows: Iterator[pa.Table], schema: pa.Schema) -> pa.Table:
    ids = [IDS_SCHEMA.empty_table()]
    with open_table_writer(lake, path, schema) as writer:
        for part in rows:
            writer.write(part)
            ids.append(conform(part, IDS_SCHEMA))
    return pa.concat_tables(ids)
