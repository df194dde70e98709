"""Which file is read how."""

import gzip
import io
import posixpath
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

import fsspec

from include.sources.columns import AS_IT_LOOKS, Reading
from include.sources.fields import IDS, OWN_COLUMNS, id_of, named_columns
from include.sources.files.csv_file import csv_rows
from include.sources.files.jsonl import json_rows
from include.sources.files.mbox import mbox_rows
from include.sources.files.workbook import OLE_MAGIC, ZIP_MAGIC, is_workbook, workbook_rows
from include.sources.row import BadRow, Row
from include.sources.signature import foreign_format

PARQUET_ENDINGS = (".parquet", ".pq")
WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods")
CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
MBOX_ENDINGS = (".mbox", ".mbox.gz")
JSON_ENDINGS = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
ENDINGS = (*JSON_ENDINGS, *CSV_ENDINGS, *PARQUET_ENDINGS, *WORKBOOK_ENDINGS, *MBOX_ENDINGS)

BUFFER_BYTES = 1 << 18
# What a file begins with says more than its name: exports are packed, and named, by many hands.
GZIP_MAGIC, PARQUET_MAGIC = b"\x1f\x8b", b"PAR1"
# Text packs to a tenth, the same line over and over to a thousandth; the first is never judged.
FREE_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_UNPACKED_RATIO = 200
# A file most of whose lines are none, or have no id, is a picture, an archive or something else under a wrong name.
# Each of its lines in quarantine would help nobody, and two kilobytes of gzip hold a million of them.
LINES_BEFORE_JUDGEMENT = 1_000
MAX_BAD_SHARE = 0.9


def read_rows(
    fs: fsspec.AbstractFileSystem,
    path: str,
    how: Reading = AS_IT_LOOKS,
    *,
    with_ids: bool = False,
    name: str | None = None,
) -> Iterator[Row]:
    """All rows of one file, one at a time, bad ones included. A file of zero bytes has none.

    Gzip, Parquet and workbooks are known by their first bytes, whatever the file is called, all others by its name. A
    web page, a PDF or another document under the name of a table is one bad row.

    Args:
        how: what settings say of it.
        with_ids: whether its rows are records, so that one without an id is a bad one.
        name: whose ending says what the file is; empty: the path.

    Raises:
        OSError: the file system failed.
        ConfigurationError: the mapping names a column that is not there.
    """
    size = fs.size(path)
    if size == 0:
        return
    with fs.open(path, "rb") as file:
        name = posixpath.basename(name or path)
        rows, is_table = _rows(file, name.lower(), size, how), not name.lower().endswith(JSON_ENDINGS)
        yield from _while_readable(how.mapping.rows(rows, name, is_table=is_table), with_ids)


def _rows(file: IO[bytes], name: str, size: int, how: Reading) -> Iterator[Row]:
    magic = file.read(len(OLE_MAGIC))
    file.seek(0)
    if name.endswith(PARQUET_ENDINGS) or magic.startswith(PARQUET_MAGIC):
        # Arrow takes longer to load than most files to read.
        from include.sources.files.parquet_file import parquet_rows

        yield from parquet_rows(file, how.mapping.names_of(OWN_COLUMNS))
    elif is_workbook(file):
        yield from workbook_rows(file, size, how.mapping.names_of(IDS))
    elif magic.startswith(ZIP_MAGIC):
        message = "the file is a zip archive, and no workbook that can be read: unpack it, or save it as CSV"
        yield 1, BadRow("wrong_format", message)
    elif magic.startswith(GZIP_MAGIC):
        unpacked = cast(io.RawIOBase, _BoundedGzip(file, max(FREE_UNPACKED_BYTES, MAX_UNPACKED_RATIO * size)))
        yield from _until_damage(_text_rows(io.BufferedReader(unpacked, BUFFER_BYTES), name, how))
    else:
        # Files of fsspec cannot read a line with a limit; a buffered reader can.
        yield from _text_rows(io.BufferedReader(cast(io.RawIOBase, file), BUFFER_BYTES), name, how)


def _text_rows(stream: io.BufferedReader, name: str, how: Reading) -> Iterator[Row]:
    if foreign := foreign_format(stream.peek()):
        message = f"the file is {foreign}, whatever its name says: export it as CSV or JSON Lines"
        yield 1, BadRow("wrong_format", message)
    elif name.endswith((*CSV_ENDINGS, *WORKBOOK_ENDINGS)):
        # Many programs call a text with tabs a workbook.
        yield from csv_rows(stream, how)
    elif name.endswith(MBOX_ENDINGS):
        yield from mbox_rows(stream)
    else:
        is_lines = not name.endswith((".json", ".json.gz"))
        yield from json_rows(stream, is_lines=is_lines, id_names=how.mapping.names_of(IDS))


def _while_readable(rows: Iterator[Row], with_ids: bool) -> Iterator[Row]:
    bad = 0
    for count, (number, row) in enumerate(rows, start=1):
        yield number, row
        bad += isinstance(row, BadRow) or (with_ids and id_of(row) is None and id_of(named_columns(row)) is None)
        if bad >= LINES_BEFORE_JUDGEMENT and bad > MAX_BAD_SHARE * count:
            what = "cannot be read or have no id" if with_ids else "cannot be read"
            message = f"{bad:,} of {count:,} rows {what}, so the file is of another format; the rest is not read"
            yield number + 1, BadRow("wrong_format", message)
            return


class _TooMuchError(Exception):
    pass


class _BoundedGzip(gzip.GzipFile):
    """Unpacks no more than a cap."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        super().__init__(fileobj=file)
        self._left = max_bytes

    def readinto(self, buffer: Any) -> int:
        # What stands before damage is given out before the damage is met: `super()` would fill the buffer first.
        piece = self.read1(len(buffer))
        self._left -= len(piece)
        if self._left < 0:
            raise _TooMuchError
        buffer[: len(piece)] = piece
        return len(piece)


def _until_damage(rows: Iterator[Row]) -> Iterator[Row]:
    number = 0
    try:
        for number, row in rows:
            yield number, row
    except (EOFError, zlib.error, gzip.BadGzipFile):
        message = f"the file is damaged; nothing from line {number + 1} on can be read"
        yield number + 1, BadRow("damaged_file", message)
    except _TooMuchError:
        message = (
            f"the file unpacks to over {MAX_UNPACKED_RATIO} times its size; nothing from line {number + 1} on is read"
        )
        yield number + 1, BadRow("too_large", message)
