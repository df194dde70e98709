"""What a file is that was named for a text, by its first bytes."""

import re

HEAD_BYTES = 1_024
_SIGNATURES = (
    ("a web page (HTML), perhaps the page of a login", re.compile(rb"<(?:!doctype html|html|head|body|table)\b", re.I)),
    ("XML", re.compile(rb"<\?xml\b", re.I)),
    ("a document in RTF", re.compile(rb"\{\\rtf\d")),
    ("a PDF", re.compile(rb"%PDF-")),
)


def foreign_format(head: bytes) -> str | None:
    """What else a file is than rows or a conversation; None where nothing says so.

    Args:
        head: its beginning, unpacked.
    """
    start = head[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for name, signature in _SIGNATURES if signature.match(start)), None)
