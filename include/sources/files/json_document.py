"""Rows of a file of JSON that is no JSON Lines: one list of objects, or objects over several lines."""

import codecs
import io
import json
import logging
import re
from collections.abc import Collection, Generator, Iterator
from contextlib import suppress
from typing import Any

from include.sources.fields import IDS
from include.sources.row import MAX_LINE_BYTES, BadRow, Row
from include.text.columns import column_name

log = logging.getLogger(__name__)

# Answers of an API wrap their list: {"data": {"tickets": {"nodes": [...]}}}.
MAX_WRAPPERS = 3
# An object that has one of them, or an id, is a record, and no wrapper around a list of them.
_TEXTS = ("text", "turns")
# Where such a list is empty there are no rows; any other empty list may be one of a record's own.
LIST_NAMES = frozenset(
    {"data", "results", "items", "records", "rows", "values", "entries", "hits", "nodes", "edges", "docs"}
    | {"tickets", "conversations", "reviews", "calls", "answers", "responses"}
)
# What is found in an object: no list of objects, an empty one, or rows.
_NOTHING, _EMPTY, _ROWS = range(3)
READ_BYTES = 256 * 1024
# What is cut may be wrong so far before its end: a half of an escape, of a number, of `false`.
_LONGEST_CUT = 64
_HEAD_CHARACTERS = 8_192
_SPACE = re.compile(r"[ \t\r\n]*")
_UNDECODABLE = re.compile("[\udc80-\udcff]")
# NaN and Infinity are no JSON, but common; they mean that there is no value.
_decode = json.JSONDecoder(parse_constant=lambda _: None).raw_decode

_Row = dict[str, Any] | BadRow


def is_document(head: bytes, *, is_lines: bool) -> bool:
    """Whether a file is read by `document_rows`, and not line by line.

    Args:
        head: its first bytes.
        is_lines: whether its name says that it has one object a line, so that only a list is none.
    """
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    first, _, rest = start.partition(b"\n")
    has_lines = rest.strip() and not first.rstrip().endswith((b"{", b"[", b","))
    return start.startswith(b"[") or (start.startswith(b"{") and not is_lines and not has_lines)


def document_rows(stream: io.BufferedReader, id_names: Collection[str] = IDS) -> Iterator[Row]:
    """One row an object, numbered from 1, in memory that does not grow with their number.

    The rows are the objects of a list; or those of the first list of records in an object that has no id, text or
    turns itself, also where that list is in an object in it, or else of the first list of any objects; or else the
    object itself. What an API puts around its list, such as warnings, is no part of a row, and other lists of objects
    are left out and counted in the log.

    An object that cannot be read ends the file, because nothing says where the next one begins: one `BadRow` stands
    for all that could not be read. One with bytes that are no UTF-8 costs itself only.

    Args:
        id_names: of values, as `column_name` gives them.
    """
    number, text = 0, _Text(stream, frozenset((*id_names, *_TEXTS)))
    try:
        for number, row in enumerate(_rows(text), start=1):
            yield number, row
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else getattr(error, "msg", error)
        error_type = "too_large" if isinstance(error, _TooLongError) else "damaged_file" if number else "wrong_format"
        yield (
            number + 1,
            BadRow(error_type, f"nothing from object {number + 1} on can be read as JSON: {reason}", text.head()),
        )


def _rows(text: "_Text") -> Iterator[_Row]:
    while sign := text.peek():
        if sign == "{":
            text.held = text.at
            found = _NOTHING if text.has_record() else (yield from _rows_within(text))
            if not found:
                text.at = text.held
                yield text.row()
            text.held = None
        elif text.take("["):
            yield from _items(text)
        else:
            yield text.row()
        text.take(",")


def _items(text: "_Text") -> Iterator[_Row]:
    """The rest of a list."""
    while not text.take("]"):
        yield text.row()
        text.end_of_value("]")


def _rows_within(text: "_Text") -> Generator[_Row, None, int]:
    """The rows of the first list of records within an object, or else of any objects; returns what was found."""
    found = yield from _wrapped_rows(text, MAX_WRAPPERS, is_any=False)
    if not found and text.others:
        text.at, text.others = text.held or 0, 0
        found = yield from _wrapped_rows(text, MAX_WRAPPERS, is_any=True)
    if text.others and found:
        count = text.others
        log.info("Beside the list that is read a JSON file has %d other lists of objects, which are left out.", count)
    text.others = 0
    return found


def _wrapped_rows(text: "_Text", wrappers: int, *, is_any: bool) -> Generator[_Row, None, int]:
    found = _NOTHING
    text.take("{")
    while not text.take("}"):
        name = column_name(str(text.value()))
        if not text.take(":"):
            raise ValueError("there is no colon behind the name of a value")
        if name in text.of_records and wrappers == MAX_WRAPPERS and found != _ROWS:
            return _NOTHING
        if text.peek() == "{" and wrappers and found != _ROWS and not text.has_record():
            found = max(found, (yield from _wrapped_rows(text, wrappers - 1, is_any=is_any)))
        elif text.take("["):
            sign, is_first = text.peek(), found != _ROWS
            if sign == "{" and is_first and (is_any or name in LIST_NAMES or text.is_record_next()):
                text.held, found = None, _ROWS
                yield from _items(text)
            else:
                found = max(found, _EMPTY if sign == "]" and name in LIST_NAMES else _NOTHING)
                text.others += sign == "{"
                for _ in _items(text):
                    pass
        else:
            text.value()
        text.end_of_value("}")
    return found


class _TooLongError(ValueError):
    pass


class _Text:
    """The text of a file of JSON, of which one value is kept at a time, and a piece of what comes behind it.

    Args:
        of_records: names of values that records have, and nothing else has.
        at: where the next value begins.
        held: from where on all is kept, to go back to it; None: from the next value.
        others: how many lists of objects were gone past.
    """

    def __init__(self, stream: io.BufferedReader, of_records: frozenset[str]) -> None:
        self._stream, self.of_records = stream, of_records
        # Undecodable bytes become lone surrogates: only their object is lost.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._text = ""
        self.at = self._start = 0
        self.held: int | None = None
        self.others = 0

    def peek(self) -> str:
        """The next sign that is no space, which stays the next; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self._text) or not self._read():
                return self._text[self.at : self.at + 1]

    def take(self, sign: str) -> bool:
        """Go on behind the next sign, if it is this one."""
        is_next = self.peek() == sign
        self.at += is_next
        return is_next

    def end_of_value(self, last: str) -> None:
        """Go on behind a comma, or stop before what ends the list or the object."""
        if not self.take(",") and self.peek() != last:
            raise ValueError("there is no comma between two objects of a list, or two values of an object")

    def value(self) -> Any:
        """The next value."""
        while True:
            self.peek()
            self._start = self.at
            try:
                value, end = _decode(self._text, self.at)
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated") or len(self._text) - error.pos < _LONGEST_CUT
                if not is_cut or not self._read():
                    raise
                continue
            length = end - self.at
            # A number may go on in what is not read yet.
            if len(self._text) - end < _LONGEST_CUT and self._read():
                continue
            self.at += length
            return value

    def row(self) -> _Row:
        """The next value as a row."""
        value = self.value()
        if _UNDECODABLE.search(self._text, self._start, self.at):
            return BadRow("invalid_utf8", "the object is not valid UTF-8", self.head())
        if not isinstance(value, dict):
            return BadRow("not_json", "there is JSON, but no object: a list of objects is expected", self.head())
        return value

    def has_record(self) -> bool:
        """Whether the object that comes next is read already, and is a record."""
        with suppress(ValueError):
            return not self.of_records.isdisjoint(map(column_name, _decode(self._text, self.at)[0]))
        return False

    def is_record_next(self) -> bool:
        """Whether the object that comes next is a record, also if it must be read first. All must be held."""
        start = self.at - (self.held or 0)
        names = map(column_name, self.value())
        self.at = start + (self.held or 0)
        return not self.of_records.isdisjoint(names)

    def head(self) -> bytes:
        """Beginning of the last value."""
        return self._text[self._start : self._start + _HEAD_CHARACTERS].encode("utf-8", "surrogateescape")

    def _read(self) -> bool:
        """Read on: a piece, or as much again as is kept, so that nothing is looked at over and over again."""
        kept = self.at if self.held is None else self.held
        self._text, self.at = self._text[kept:], self.at - kept
        self._start = self.at
        self.held = None if self.held is None else 0
        size, data = len(self._text), b" "
        if size > MAX_LINE_BYTES:
            raise _TooLongError(f"it is longer than {MAX_LINE_BYTES:,} characters")
        while data and len(self._text) <= max(size, 2 * size - READ_BYTES):
            data = self._stream.read1(READ_BYTES)
            self._text += self._decoder.decode(data, final=not data)
        return len(self._text) > size
