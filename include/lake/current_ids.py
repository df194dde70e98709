"""Which records each month of `current/` holds, without opening its day files.

For each month there is a file of `_index/` with id, version, times and run of its rows (some 30 bytes a row), day file
by day file in the order in which they stand there. It notes what the storage says of each day file; one of which the
storage says something else by now is read itself. So an index that is missing or late costs time, and no answer.
"""

import base64
import io
import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.row_groups import file_schema
from include.lake.schema_evolution import conform
from include.lake.schemas import UTC_TIME
from include.lake.write import COMPRESSION, write_bytes

_PARTITION = re.compile(r"occurred_month=(?P<month>\d{4}-\d{2})/part(?:-\d{2})?\.parquet$")
IDS_SCHEMA = pa.schema(
    [
        pa.field("record_id", pa.string()),
        pa.field("record_version", pa.string()),
        pa.field("processed_at", UTC_TIME),
        pa.field("occurred_at", UTC_TIME),
        pa.field("run_id", pa.string()),
    ]
)
_FILES, _COLUMNS = b"files", b"columns"
# What changes with a file: an object store's ETag, or size and times.
_STAMPS = ("ETag", "etag", "size", "mtime", "created")

Listing = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class MonthIds:
    """The rows of one month's files, without what they say.

    Args:
        rows: in `IDS_SCHEMA`, file by file.
        counts: rows of each file by its path, in the order of `rows`.
        schemas: that its files have.
        is_indexed: whether the index says all this.
    """

    rows: pa.Table
    counts: dict[str, int]
    schemas: list[pa.Schema]
    is_indexed: bool

    def placed(self, of: pa.ChunkedArray) -> pa.Table:
        """Some of the rows, with the path of their file and their position in it.

        Args:
            of: whether a row is wanted.
        """
        places, ends = np.flatnonzero(of), np.cumsum([0, *self.counts.values()])
        file = np.searchsorted(ends, places, side="right") - 1
        rows = self.rows.take(pa.array(places))
        rows = rows.append_column("path", pa.array([*self.counts], pa.string()).take(pa.array(file)))
        return rows.append_column("row", pa.array(places - ends[file]))


def list_months(lake: Lake, pipeline: str) -> dict[str, dict[str, Any]]:
    """The files of `current/` by month: path to what the storage says of it."""
    months: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for path, info in sorted(lake.listed("current", pipeline).items()):
        partition = _PARTITION.search(path)
        if partition:
            months[partition["month"]][path] = info
    return months


def days_of(moments: pa.ChunkedArray) -> pa.ChunkedArray:
    """Day of each moment in UTC, such as 2026-11-23."""
    return pc.strftime(moments, format="%Y-%m-%d")


def month_of(path: str) -> str:
    """The month that a file of `current/` is in."""
    return posixpath.basename(posixpath.dirname(path)).removeprefix("occurred_month=")


def read_month(
    lake: Lake, pipeline: str, month: str, files: Listing, written: Mapping[str, pa.Table] | None = None
) -> MonthIds:
    """What a month holds, from its index and from the day files that are newer than it.

    Args:
        files: of the month, as `list_months` has them.
        written: rows of files that were just written, which need not be read.

    Raises:
        RetryLater: a file cannot be read.
    """
    rows, noted, schema = _read_index(lake, pipeline, month)
    known, start = dict(written or {}), 0
    for path, (stamp, count) in noted.items():
        if path not in known and path in files and _stamp(files[path]) == stamp:
            known[path] = rows.slice(start, count)
        start += count
    late = [path for path in files if path not in known]
    known |= {path: conform(read_table(lake, path, IDS_SCHEMA.names), IDS_SCHEMA) for path in late}
    parts = [known[path] for path in files]
    return MonthIds(
        rows=pa.concat_tables([IDS_SCHEMA.empty_table(), *parts]),
        counts={path: part.num_rows for path, part in zip(files, parts, strict=True)},
        schemas=[*schema, *(file_schema(lake, path) for path in late)],
        is_indexed=not late and files.keys() == noted.keys(),
    )


def write_month(lake: Lake, pipeline: str, month: str, files: Listing, ids: MonthIds, schema: pa.Schema) -> None:
    """Index a month.

    Args:
        files: of the month, as the storage lists them now.
        ids: of these files.
        schema: that all of them have.

    Raises:
        RetryLater: the lake cannot be written.
    """
    noted = {posixpath.basename(path): [_stamp(info), ids.counts[path]] for path, info in files.items()}
    notes = {_FILES: json.dumps(noted), _COLUMNS: base64.b64encode(schema.remove_metadata().serialize())}
    content = io.BytesIO()
    # Ids differ from row to row: a dictionary of them would only take time.
    pq.write_table(
        ids.rows.replace_schema_metadata(notes), content, compression=COMPRESSION, use_dictionary=["run_id"],
        write_page_checksum=True,
    )  # fmt: skip
    write_bytes(lake, lake.current_ids(pipeline, month), content.getvalue())


def _read_index(lake: Lake, pipeline: str, month: str) -> tuple[pa.Table, dict[str, tuple[str, int]], list[pa.Schema]]:
    """Rows, stamp and count of each file, and the schema of all; nothing where the index is missing or damaged."""
    folder = f"{lake.table('current', pipeline)}/occurred_month={month}"
    try:
        # From 0 on: else s3fs asks for the size first.
        content = lake.fs.cat_file(lake.current_ids(pipeline, month), start=0)
        rows = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
        notes = rows.schema.metadata or {}
        noted = {f"{folder}/{name}": (stamp, count) for name, (stamp, count) in json.loads(notes[_FILES]).items()}
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(notes[_COLUMNS])))
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        # Missing, damaged or of another version: all that is in it stands in the day files too.
        return IDS_SCHEMA.empty_table(), {}, []
    return conform(rows, IDS_SCHEMA), noted, [schema]


def _stamp(info: Mapping[str, Any]) -> str:
    return str([info.get(name) for name in _STAMPS])
