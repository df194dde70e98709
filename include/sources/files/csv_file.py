"""Rows of a CSV file, with commas, semicolons, tabs or bars, in UTF-8, UTF-16 or what it looks like.

Not DuckDB's reader: it takes one quote that never closes for "no quotes in this file" and then refuses every quoted
text with a comma, gives up a whole file for one row of more than two megabytes, and keeps nothing of a gzip file whose
end is missing (tried with version 2.0).
"""

import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from include.sources.columns import AS_IT_LOOKS, Reading
from include.sources.encoding import encoding_of
from include.sources.fields import IDS, OWN_COLUMNS
from include.sources.files.header import LINES_BEFORE_HEADER, Header, place_of_header
from include.sources.row import BadRow, Row

DELIMITERS = ",;\t|^~\x01"

# No customer text is this long. A row that is comes from a broken or hostile file, and is not read whole.
MAX_ROW_CHARACTERS = 4 * 1024 * 1024
# A quote that never closes makes one row of all that follows, so the lines after its first are read once more. This
# bounds what a file that does so on purpose can cost.
MAX_REREAD_CHARACTERS = 16 * MAX_ROW_CHARACTERS
_HEAD_CHARACTERS = 8_192
_UNDECODABLE = re.compile("[\udc80-\udcff]")
# Excel's own first line, where the delimiter is not the one of the country.
_SEPARATOR = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
# MySQL, Postgres and Spark write a quote within a text as \", and NULL as \N. Elsewhere a backslash is a backslash.
_ESCAPES = re.compile(r'\\"[^,;\t|\r\n"]|(?<![^,;\t|\n])\\N(?![^,;\t|\r\n])')
_ESCAPED = re.compile(r'\\(["\'\\\r\n])')
NULL = "\\N"


class _Form(NamedTuple):
    """How the cells of a file are written."""

    delimiter: str
    quote: str
    has_escapes: bool

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        # `map` goes on after a line that is too long; a generator ends.
        lines = map(self._unescaped, lines) if self.has_escapes else lines
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, strict=True, skipinitialspace=True)

    def _unescaped(self, line: str) -> str:
        return _ESCAPED.sub(lambda found: 2 * self.quote if found[1] == self.quote else found[1], line)


def csv_rows(stream: io.BufferedReader, how: Reading = AS_IT_LOOKS) -> Iterator[Row]:
    """One row a record; the first line with an id among its names, or else the first of the table, names the columns.

    A row with broken quoting, undecodable ids or texts, too many characters, or more cells than there are columns is a
    `BadRow`, which says how the file is read; the next one is read as if nothing had happened. So is a line above the
    names of the columns. An empty cell is None. The names once more, as in files that were put together, are no row.

    Args:
        how: what settings say of the file.
    """
    encoding = encoding_of(stream.peek(), how.encoding)
    # Undecodable bytes become lone surrogates here and a BadRow later: only their row is lost.
    lost = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    lines = _Lines(io.TextIOWrapper(stream, encoding, errors=lost, newline=""))
    csv.field_size_limit(MAX_ROW_CHARACTERS)
    heads = lines.peek()
    separator = _SEPARATOR.fullmatch(heads[0])
    delimiters, id_names = separator[1] if separator else DELIMITERS, how.mapping.names_of(IDS)
    above, delimiter = _place_of_header(heads[bool(separator) :], delimiters, id_names)
    rows = "".join(heads[bool(separator) + above + 1 :])
    form = _Form(delimiter, _quote(delimiter, rows), bool(_ESCAPES.search(rows)))
    seen = f"read as {encoding.removesuffix('-sig')}, with cells divided by {delimiter!r}"
    if separator:
        next(lines)
    for number, row in _rows(lines, form, above, how.mapping.names_of(OWN_COLUMNS)):
        if isinstance(row, BadRow):
            row = replace(row, error_message=f"{row.error_message} ({seen})")
        yield number + bool(separator), row


def _quote(delimiter: str, rows: str) -> str:
    # SQL's own: two cells of the first row are in such ones, and no row has others.
    end = rf"{re.escape(delimiter)}|[\r\n]|$"
    quoted = re.findall(rf"(?:^|{re.escape(delimiter)})'(?:[^'\r\n]|'')*'(?={end})", rows.partition("\n")[0])
    return "'" if '"' not in rows and len(quoted) > 1 else '"'


def _rows(lines: "_Lines", form: _Form, above: int, own_names: Collection[str]) -> Iterator[Row]:
    number = 0
    for number in range(1, above + 1):
        lines.start_row()
        next(lines)
        if lines.head().strip(b" ;,\t|^~\r\n"):
            yield number, BadRow("not_csv", "the line stands above the names of the columns", lines.head())
    reader = form.reader(lines)
    header: Header | None = None
    names: list[str] = []
    while True:
        lines.start_row()
        try:
            cells = next(reader, None)
        except (csv.Error, _TooLongError) as error:
            number += 1
            otherwise = header and "expected after" in str(error) and lines.read_otherwise(form, len(header.names))
            if header and otherwise:
                yield number, _checked(header, otherwise, lines)
                continue
            yield number, _bad_row(error, lines)
            if header is None:
                return
            lines.read_again()
            continue
        if cells is None:
            return
        if not any(cells) or (len(cells) == 1 and not cells[0].strip("\0")):
            continue
        if header is None:
            names = cells
            header = Header.of([name.strip() for name in cells], own_names)
            if header.ambiguity:
                yield number + 1, BadRow("wrong_format", header.ambiguity, lines.head())
                return
        elif cells != names:
            number += 1
            yield number, _checked(header, cells, lines)


def _place_of_header(heads: list[str], delimiters: str, id_names: Collection[str]) -> tuple[int, str]:
    """How many lines stand above the names of the columns, and what delimits these."""
    most, above, delimiter = 0, 0, delimiters[0]
    for each in delimiters:
        places, rows = [0], []
        reader = csv.reader(heads, delimiter=each, skipinitialspace=True)
        for cells in reader:
            rows.append(cells)
            places.append(reader.line_num)
        count, place = place_of_header(rows, id_names)
        if count > most:
            most, above, delimiter = count, places[place], each
    return above, delimiter


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
                return BadRow("invalid_utf8", "the row has bytes that are no text", lines.head())
            cells[place] = cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return header.row(cell if cell and cell != NULL else None for cell in cells)


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

    def read_otherwise(self, form: _Form, columns: int) -> list[str]:
        """The cells of a row that its quotes make unreadable: with a backslash before each, or with none that mean any.

        Args:
            columns: how many cells it must have; else there are none.
        """
        rows: list[list[str]] = []
        # A longer row is not worth what reading it again and again may cost.
        if self._characters <= _HEAD_CHARACTERS and any('\\"' in line for line in self._taken):
            with suppress(csv.Error):
                rows = list(form._replace(has_escapes=True).reader(self._taken))
        if len(self._taken) == 1:
            rows.append(self._taken[0].rstrip("\r\n").split(form.delimiter))
        return next((cells for cells in rows if len(cells) == columns), [])

    def read_again(self) -> None:
        """Hand out all lines of this row but its first once more."""
        size = sum(map(len, self._taken[1:]))
        if size <= self._rereadable:
            self._rereadable -= size
            self._again.extendleft(reversed(self._taken[1:]))
