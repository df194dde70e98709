"""Transcripts in the JSON that speech services write."""

from collections.abc import Mapping
from typing import Any

from include.sources.calls import own, whisper
from include.sources.calls.formats import FIRST_NAMES, FORMATS
from include.sources.calls.layout import lists_in, others, said, value_at
from include.sources.transcript import Transcript, of_call, seconds
from include.sources.turn_names import SPEAKER_MARKS, SPEAKERS, named, under

# Their marks are words that others use too, so what they cannot read may still be known.
_BY_NAMES = (own, whisper)
KNOWN_SHAPES = f"{', '.join(form.NAME for form in (*FORMATS, *_BY_NAMES))}, or a text alone"


def transcript_of_json(document: Any) -> Transcript | None:
    """The call, in any of the known shapes; None when it is none of them, or names speakers in a place of its own.

    Raises:
        NotWhole: it is of a known program, and is more or less than one call.
    """
    if isinstance(document, list):
        document = _under_a_name(document)
    if not isinstance(document, Mapping):
        return None
    known, by_names = (
        [form.transcript for form in forms if all(value_at(document, mark) is not None for mark in form.MARKS)]
        for forms in (() if FIRST_NAMES.isdisjoint(document) else FORMATS, _BY_NAMES)
    )
    for shape in known or (*by_names, _text_alone):
        try:
            transcript = shape(document)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
            continue
        is_whole = known or any(turn.role for turn in transcript.turns) or not _names_speakers(document)
        return transcript if is_whole else None
    return None


def _under_a_name(parts: list[Any]) -> dict[str, Any]:
    """A list of turns, or of segments: faster-whisper leaves it to the caller how they are written."""
    if any(isinstance(part, Mapping) and under(named(part), SPEAKERS) is not None for part in parts):
        return {"turns": parts}
    have_times = all(isinstance(part, Mapping) and "start" in part for part in parts)
    return {"segments": parts} if have_times and parts else {}


def _names_speakers(document: Mapping[str, Any]) -> bool:
    """Whether a list anywhere in it says who speaks."""
    parts = (part for each in lists_in(document) for part in each if isinstance(part, Mapping))
    return any(under(named(part), SPEAKER_MARKS) is not None for part in parts)


def _text_alone(document: Mapping[str, Any]) -> Transcript:
    length = of_call(None, seconds(document.get("duration")))
    columns = length | others(document, "text", "task", "duration", "usage")
    return Transcript(text=said(document["text"]), columns=columns)
