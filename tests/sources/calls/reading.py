"""Read the JSON of a program that a test writes."""

from typing import Any

from include.sources.calls.transcript_json import transcript_of_json
from include.sources.transcript import Transcript


def read(document: Any) -> Transcript:
    """The call, as any file of JSON is read."""
    transcript = transcript_of_json(document)
    assert transcript is not None
    return transcript


def turns(document: Any) -> list[tuple[str | None, str, float | None, float | None]]:
    """Who says what, from when to when."""
    return [(turn.role, turn.text, turn.start, turn.end) for turn in read(document).turns]
