"""Rows of a CSV file, in UTF-8 or UTF-16, with commas, semicolons or tabs."""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator

from include.sources.row import BadRow, Row

# No customer text is this long. A row that is comes from a broken or hostile file, and is not read whole.
MAX_ROW_CHARACTERS = 4 * 1024 * 1024
# A quote that never closes makes one row of all that follows, so the lines after its first are read once more. This
# bounds what a file that does so on purpose can cost.
MAX_REREAD_CHARACTERS = 16 * MAX_ROW_CHARACTERS
_HEAD_CHARACTERS = 8_192
_UNDECODABLE = re.compile("[\udc80-\udcff]")


def csv_rows(stream: io.BufferedReader) -> Iterator[Row]:
    """One row a record; the first line names the columns, and row 1 is the first after it.

    A row with broken quoting, undecodable bytes or too many characters is a `BadRow`; the next one is read as if
    nothing had happened. An empty cell is None; a cell beyond the last column is left out.
    """
    lines = _Lines(_decoded(stream))
    delimiter = max(",;\t", key=lines.peek().count)
    csv.field_size_limit(MAX_ROW_CHARACTERS)
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    header: list[str] | None = None
    number = 0
    while True:
        lines.start_row()
        try:
            cells = next(reader, None)
        except (csv.Error, _TooLongError) as error:
            number += 1
            yield number, _bad_row(error, lines)
            if header is None:
                return
            lines.read_again()
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        if header is None:
            header = [name.strip() for name in cells]
        else:
            number += 1
            yield number, _checked(header, cells, lines)


def _decoded(stream: io.BufferedReader) -> io.TextIOWrapper:
    if stream.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return io.TextIOWrapper(stream, "utf-16", errors="replace", newline="")
    # Undecodable bytes become lone surrogates here and a BadRow later: only their row is lost.
    return io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")


def _checked(header: list[str], cells: list[str], lines: "_Lines") -> dict[str, str | None] | BadRow:
    if any(_UNDECODABLE.search(cell) for cell in cells):
        return BadRow("invalid_utf8", "the row is not valid UTF-8", lines.head())
    return {name: cell or None for name, cell in zip(header, cells, strict=False) if name}


def _bad_row(error: Exception, lines: "_Lines") -> BadRow:
    if isinstance(error, _TooLongError):
        return BadRow("too_large", f"the row is longer than {MAX_ROW_CHARACTERS:,} characters", lines.head())
    return BadRow("not_csv", f"the row cannot be read: {error}", lines.head())


class _TooLongError(Exception):
    pass


class _Lines:
    """Gives lines to the CSV parser, for one row never more than the cap, and a broken row's lines once more."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._rereadable = MAX_REREAD_CHARACTERS
        self._taken: list[str] = []
        self._characters = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(MAX_ROW_CHARACTERS + 1)
        if not line:
            raise StopIteration
        if len(line) > MAX_ROW_CHARACTERS:
            self._skip_rest_of(line)
            raise _TooLongError
        self._taken.append(line)
        self._characters += len(line)
        if self._characters > MAX_ROW_CHARACTERS:
            raise _TooLongError
        return line

    def peek(self) -> str:
        """Head of the next line, which stays the next."""
        line = self._text.readline(MAX_ROW_CHARACTERS + 1)
        self._again.append(line)
        return line[:_HEAD_CHARACTERS]

    def _skip_rest_of(self, line: str) -> None:
        if not self._taken:
            self._taken.append(line[:_HEAD_CHARACTERS])
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(MAX_ROW_CHARACTERS)

    def start_row(self) -> None:
        """What is taken from here on belongs to a new row."""
        self._taken = []
        self._characters = 0

    def head(self) -> bytes:
        """Beginning of the row, as it stands in the file if that is UTF-8."""
        return "".join(self._taken[:100])[:_HEAD_CHARACTERS].encode("utf-8", "surrogateescape")

    def read_again(self) -> None:
        """Hand out all lines of this row but its first once more."""
        size = sum(map(len, self._taken[1:]))
        if size <= self._rereadable:
            self._rereadable -= size
            self._again.extendleft(reversed(self._taken[1:]))
