"""Of several files of one call the one that tells most: a program may write captions, JSON and plain text of each."""

import logging
import re
from collections.abc import Iterator, Sequence

from include.sources.calls.transcript_file import call_name
from include.sources.row import BadRow
from include.sources.source import SourceRow

log = logging.getLogger(__name__)

# Zoom's captions of a recording, and its transcript.
_ZOOM = re.compile(r"\.(?:transcript|cc)$")


def call_of(name: str) -> str:
    """What the files of one call share, which stand beside each other: a name without `.transcript.vtt`, `.json`."""
    return _ZOOM.sub("", call_name(name))


def richest(rows: Sequence[SourceRow]) -> Iterator[SourceRow]:
    """Of the rows of one call the richest, while the log counts the others; what cannot be read stays."""
    readable = [row for row in rows if not isinstance(row.row, BadRow)]
    yield from (row for row in rows if isinstance(row.row, BadRow))
    if readable:
        yield max(readable, key=_riches)
    if len(readable) > 1:
        log.info(
            "%d of %d files of one call tell less than another, and are left out", len(readable) - 1, len(readable)
        )


def _riches(row: SourceRow) -> tuple[int, bool, int]:
    """How many speakers, whether there are times, and how many characters."""
    told = {} if isinstance(row.row, BadRow) else row.row
    said = "".join(turn["text"] for turn in told.get("turns") or []) or str(told.get("text") or "")
    return told.get("speakers") or 0, "turn_seconds" in told, len(said)
