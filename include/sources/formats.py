"""Which file is read how."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import cast

import fsspec

from include.sources.csv_file import csv_rows
from include.sources.jsonl import json_rows
from include.sources.parquet_file import parquet_rows
from include.sources.row import BadRow, Row

PARQUET_ENDINGS = (".parquet", ".pq")
CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
JSON_ENDINGS = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
ENDINGS = (*JSON_ENDINGS, *CSV_ENDINGS, *PARQUET_ENDINGS)

BUFFER_BYTES = 1 << 18


def read_rows(fs: fsspec.AbstractFileSystem, path: str) -> Iterator[Row]:
    """All rows of one file, one at a time, bad ones included. A file of zero bytes has none.

    Raises:
        OSError: the file system failed.
    """
    if fs.size(path) == 0:
        return
    name = path.lower()
    with fs.open(path, "rb") as file:
        if name.endswith(PARQUET_ENDINGS):
            yield from parquet_rows(file)
            return
        rows = csv_rows if name.endswith(CSV_ENDINGS) else json_rows
        if name.endswith(".gz"):
            unpacked = cast(io.RawIOBase, gzip.GzipFile(fileobj=file))
            yield from _until_damage(rows(io.BufferedReader(unpacked, BUFFER_BYTES)))
        else:
            # Files of fsspec cannot read a line with a limit; a buffered reader can.
            yield from rows(io.BufferedReader(file, BUFFER_BYTES))


def _until_damage(rows: Iterator[Row]) -> Iterator[Row]:
    number = 0
    try:
        for number, row in rows:
            yield number, row
    except (EOFError, zlib.error, gzip.BadGzipFile):
        message = f"the file is damaged or not gzip; nothing from line {number + 1} on can be read"
        yield number + 1, BadRow("damaged_file", message)
