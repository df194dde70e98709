"""Turns under the names that people give them: who speaks, and what is said."""

import ast
import functools
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from include.privacy.policy import RedactionPolicy
from include.sources.columns import shown_columns
from include.sources.fields import spelt_name
from include.sources.markup import plain_text
from include.sources.transcript_text import CLOCK, spoken_lines
from include.text.clean import NO_VALUES, clean_text, is_blank

log = logging.getLogger(__name__)

# By these a program says who speaks, and nothing else. All names are in small letters, see `spelt_name`.
SPEAKER_MARKS = ("speaker", "speaker_name", "speaker_id", "speaker_label", "speaker_tag")
SPEAKERS = ("role", *SPEAKER_MARKS, "author", "sender", "participant", "name", "user")
WORDS = ("text", "message", "content", "body", "utterance", "transcript", "sentence")
CLOCKS = ("at", "start", "start_time", "timestamp", "time", "created_at")
ENDS = ("end", "end_time")
LISTS = ("turns", "utterances", "messages", "conversation", "dialogue", "transcript")
_PLAIN = frozenset((*SPEAKERS, *WORDS, *CLOCKS, *ENDS))
# Python's reader takes far more memory than that of JSON.
MAX_WRITTEN_CHARACTERS = 1_000_000
MAX_NAME_CHARACTERS = 100
MOST_NAMES = 10


def with_turns(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row, where it has neither `text` nor `turns` with its turns under that name."""
    texts = columns.get("text")
    if columns.get("turns") or (texts and not isinstance(texts, list)):
        return columns
    for name in ("text", *LISTS):
        if turns := as_turns(columns.get(name)):
            return {other: value for other, value in columns.items() if other != name} | {"turns": turns}
    return columns


def text_of(columns: Mapping[str, Any], speaker: Callable[[str], str] | None = None) -> str:
    """The transcript of `turns`, or else `text`; cleaned, and empty if nobody could see anything.

    Args:
        speaker: what stands before a turn instead of who speaks. None: the text in the form by which a version of a
            record is known, one line a turn and with its markup.

    Raises:
        ValueError: a turn has a shape that is not known, while others do or there is no text.
    """
    for given in ("\n".join(_turns(columns, speaker)), columns.get("text")):
        cleaned = clean_text(given) if isinstance(given, str) else ""
        if speaker is not None:
            cleaned = plain_text(cleaned)
        if not is_blank(cleaned) and cleaned not in NO_VALUES:
            return cleaned
    return ""


def _turns(columns: Mapping[str, Any], speaker: Callable[[str], str] | None) -> Iterator[str]:
    known, unknown = [], ""
    for number, turn in enumerate(as_turns(columns.get("turns")), start=1):
        try:
            known.append((turn, *turn_parts(turn)))
        except ValueError as error:
            unknown = unknown or f"turn {number} cannot be read: {error}"
    if unknown and (known or not columns.get("text")):
        raise ValueError(unknown)
    for turn, role, words in known:
        if speaker is None and isinstance(turn.get("text"), str):
            # By this form the versions of records have always been known.
            role = turn.get("role")
        said = " ".join(words.split()) if speaker is None else plain_text(clean_text(words))
        if said and isinstance(role, str) and role:
            yield f"{speaker(' '.join(clean_text(role).split())) if speaker else role}: {said}"
        elif said:
            yield said


def as_turns(given: Any) -> list[Any]:
    """Turns as a list, also of one that is written as JSON or, as pandas does, as Python; empty for anything else.

    Texts alone are lines, of which most may begin with the name of a speaker.
    """
    if isinstance(given, str):
        given = _read(given.strip()) if given.lstrip().startswith("[") else None
    if not isinstance(given, list | tuple):
        return []
    if not all(isinstance(turn, str) for turn in given):
        return [named(turn) if isinstance(turn, Mapping) else turn for turn in given]
    spoken = spoken_lines(given) or [None] * len(given)
    return [
        {"role": turn.role, "text": turn.text} if turn else {"text": text}
        for text, turn in zip(given, spoken, strict=True)
    ]


def named(turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn under names such as `speaker_id`, which it may write `speakerId` or `Speaker ID`."""
    if isinstance(turn, dict) and turn.keys() <= _PLAIN:
        return turn
    return {spelt_name(str(name)[:MAX_NAME_CHARACTERS]): value for name, value in turn.items()}


def turn_parts(turn: Any) -> tuple[str | None, str]:
    """Who speaks, if it is said, and the words; empty where there are none.

    Args:
        turn: one of `as_turns`.

    Raises:
        ValueError: the turn has a shape that is not known, so that words would be lost.
    """
    if not isinstance(turn, dict):
        raise ValueError("it is no object with names")
    words, speaker = under(turn, WORDS), under(turn, SPEAKERS)
    if not isinstance(words, str):
        words = _joined(words, turn)
    if not isinstance(speaker, str):
        speaker = _name(speaker, turn.get("from"))
    if words and not speaker and not turn.keys() <= _PLAIN:
        _say_unread(tuple(sorted(turn.keys() - _PLAIN)))
    return " ".join(speaker.split()) or None, words


@functools.lru_cache(maxsize=256)
def _say_unread(names: tuple[str, ...]) -> None:
    shown = shown_columns(names, MOST_NAMES, RedactionPolicy())
    log.info("Turns do not say who speaks by a known name. They have others, which are left out: %s", shown)


def _joined(words: Any, turn: Mapping[str, Any]) -> str:
    if isinstance(words, list):
        return " ".join(map(_part, words))
    if words is not None or turn.keys().isdisjoint(WORDS):
        raise ValueError(f"its words are under none of the names {', '.join(WORDS)}")
    return ""


def _name(speaker: Any, sender: Any) -> str:
    """The name of a speaker who is no text, else of the sender; a time from which somebody speaks is none."""
    if isinstance(speaker, Mapping):
        speaker = under(speaker, ("name", "role")) or speaker
    if speaker is None:
        return sender if isinstance(sender, str) and not CLOCK.fullmatch(sender.strip()) else ""
    if isinstance(speaker, bool) or not isinstance(speaker, str | int):
        raise ValueError("who speaks is neither a name nor a number")
    return str(speaker)


def under(turn: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The first value under one of the names; None if there is none."""
    for name in names:
        if (value := turn.get(name)) not in (None, ""):
            return value
    return None


def _part(part: Any) -> str:
    """The text of one part of a message; a picture has none."""
    text = part.get("text", "") if isinstance(part, Mapping) else part
    if not isinstance(text, str):
        raise ValueError("a part of it is no text")
    return text


def _read(written: str) -> Any:
    readers: tuple[Callable[[str], Any], ...] = (json.loads, ast.literal_eval)
    for read in readers[: 1 if len(written) > MAX_WRITTEN_CHARACTERS else 2]:
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return read(written)
    return None
