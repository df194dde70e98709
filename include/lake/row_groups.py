"""Read a file of the lake in parts: few columns of all its rows, or all columns of few of its rows."""

import io
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import NightshiftError, RetryLater
from include.lake.paths import Lake
from include.lake.row_hashes import Positions
from include.lake.storage import storage_error

# What is read at once may be held at once. Of a file whose size is not known so much is asked for, which often is all.
_SMALL_BYTES, _LIKELY_BYTES = 8 * 1024 * 1024, 1024 * 1024


def file_schema(lake: Lake, path: str) -> pa.Schema:
    """Columns of one file and what its writer noted about it, from its footer alone.

    Raises:
        RetryLater: it cannot be read.
    """
    try:
        with open_file(lake, path) as file:
            return pq.ParquetFile(file).schema_arrow
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(lake, path, error) from error


def open_file(lake: Lake, path: str, size: int | None = None) -> IO[bytes] | io.BufferedIOBase:
    """A file to read; a small one on object storage takes one request, not three.

    Args:
        size: in bytes; None: not known.
    """
    if not lake.is_local and (size is None or size <= _SMALL_BYTES):
        # With a range, else s3fs asks for the size first.
        begin = lake.fs.cat_file(path, start=0, end=size or _LIKELY_BYTES)
        if size is not None or len(begin) < _LIKELY_BYTES:
            return io.BytesIO(begin)
    opened: io.BufferedIOBase = lake.fs.open(path, "rb")
    return opened


def read_groups(
    lake: Lake, path: str, columns: Sequence[str] | None = None, size: int | None = None
) -> Iterator[pa.Table]:
    """All rows of one file, one row group at a time; columns that it does not have are left out.

    Args:
        columns: of a list's elements single fields too, as `feedback.topic`.
        size: see `open_file`.

    Raises:
        RetryLater: it cannot be read, or a page's checksum is wrong.
    """
    try:
        with open_file(lake, path, size) as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            known = None if columns is None else _leaves(parquet.schema, columns)
            for group in range(parquet.num_row_groups):
                yield parquet.read_row_group(group, columns=known, use_threads=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(lake, path, error) from error


def read_rows(lake: Lake, path: str, rows: Positions, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Some rows of one file in the order in which they stand there; only row groups that hold any are read.

    Args:
        rows: positions in the file from 0, ascending.
        columns: None: all; those that it does not have are left out.

    Raises:
        RetryLater: as `read_groups`.
    """
    try:
        with open_file(lake, path) as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            known = None if columns is None else [name for name in columns if name in parquet.schema_arrow.names]
            start = 0
            for group in range(parquet.num_row_groups):
                end = start + parquet.metadata.row_group(group).num_rows
                first, last = np.searchsorted(rows, (start, end))
                if first < last:
                    inside = _indices(rows[first:last] - start)
                    yield parquet.read_row_group(group, columns=known, use_threads=False).take(inside)
                start = end
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(lake, path, error) from error


def _leaves(schema: pq.ParquetSchema, columns: Sequence[str]) -> list[str]:
    """Parquet's own names, such as `feedback.list.element.topic`, of what is in some columns."""
    leaves = [schema.column(number).path for number in range(len(schema))]
    parts = [(leaf, leaf.partition(".")[0], leaf.rpartition(".")[2]) for leaf in leaves]
    return [leaf for leaf, column, field in parts if {leaf, column, f"{column}.{field}"} & {*columns}]


def _indices(places: Positions) -> pa.Array:
    # `pa.array` imports pandas, half a second and 40 MB of a task that does without.
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places.astype(np.int64))])


def _unreadable(lake: Lake, path: str, error: Exception) -> NightshiftError:
    return storage_error(error, lake.uri(path)) or RetryLater(f"{lake.uri(path)} cannot be read: {error}")
