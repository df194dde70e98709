"""All rows of one record, in every table that has records."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.current_ids import list_months, read_month
from include.lake.index_rows import indexed_rows
from include.lake.outcomes import OUTCOMES_INDEX
from include.lake.paths import Lake
from include.lake.raw_records import RAW_INDEX
from include.lake.row_groups import read_groups, read_rows

FILE = "file"
_ID = "record_id"
_INDEXES = {"raw": RAW_INDEX, "results": OUTCOMES_INDEX, "quarantine": OUTCOMES_INDEX}


class _Row(dict[str, Any]):
    """With the path of its file; a column that the file does not have is None."""

    def __missing__(self, column: str) -> None:
        return None


Rows = list[_Row]


@dataclass(frozen=True)
class RecordHistory:
    """What the lake holds of a record of one pipeline.

    Args:
        rows: by table, in the order of the days of their runs.
        looked_at: files by table.
    """

    pipeline: str
    rows: Mapping[str, Rows]
    looked_at: Mapping[str, int]


def record_history(lake: Lake, pipeline: str, record_id: str) -> RecordHistory:
    """Find a record by its id; ids are read, and of all other columns only those of its rows.

    Raises:
        RetryLater: a file cannot be read.
    """
    places = {table: _indexed(lake, pipeline, table, record_id) for table in _INDEXES}
    places["current"] = _current(lake, pipeline, record_id)
    places["audit"] = _scanned(lake, lake.files("audit", pipeline), record_id)
    places["themes"] = _scanned(lake, lake.find(lake.themes("items", pipeline), "*/*.parquet"), record_id)
    places["canaries"] = _scanned(lake, lake.find(f"{lake.root}/canaries/{pipeline}", "*/*.parquet"), record_id)
    rows = {
        table: [row for path, positions in sorted(found.items()) for row in _rows(lake, path, positions)]
        for table, found in places.items()
    }
    return RecordHistory(pipeline, rows, {table: len(found) for table, found in places.items()})


def _rows(lake: Lake, path: str, positions: list[int]) -> Iterator[_Row]:
    for rows in read_rows(lake, path, np.array(positions, dtype=np.int64)) if positions else ():
        for row in rows.to_pylist():
            yield _Row({**row, FILE: path})


def _indexed(lake: Lake, pipeline: str, table: str, record_id: str) -> dict[str, list[int]]:
    """Where a record stands in each file of a table."""
    files = lake.listed(table, pipeline)
    places: dict[str, list[int]] = {path: [] for path in files}
    for path, start, rows in indexed_rows(lake, pipeline, _INDEXES[table], files, (_ID,)):
        places[path] = [*(places[path] if start else []), *_positions(rows, record_id, start)]
    return places


def _current(lake: Lake, pipeline: str, record_id: str) -> dict[str, list[int]]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for month, files in list_months(lake, pipeline).items():
        known = read_month(lake, pipeline, month, files)
        places |= {path: [] for path in files}
        for row in known.placed(pc.equal(known.rows[_ID], record_id)).to_pylist():
            places[row["path"]].append(row["row"])
    return places


def _scanned(lake: Lake, paths: Iterable[str], record_id: str) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for path in paths:
        places[path], start = [], 0
        for rows in read_groups(lake, path, [_ID]):
            places[path] += _positions(rows, record_id, start)
            start += rows.num_rows
    return places


def _positions(rows: pa.Table, record_id: str, start: int) -> list[int]:
    found: list[int] = (start + np.flatnonzero(pc.equal(rows[_ID], record_id))).tolist()
    return found
