"""Rows of a mailbox in the mbox format (RFC 4155), as Google Takeout, Thunderbird and mail servers export it.

Not the standard library's `mailbox`, which opens paths of this machine only: its parser of messages is used.
"""

import io
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any

from include.sources.row import MAX_LINE_BYTES, BadRow, Row
from include.text.columns import content_version

_HEAD_BYTES = 8_192
_START = b"From "
# Parts within parts: the parser goes back through all of them at every line.
MAX_NESTED = 100
_NESTED = re.compile(rb"^content-type:\s*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)


def mbox_rows(stream: io.BufferedReader) -> Iterator[Row]:
    """One row a message, numbered from 1: its `Message-ID` as id, subject and body as text, and when it was sent.

    A message without one, as old programs wrote them, has the hash of what stands in it.

    The body is the first part of plain text, or else of HTML. Attachments are left out, and counted in a column. A
    message of more than `MAX_LINE_BYTES`, attachments included, and one that cannot be taken apart is a `BadRow`.
    """
    number, size = 0, 0
    lines: list[bytes] = []
    is_blank = True
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if is_blank and line.startswith(_START):
            if number:
                yield number, _row(lines, size)
            number, size, lines = number + 1, 0, []
        elif not number and line.strip():
            message = "the file is no mailbox: the first line of one begins with `From `"
            yield 1, BadRow("wrong_format", message, line[:_HEAD_BYTES])
            return
        else:
            size += len(line)
            if size <= MAX_LINE_BYTES:
                # Within a message such a line is quoted.
                is_quoted = line.startswith(b">") and line.lstrip(b">").startswith(_START)
                lines.append(line[1:] if is_quoted else line)
        is_blank = not line.strip(b"\r\n")
    if number:
        yield number, _row(lines, size)


def _row(lines: list[bytes], size: int) -> dict[str, Any] | BadRow:
    head = b"".join(lines[:100])[:_HEAD_BYTES]
    if size > MAX_LINE_BYTES:
        return BadRow("too_large", f"the message has {size:,} bytes, more than {MAX_LINE_BYTES:,}", head)
    content = b"".join(lines)
    if len(_NESTED.findall(content)) > MAX_NESTED:
        return BadRow("too_large", f"the message has more than {MAX_NESTED} parts within parts", head)
    try:
        message = message_from_bytes(content, policy=default)
        sent, body = message["date"], message.get_body(("plain", "html"))
        return {
            "id": (message["message-id"] or "").strip(" \r\n\t<>") or content_version(content.strip()),
            "text": "\n\n".join(part for part in (message["subject"], body and body.get_content()) if part),
            "created_at": _time(sent) if sent else None,
            # A name that a column gives is known in the text too, as below its last line.
            "author_name": parseaddr(message["from"] or "")[0] or None,
            "in_reply_to": (message["in-reply-to"] or "").strip(" \r\n\t<>") or None,
            "attachments": sum(1 for _ in message.iter_attachments()) or int(message.is_attachment()),
        }
    # What the parser raises on headers that nobody should write, and on encodings that nobody knows.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # What is no encoding may be said; other words of the parser may quote the message.
        reason = error if isinstance(error, LookupError) else type(error).__name__
        return BadRow("unreadable", f"the message cannot be taken apart ({reason})", head)


def _time(sent: str) -> datetime | str:
    """When a message was sent; as it stands there, for the judgement of `time_of`, if that is no time."""
    try:
        return parsedate_to_datetime(sent)
    except (ValueError, TypeError):
        return str(sent)
