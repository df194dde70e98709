"""`current/`: one row per record, its newest production answer, in one file a month.

A night reads of every month the ids, runs and times (some 40 bytes a row, compressed a third of that), and of the
months that it changes all rows, group by group. Only the look for ids grows with the whole of `current/`: about a
second for ten million rows that are on a local disk.
"""

import posixpath
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake, is_trial
from include.lake.raw_records import read_index
from include.lake.read import read_table
from include.lake.row_groups import file_schema, read_groups, read_rows
from include.lake.row_hashes import Positions, row_hashes
from include.lake.schema_evolution import common_schema, conform
from include.lake.schemas import UTC_TIME
from include.lake.write import open_table_writer

_CONTEST = ("record_id", "record_version", "processed_at", "occurred_at")
_HELD_SCHEMA = pa.schema(
    [
        pa.field("record_id", pa.string()),
        pa.field("record_version", pa.string()),
        pa.field("processed_at", UTC_TIME),
        pa.field("occurred_at", UTC_TIME),
        pa.field("run_id", pa.string()),
        pa.field("month", pa.string()),
        pa.field("row", pa.int64()),
    ]
)


def update_current(lake: Lake, pipeline: str, accepted: pa.Table, run_ids: Sequence[str]) -> list[str]:
    """Bring `current/` up to date with one run's accepted rows, each touched partition in one step.

    A row gives way only to a newer one of the same record: to a version that changed later, and of one version to the
    one that was answered later, so nights that are made in another order give the same. A record that moved to another
    month leaves its old one. A row that this run published before and does not accept any more gives way to the newest
    one in `results/`. All months have the same columns, so a new attribute touches every one.

    Args:
        accepted: rows in the schema of `results/`, already committed there.
        run_ids: of the run that publishes them and of those whose file it replaced.

    Returns:
        Paths of the partitions that were written.
    """
    paths = {_month_of(path): path for path in lake.files("current", pipeline)}
    schemas = {month: file_schema(lake, path) for month, path in paths.items()}
    schema = common_schema(accepted.schema, schemas.values())
    held = _held(lake, paths, accepted["record_id"], run_ids)
    own = pc.is_in(held["run_id"], pa.array(run_ids, pa.string()))
    fallbacks = _fallbacks(lake, pipeline, held.filter(own)["record_id"], accepted, schema)
    added = _winners(lake, pipeline, conform(accepted, schema), held.filter(pc.invert(own)), fallbacks)
    removed = held.filter(pc.or_(own, pc.is_in(held["record_id"], added["record_id"].combine_chunks())))
    months = pc.strftime(added["occurred_at"], format="%Y-%m")
    written = []
    for month in sorted({*pc.unique(months).to_pylist(), *paths}):
        path = lake.current_file(pipeline, month)
        additions = added.filter(pc.equal(months, month)).sort_by("record_id")
        gone = np.sort(removed.filter(pc.equal(removed["month"], month))["row"].to_numpy())
        is_new_schema = month not in paths or not schemas[month].equals(schema)
        if not is_new_schema and _are_rows(lake, path, gone, additions):
            continue
        _rewrite(lake, path, month in paths, gone, additions)
        written.append(path)
    return written


def _held(lake: Lake, paths: dict[str, str], ids: pa.ChunkedArray, run_ids: Sequence[str]) -> pa.Table:
    """Rows of `current/` that may give way: of these records, and of the runs themselves."""
    wanted, runs = ids.combine_chunks(), pa.array(run_ids, pa.string())
    found = [_HELD_SCHEMA.empty_table()]
    for month, path in paths.items():
        rows = read_table(lake, path, (*_CONTEST, "run_id"))
        rows = rows.append_column("month", pa.repeat(month, rows.num_rows))
        rows = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
        affected = pc.or_(pc.is_in(rows["record_id"], wanted), pc.is_in(rows["run_id"], runs))
        found.append(rows.filter(affected).select(_HELD_SCHEMA.names).cast(_HELD_SCHEMA))
    return pa.concat_tables(found)


def _fallbacks(
    lake: Lake, pipeline: str, withdrawn: pa.ChunkedArray, accepted: pa.Table, schema: pa.Schema
) -> pa.Table:
    lost = withdrawn.filter(pc.invert(pc.is_in(withdrawn, accepted["record_id"].combine_chunks()))).combine_chunks()
    found = [schema.empty_table()]
    for path in lake.files("results", pipeline) if len(lost) else ():
        if not is_trial(path):
            is_lost = pc.is_in(read_table(lake, path, ["record_id"])["record_id"], lost)
            found += [conform(rows, schema) for rows in read_rows(lake, path, np.flatnonzero(is_lost))]
    return pa.concat_tables(found)


def _winners(lake: Lake, pipeline: str, accepted: pa.Table, others: pa.Table, fallbacks: pa.Table) -> pa.Table:
    """Those of the new rows that are newer than what is held of the same record."""
    new = pa.concat_tables([accepted, fallbacks])
    places = np.arange(new.num_rows)
    contest = pa.concat_tables(
        [
            accepted.select(_CONTEST).append_column("place", pa.array(places[: accepted.num_rows])),
            others.select(_CONTEST).append_column("place", pa.array(np.full(others.num_rows, -1))),
            fallbacks.select(_CONTEST).append_column("place", pa.array(places[accepted.num_rows :])),
        ],
        promote_options="permissive",
    )
    contest = contest.append_column("changed_at", _changed_at(lake, pipeline, contest)).sort_by(
        [("record_id", "ascending"), *((name, "descending") for name in ("changed_at", "processed_at", "occurred_at"))]
    )
    ids = contest["record_id"].combine_chunks()
    is_first = np.ones(len(ids), dtype=np.bool_)
    is_first[1:] = pc.not_equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
    place = contest["place"].to_numpy()[is_first]
    return new.take(pa.array(place[place >= 0]))


def _changed_at(lake: Lake, pipeline: str, contest: pa.Table) -> pa.Array:
    """When each row's version of its record came to be, as `raw/` knows it; 0 where there is no other version."""
    ids, versions = contest["record_id"].to_pylist(), contest["record_version"].to_pylist()
    versions_of: defaultdict[str, set[str]] = defaultdict(set)
    for record_id, version in zip(ids, versions, strict=True):
        versions_of[record_id].add(version)
    rivals = np.array([len(versions_of[record_id]) > 1 for record_id in ids], dtype=np.bool_)
    moments = np.zeros(len(ids), dtype=np.int64)
    if rivals.any():
        index = read_index(lake, pipeline)
        hashes = row_hashes(ids, versions)
        # What is not in `raw/` any more goes by the time of its writing, as `raw/` itself does.
        written = contest["occurred_at"].cast(pa.int64()).to_numpy()
        places = np.flatnonzero(np.isin(index.versions, hashes[rivals]))
        known = dict(zip(index.versions[places].tolist(), index.changed_at[places].tolist(), strict=True))
        for place in np.flatnonzero(rivals):
            moments[place] = known.get(int(hashes[place]), int(written[place]))
    return pa.array(moments)


def _are_rows(lake: Lake, path: str, gone: Positions, additions: pa.Table) -> bool:
    if len(gone) != additions.num_rows:
        return False
    return not len(gone) or pa.concat_tables(read_rows(lake, path, gone)).equals(additions)


def _rewrite(lake: Lake, path: str, exists: bool, gone: Positions, additions: pa.Table) -> None:
    """One month without the rows that are gone and with the additions, ordered by record id."""
    ids, start, taken = additions["record_id"].to_pylist(), 0, 0
    remain = additions.num_rows
    with open_table_writer(lake, path, additions.schema) as writer:
        for rows in read_groups(lake, path) if exists else ():
            stays = np.ones(rows.num_rows, dtype=np.bool_)
            stays[gone[slice(*np.searchsorted(gone, (start, start + rows.num_rows)))] - start] = False
            start += rows.num_rows
            remain += int(stays.sum())
            upto = bisect_right(ids, rows["record_id"][-1].as_py()) if rows.num_rows else taken
            kept = conform(rows.filter(pa.array(stays)), additions.schema)
            writer.write(pa.concat_tables([additions.slice(taken, upto - taken), kept]).sort_by("record_id"))
            taken = upto
        writer.write(additions.slice(taken))
    if not remain:
        lake.fs.rm_file(path)


def _month_of(path: str) -> str:
    return posixpath.basename(posixpath.dirname(path)).removeprefix("occurred_month=")
