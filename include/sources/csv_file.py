"""Rows of a CSV file, in UTF-8 or UTF-16, with commas, semicolons, tabs or bars.

Not DuckDB's reader: it takes one quote that never closes for "no quotes in this file" and then refuses every quoted
text with a comma, gives up a whole file for one row of more than two megabytes, and keeps nothing of a gzip file whose
end is missing (tried with version 2.0).
"""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator

from include.sources.header import Header
from include.sources.row import BadRow, Row
from include.text.columns import column_name

DELIMITERS = ",;\t|"
# Reports put their title and the day above the table. The names of the columns stand in one of the first lines.
LINES_BEFORE_HEADER = 20

# No customer text is this long. A row that is comes from a broken or hostile file, and is not read whole.
MAX_ROW_CHARACTERS = 4 * 1024 * 1024
# A quote that never closes makes one row of all that follows, so the lines after its first are read once more. This
# bounds what a file that does so on purpose can cost.
MAX_REREAD_CHARACTERS = 16 * MAX_ROW_CHARACTERS
_HEAD_CHARACTERS = 8_192
_UNDECODABLE = re.compile("[\udc80-\udcff]")


def csv_rows(stream: io.BufferedReader) -> Iterator[Row]:
    """One row a record; the first line that has an id among its names, or else the first, names the columns.

    A row with broken quoting, undecodable ids or texts, too many characters, or more cells than there are columns is a
    `BadRow`; the next one is read as if nothing had happened. So is a line above the names of the columns. An empty
    cell is None. The names once more, as in files that were put together, are no row.
    """
    lines = _Lines(_decoded(stream))
    above, delimiter = _place_of_header(lines.peek())
    number = 0
    for number in range(1, above + 1):
        lines.start_row()
        next(lines)
        if lines.head().strip():
            yield number, BadRow("not_csv", "the line stands above the names of the columns", lines.head())
    csv.field_size_limit(MAX_ROW_CHARACTERS)
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    header: Header | None = None
    names: list[str] = []
    while True:
        lines.start_row()
        try:
            cells = next(reader, None)
        except (csv.Error, _TooLongError) as error:
            number += 1
            literal = header and lines.literal_cells(delimiter)
            if header and literal and len(literal) == len(header.names) and "expected after" in str(error):
                # Text goes on behind a closing quote, so this one was never meant to be quoted: "Late" he said.
                yield number, _checked(header, literal, lines)
                continue
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
            names = cells
            header = Header.of([name.strip() for name in cells])
            if header.ambiguity:
                yield number + 1, BadRow("wrong_format", header.ambiguity, lines.head())
                return
        elif cells != names:
            number += 1
            yield number, _checked(header, cells, lines)


def _place_of_header(heads: list[str]) -> tuple[int, str]:
    """How many lines stand above the names of the columns, and what delimits these."""
    for place, head in enumerate(heads):
        if sum(above.count('"') for above in heads[:place]) % 2:
            # It goes on within quotes.
            continue
        for delimiter in DELIMITERS:
            cells = [column_name(cell.strip(' "\r\n')) for cell in head.split(delimiter)]
            # A title has fewer cells than the table; a row may have the cell `id` too, as the language Indonesian.
            is_title = all(above.count(delimiter) < len(cells) - 1 for above in heads[:place])
            if len(cells) > 1 and is_title and not {"id", "record_id"}.isdisjoint(cells):
                return place, delimiter
    return 0, max(DELIMITERS, key=heads[0].count)


def _decoded(stream: io.BufferedReader) -> io.TextIOWrapper:
    if stream.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return io.TextIOWrapper(stream, "utf-16", errors="replace", newline="")
    # Undecodable bytes become lone surrogates here and a BadRow later: only their row is lost.
    return io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")


def _checked(header: Header, cells: list[str], lines: "_Lines") -> dict[str, str | None] | BadRow:
    if any(cells[len(header.names) :]):
        message = (
            f"the row has {len(cells)} cells, and there are {len(header.names)} columns: a text with the delimiter in "
            "it has to stand in quotes"
        )
        return BadRow("not_csv", message, lines.head())
    for place, cell in enumerate(cells):
        if _UNDECODABLE.search(cell):
            if header.names[place] in header.own:
                return BadRow("invalid_utf8", "the row is not valid UTF-8", lines.head())
            cells[place] = cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return header.row(cell or None for cell in cells)


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

    def peek(self) -> list[str]:
        """Heads of the next lines, which stay the next."""
        heads: list[str] = []
        while len(heads) < LINES_BEFORE_HEADER:
            line = self._text.readline(MAX_ROW_CHARACTERS + 1)
            self._again.append(line)
            heads.append(line[:_HEAD_CHARACTERS])
            if len(line) > _HEAD_CHARACTERS or not line:
                break
        return heads

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

    def literal_cells(self, delimiter: str) -> list[str]:
        """The cells of a row of one line, if its quotes mean nothing; empty for one of several lines."""
        return self._taken[0].rstrip("\r\n").split(delimiter) if len(self._taken) == 1 else []

    def read_again(self) -> None:
        """Hand out all lines of this row but its first once more."""
        size = sum(map(len, self._taken[1:]))
        if size <= self._rereadable:
            self._rereadable -= size
            self._again.extendleft(reversed(self._taken[1:]))
