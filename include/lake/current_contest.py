"""Who stands in `current/` for a record: of all rows of it the newest. Decided by ids and times, without a text."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.current_ids import IDS_SCHEMA
from include.lake.paths import Lake, is_trial
from include.lake.raw_records import read_index
from include.lake.read import read_table
from include.lake.row_hashes import Positions, row_hashes
from include.lake.schema_evolution import conform

_CONTEST = pa.schema([field for field in IDS_SCHEMA if field.name != "run_id"])
# A row of `results/`: its file, and its position there.
_SOURCE, _ROW = pa.field("source", pa.dictionary(pa.int32(), pa.string())), pa.field("row", pa.int64())


def placed(lake: Lake, path: str, rows: Positions | None = None) -> pa.Table:
    """Rows of a file of `results/` as far as a contest needs them, with where they stand; None: all."""
    table = conform(read_table(lake, path, _CONTEST.names), _CONTEST)
    places = np.arange(table.num_rows) if rows is None else rows
    source = pa.DictionaryArray.from_arrays(np.zeros(len(places), np.int32), [path])
    table = table.take(pa.array(places)).append_column(_SOURCE, source)
    return table.append_column(_ROW, pa.array(places, pa.int64()))


def fallbacks_of(lake: Lake, pipeline: str, withdrawn: pa.ChunkedArray, accepted: pa.Table) -> list[pa.Table]:
    """The rows of other runs that take the place of those that a run does not accept any more."""
    lost = withdrawn.filter(pc.invert(pc.is_in(withdrawn, accepted["record_id"].combine_chunks()))).combine_chunks()
    found = []
    for path in lake.files("results", pipeline) if len(lost) else ():
        if not is_trial(path):
            is_lost = pc.is_in(read_table(lake, path, ["record_id"])["record_id"], lost)
            found.append(placed(lake, path, np.flatnonzero(is_lost)))
    return found


def winners(lake: Lake, pipeline: str, accepted: pa.Table, others: pa.Table, fallbacks: Sequence[pa.Table]) -> pa.Table:
    """Those of the new rows that are newer than what is held of the same record."""
    held = others.select(_CONTEST.names).append_column(_SOURCE, pa.nulls(others.num_rows, _SOURCE.type))
    held = held.append_column(_ROW, pa.nulls(others.num_rows, pa.int64()))
    contest = pa.concat_tables([accepted, held, *fallbacks])
    contest = contest.append_column("changed_at", _changed_at(lake, pipeline, contest)).sort_by(
        [("record_id", "ascending"), *((name, "descending") for name in ("changed_at", "processed_at", "occurred_at"))]
    )
    ids = contest["record_id"].combine_chunks()
    is_first = np.ones(len(ids), dtype=np.bool_)
    is_first[1:] = pc.not_equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
    newest = contest.filter(pa.array(is_first))
    return newest.filter(pc.is_valid(newest["source"]))


def _changed_at(lake: Lake, pipeline: str, contest: pa.Table) -> pa.Array:
    """When each row's version of its record came to be, as `raw/` knows it; 0 where there is no other version."""
    ids, versions = contest["record_id"].to_pylist(), contest["record_version"].to_pylist()
    records, hashes = row_hashes(ids), row_hashes(ids, versions)
    of_version = records[np.unique(hashes, return_index=True)[1]]
    known_ids, count = np.unique(of_version, return_counts=True)
    rivals = np.isin(records, known_ids[count > 1])
    moments = np.zeros(len(ids), dtype=np.int64)
    if rivals.any():
        index = read_index(lake, pipeline)
        # What is not in `raw/` any more goes by the time of its writing, as `raw/` itself does.
        written = contest["occurred_at"].cast(pa.int64()).to_numpy()
        places = np.flatnonzero(np.isin(index.versions, hashes[rivals]))
        known = dict(zip(index.versions[places].tolist(), index.changed_at[places].tolist(), strict=True))
        for place in np.flatnonzero(rivals):
            moments[place] = known.get(int(hashes[place]), int(written[place]))
    return pa.array(moments)
