"""Rows of a Parquet file."""

from collections.abc import Collection, Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.sources.fields import OWN_COLUMNS
from include.sources.files.header import Header
from include.sources.row import MAX_LINE_BYTES, BadRow, Row

# A Parquet file of 93 kB can claim 2 GB.
MAX_ROW_GROUP_BYTES = 1024 * 1024 * 1024
SMALL_ROW_GROUP_BYTES = 32 * 1024 * 1024
READ_AHEAD_BYTES = 1024 * 1024
# At once, fewer where a batch of them could be more than this: a long text that a file of 60 kB repeats by its
# dictionary takes gigabytes.
ROWS_PER_BATCH, BATCH_BYTES = 100, 64 * 1024 * 1024
REASON_CHARACTERS = 200


def parquet_rows(file: IO[bytes], own_names: Collection[str] = OWN_COLUMNS) -> Iterator[Row]:
    """One row a row, row group by row group, with page checksums verified where the file has them.

    What is damaged ends the file: one `BadRow` stands for all that could not be read.

    Args:
        own_names: see `Header.of`.

    Raises:
        OSError: the file system failed, not the file.
    """
    number = 0
    try:
        parquet = _opened(file)
        header = Header.of(parquet.schema_arrow.names, own_names)
        unusable = _row_group_too_large(parquet) or (header.ambiguity and BadRow("wrong_format", header.ambiguity))
        if unusable:
            yield 1, unusable
            return
        for batch in parquet.iter_batches(batch_size=_rows_at_once(parquet)):
            columns = [_with_python_times(column) for column in batch.columns]
            for index in range(batch.num_rows):
                number += 1
                yield number, _row(header, columns, index)
    except (OSError, ValueError, pa.ArrowException) as error:
        if getattr(error, "errno", None) is not None:
            raise
        reason = " ".join(str(error).split())[:REASON_CHARACTERS]
        if number == 0:
            yield 1, BadRow("not_parquet", f"the file cannot be read as Parquet: {reason}")
        else:
            yield number + 1, BadRow("damaged_file", f"nothing from row {number + 1} on can be read: {reason}")


def _opened(file: IO[bytes]) -> pq.ParquetFile:
    metadata = pq.read_metadata(file)
    file.seek(0)
    # Without pre-buffering, pages are read as they are needed, not a row group at once.
    return pq.ParquetFile(
        file,
        metadata=metadata,
        page_checksum_verification=True,
        pre_buffer=False,
        buffer_size=READ_AHEAD_BYTES,
    )


def _rows_at_once(parquet: pq.ParquetFile) -> int:
    largest = max(_row_group_sizes(parquet.metadata), default=0)
    # In large row groups no text is the same as another.
    return ROWS_PER_BATCH if largest > SMALL_ROW_GROUP_BYTES else min(ROWS_PER_BATCH, BATCH_BYTES // max(largest, 1))


def _row_group_sizes(metadata: pq.FileMetaData) -> list[int]:
    # Only row groups are asked for their size: pyarrow 26 aborts the process when asked for a damaged column's.
    return [metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups)]


def _row_group_too_large(parquet: pq.ParquetFile) -> BadRow | None:
    largest = max(_row_group_sizes(parquet.metadata), default=0)
    if largest <= MAX_ROW_GROUP_BYTES:
        return None
    return BadRow(
        "too_large",
        f"the file has a row group of {largest:,} bytes, more than {MAX_ROW_GROUP_BYTES:,}; write smaller ones",
    )


def _with_python_times(column: pa.Array) -> pa.Array:
    # Python's datetime counts microseconds.
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return column


def _row(header: Header, columns: list[pa.Array], index: int) -> dict[str, Any] | BadRow:
    values: list[Any] = []
    for name, column in zip(header.names, columns, strict=True):
        # A list may repeat a word of its dictionary so often that Python's copy of it fills the memory.
        if pa.types.is_nested(column.type) and (size := column.slice(index, 1).nbytes) > MAX_LINE_BYTES:
            return BadRow(
                "too_large", f"column {name!r} has {size:,} bytes, more than {MAX_LINE_BYTES:,}", name.encode()
            )
        try:
            value = column[index].as_py()
            values.append(value.decode() if isinstance(value, bytes) else value)
        except UnicodeDecodeError:
            if name in header.own:
                return BadRow("invalid_utf8", f"column {name!r} is not valid UTF-8", name.encode())
            # A picture, a hash: no reason to leave the customer's text out.
            values.append("unreadable binary")
        except (ValueError, OverflowError):
            # A timestamp beyond the year 9999, an unknown time zone.
            values.append(f"unreadable {column.type}")
        if isinstance(value, str | bytes) and len(value) > MAX_LINE_BYTES:
            return BadRow("too_large", f"column {name!r} is longer than {MAX_LINE_BYTES:,} characters", name.encode())
    return header.row(values)
