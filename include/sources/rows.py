"""Read rows out of JSONL, CSV and Parquet files, one at a time, bad ones included."""

import codecs
import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

# No customer text is this long; a line that is comes from a broken or hostile file, and is not read whole.
MAX_LINE_BYTES = 16 * 1024 * 1024
# A small Parquet file can claim gigabytes.
MAX_ROW_GROUP_BYTES = 1024 * 1024 * 1024
ROWS_PER_BATCH = 1_000


@dataclass(frozen=True)
class BadRow:
    """A row that is no mapping of columns to values."""

    error_type: str
    error_message: str
    raw: bytes


Row = tuple[int, dict[str, Any] | BadRow]


def read_rows(fs: fsspec.AbstractFileSystem, path: str) -> Iterator[Row]:
    """(line or row number from 1, row) of one file, by its ending: .jsonl, .ndjson, .json, .csv, .parquet, or any of
    the first four with .gz. Blank lines are left out; a file of zero bytes has no rows."""
    name = path.lower()
    with fs.open(path, "rb") as file:
        if name.endswith((".parquet", ".pq")):
            yield from _parquet_rows(file)
            return
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if name.endswith(".gz") else file
        yield from _csv_rows(stream) if name.removesuffix(".gz").endswith(".csv") else _json_rows(stream)


def _json_rows(stream: IO[bytes]) -> Iterator[Row]:
    # Split at the byte \n only: U+2028 and its like are part of a customer's text.
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            head = line[:1_000]
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield number, BadRow("too_large", f"the line is longer than {MAX_LINE_BYTES:,} bytes", head)
        elif line.strip():
            yield number, _json_row(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line)


def _json_row(line: bytes) -> dict[str, Any] | BadRow:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return BadRow("invalid_utf8", f"byte {error.start} of the line is not valid UTF-8", line)
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        return BadRow("not_json", f"the line is not valid JSON: {type(error).__name__}", line)
    if not isinstance(row, dict):
        return BadRow("not_json", "the line is JSON, but not an object", line)
    return row


def _csv_rows(stream: IO[bytes]) -> Iterator[Row]:
    buffered = io.BufferedReader(stream)  # type: ignore[type-var]
    head = buffered.peek(4)[:4]
    is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    # Undecodable bytes become lone surrogates here, and a BadRow below: only that row is lost.
    text = io.TextIOWrapper(
        buffered, "utf-16" if is_utf16 else "utf-8-sig", errors="replace" if is_utf16 else "surrogateescape", newline=""
    )
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.DictReader(text)
    number = 0
    while True:
        number += 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield number, BadRow("too_large", f"the row cannot be read: {error}", b"")
            continue
        if row is None:
            return
        raw = "".join(str(value) for value in row.values())
        if any("\udc80" <= character <= "\udcff" for character in raw):
            data = raw.encode("utf-8", "surrogateescape")
            yield number, BadRow("invalid_utf8", "the row is not valid UTF-8", data)
        else:
            # Cells beyond the header have no name; an empty cell is no value.
            yield number, {name: value or None for name, value in row.items() if isinstance(name, str)}


def _parquet_rows(file: IO[bytes]) -> Iterator[Row]:
    if not file.read(1):
        return
    file.seek(0)
    try:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        sizes = [parquet.metadata.row_group(group).total_byte_size for group in range(parquet.metadata.num_row_groups)]
    except (OSError, pa.ArrowInvalid) as error:
        yield 1, BadRow("not_parquet", f"the file is not readable as Parquet: {type(error).__name__}", b"")
        return
    if max(sizes, default=0) > MAX_ROW_GROUP_BYTES:
        yield 1, BadRow("too_large", f"a row group is larger than {MAX_ROW_GROUP_BYTES:,} bytes", b"")
        return
    number = 0
    for batch in parquet.iter_batches(batch_size=ROWS_PER_BATCH):
        for row in batch.to_pylist():
            number += 1
            yield number, row
