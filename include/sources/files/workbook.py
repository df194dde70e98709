"""Rows of a workbook of Excel or LibreOffice: .xlsx, .xlsm, .xls and .ods, by calamine.

It holds a whole sheet in memory, gaps included. So it works in a process of its own, which may take so much and no
more: the one that asks holds a row at a time, and no workbook, whatever it unpacks to, ends a worker.
"""

import logging
import pickle
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from itertools import chain, islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import include
from include.sources.fields import IDS
from include.sources.files.header import LINES_BEFORE_HEADER, Header, place_of_header, width_of
from include.sources.row import BadRow, Row

log = logging.getLogger(__name__)

ZIP_MAGIC, OLE_MAGIC = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The parts that make a zip archive a workbook: Excel's, and that of the others.
WORKBOOK_PARTS = frozenset({"xl/workbook.xml", "content.xml"})
MAX_FILE_BYTES = 128 * 1024 * 1024
# About a million rows with a short text each.
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
# A workbook packs to a tenth, one of the same row over and over to a fiftieth; the first are never judged.
FREE_UNPACKED_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_RATIO = 100
# Some 20 million cells, empty ones between the others too.
MAX_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
# A million rows take a fraction of it. Of a part that is no XML calamine never finds the end.
MAX_CPU_SECONDS = 120
# Excel keeps 15 digits of a number. A longer one is no id any more, and must not look like one.
LARGEST_WHOLE = 10**15
REASON_CHARACTERS = 200
# Excel wraps what has a password in an old document with a part of this name.
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def is_workbook(file: IO[bytes]) -> bool:
    """Whether a file is a workbook by what is in it, whatever its name."""
    magic = file.read(len(OLE_MAGIC))
    is_found = magic == OLE_MAGIC
    if magic.startswith(ZIP_MAGIC):
        with suppress(zipfile.BadZipFile):
            is_found = not WORKBOOK_PARTS.isdisjoint(zipfile.ZipFile(file).namelist())
    file.seek(0)
    return is_found


def workbook_rows(file: IO[bytes], size: int, id_names: Collection[str] = IDS) -> Iterator[Row]:
    """The rows of `sheet_rows`, from a process of its own; one `BadRow` where the workbook takes too much.

    Args:
        size: of the file, bytes.
        id_names: see `place_of_header`.
    """
    unpacked = size
    if size <= MAX_FILE_BYTES and file.read(len(ZIP_MAGIC)) == ZIP_MAGIC:
        unpacked = sum(part.file_size for part in zipfile.ZipFile(file).infolist())
    if size > MAX_FILE_BYTES or unpacked > min(MAX_UNPACKED_BYTES, max(FREE_UNPACKED_BYTES, MAX_UNPACKED_RATIO * size)):
        message = f"the workbook has {size:,} bytes, unpacked {unpacked:,}: too much, save it as CSV"
        yield 1, BadRow("wrong_format", message)
        return
    number = 0
    file.seek(0)
    with NamedTemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        command, cwd = [sys.executable, "-m", __name__, copy.name, *id_names], Path(include.__path__[0]).parent
        with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            assert child.stdout
            with suppress(EOFError, pickle.UnpicklingError):
                while True:
                    # What this module wrote, see `_main`.
                    item = pickle.load(child.stdout)  # noqa: S301
                    if isinstance(item, str):
                        log.info(item)
                    else:
                        number = item[0]
                        yield item
    if child.returncode:
        message = (
            f"reading the workbook took more than {MAX_MEMORY_BYTES:,} bytes or {MAX_CPU_SECONDS} seconds, or ended "
            f"with {child.returncode}: save it as CSV"
        )
        yield number + 1, BadRow("wrong_format", message)


def sheet_rows(path: str, id_names: Collection[str] = IDS) -> Iterator[Row | str]:
    """One row a row, under its number in the sheet; a number without a fraction is whole, a date is a date.

    The sheet is the first with an id among the names of its columns, or else the first with a table; which others are
    left out is a line for the log. The names stand in one of its first rows; what stands above is a `BadRow`.
    """
    # Nobody else needs it, and the process that asks does not.
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(path)
        first: tuple[str, Iterable[list[Any]], int] | None = None
        for name in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(name).iter_rows()
            head = list(islice(rows, LINES_BEFORE_HEADER))
            count, above = place_of_header(head, id_names)
            if count > LINES_BEFORE_HEADER or (count and first is None):
                first = name, chain(head, rows), above
            if count > LINES_BEFORE_HEADER:
                break
        if first is None:
            return
        others = [name for name in workbook.sheet_names if name != first[0]]
        if others:
            yield f"Of a workbook the sheet {first[0]!r} is read; {len(others)} others are left out: {others[:12]}"
        yield from _rows(*first[1:])
    except BaseException as error:
        # A panic of Rust is no `Exception`.
        if not isinstance(error, CalamineError) and type(error).__name__ != "PanicException":
            raise
        reason = " ".join(str(error).split())[:REASON_CHARACTERS]
        if ENCRYPTED in Path(path).read_bytes():
            reason = "it is protected by a password: save it without one"
        yield 1, BadRow("wrong_format", f"the file cannot be read as a workbook: {reason}")


def _rows(rows: Iterable[Sequence[Any]], above: int) -> Iterator[Row]:
    header: Header | None = None
    names: Sequence[Any] = ()
    for number, cells in enumerate(rows, start=1):
        filled = [str(cell) for cell in cells if cell != ""]
        if not filled:
            continue
        if number <= above:
            message = "the row stands above the names of the columns"
            yield number, BadRow("not_table", message, " ".join(filled).encode())
        elif header is None:
            names = cells
            header = Header.of([str(cell).strip() for cell in cells])
            if header.ambiguity:
                yield number, BadRow("wrong_format", header.ambiguity)
                return
        elif cells != names:
            yield number, header.row(map(_value, cells[: max(width_of(names), width_of(cells))]))


def _value(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer():
        # Excel has no whole numbers.
        return int(cell) if abs(cell) < LARGEST_WHOLE else f"{cell:.14E}"
    if isinstance(cell, str | int | float | date):
        return cell if cell != "" else None
    # A time of day, a length of time.
    return str(cell)


def _main(path: str, *id_names: str) -> None:
    for kind, most in ((resource.RLIMIT_AS, MAX_MEMORY_BYTES), (resource.RLIMIT_CPU, MAX_CPU_SECONDS)):
        # Systems without the limit, or with a lower one already.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
    for row in sheet_rows(path, id_names):
        pickle.dump(row, sys.stdout.buffer)


if __name__ == "__main__":
    _main(*sys.argv[1:])
