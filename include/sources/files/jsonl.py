"""Rows of a JSON Lines file."""

import codecs
import io
import json
from collections.abc import Collection, Iterator
from typing import Any

from include.sources.fields import IDS
from include.sources.files.json_document import document_rows, is_document
from include.sources.row import MAX_LINE_BYTES, BadRow, Row

_HEAD_BYTES = 8_192


def json_rows(stream: io.BufferedReader, *, is_lines: bool = True, id_names: Collection[str] = IDS) -> Iterator[Row]:
    """One row a line; blank lines are counted, but are no rows. A list of objects is read by `document_rows`.

    Args:
        is_lines: whether the file's name says so; else it may also be an object over several lines.
        id_names: see `document_rows`.
    """
    head = stream.peek(2)[:2]
    # No character of JSON has a byte of zero in UTF-8.
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or (b"\0" in head and head != b"\0\0"):
        message = "the file is UTF-16 or UTF-32, and JSON Lines are UTF-8: nothing of it can be read"
        yield 1, BadRow("invalid_utf8", message, stream.read(_HEAD_BYTES))
        return
    if is_document(stream.peek(), is_lines=is_lines):
        yield from document_rows(stream, id_names)
        return
    # Split at the byte \n only: U+2028 and its like are part of a customer's text.
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            head = line[:_HEAD_BYTES]
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield number, BadRow("too_large", f"the line is longer than {MAX_LINE_BYTES:,} bytes", head)
            continue
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            yield number, _json_row(line)


def _json_row(line: bytes) -> dict[str, Any] | BadRow:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return BadRow("invalid_utf8", f"byte {error.start} of the line is not valid UTF-8", line)
    try:
        # NaN and Infinity are no JSON, but common; they mean that there is no value. A key given twice: the last one.
        row = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "not valid JSON"
        return BadRow("not_json", f"the line is {reason}", line)
    if not isinstance(row, dict):
        return BadRow("not_json", "the line is JSON, but not an object: one object a line is expected", line)
    return row
