"""One call as every format of transcripts gives it: who said what, and when."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

# A clock that counts further than a hundred days counts something else.
LONGEST_SECONDS = 100 * 24 * 3600
# Two people on two channels talk at once; by then one of them has finished a sentence.
PAUSE_SECONDS = 1.0
_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")


class NotWhole(Exception):
    """A file that is known, and holds several calls or not all of one. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says without a break.

    Args:
        role: the speaker's role or name as the file gives it; None where it does not say.
        text: as it was said.
        start, end: seconds from the beginning of the recording.
    """

    role: str | None
    text: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """One call.

    Args:
        turns: in the order of their times; none where the file does not tell speakers or times apart.
        text: the whole of it, where there are no turns.
        columns: what else the file says of the call, by the names of a source's columns.
    """

    turns: tuple[Turn, ...] = ()
    text: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """All words, without the names of speakers."""
        return "\n".join(turn.text for turn in self.turns) if self.turns else self.text

    def row(self) -> dict[str, Any]:
        """As columns of a source's row; what the file says of the call itself counts more than what is counted here."""
        row: dict[str, Any] = {
            "speakers": len({turn.role for turn in self.turns if turn.role}) or None,
            "duration_seconds": self._duration_seconds(),
        }
        if self.turns:
            row["turns"] = [{"role": turn.role, "text": turn.text} for turn in self.turns]
            if any(turn.start is not None for turn in self.turns):
                # One for each line of the text.
                row["turn_seconds"] = [turn.start for turn in self.turns]
        else:
            row["text"] = self.text
        return row | {name: value for name, value in self.columns.items() if value not in (None, "")}

    def _duration_seconds(self) -> int | None:
        last = max((turn.end for turn in self.turns if turn.end is not None), default=None)
        return None if last is None else round(last)


def of_call(language: Any, duration: float | None) -> dict[str, Any]:
    """Columns of a call: its language, and how many seconds it takes."""
    return {
        "language": language if isinstance(language, str) else None,
        "duration_seconds": None if duration is None else round(duration),
    }


def conversation(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Turns of speakers, joined; where nobody is told apart one for each of the parts that have words."""
    given = tuple(turns)
    return joined(given) if any(turn.role for turn in given) else tuple(turn for turn in given if turn.text)


def joined(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """What one speaker says in a row as one turn, from its first beginning to its last end; empty ones left out."""
    whole = []
    for role, group in groupby((turn for turn in turns if turn.text), key=lambda turn: turn.role):
        parts = list(group)
        ends = [part.end for part in parts if part.end is not None]
        whole.append(Turn(role, " ".join(part.text for part in parts), parts[0].start, max(ends, default=None)))
    return tuple(whole)


def utterances(words: Iterable[Turn]) -> Iterator[Turn]:
    """Words of one channel up to the end of a sentence or a pause."""
    held: list[Turn] = []
    for word in words:
        if held and (word.start or 0.0) - (held[-1].end or 0.0) > PAUSE_SECONDS:
            yield from joined(held)
            held = []
        held.append(word)
        if word.text.endswith(_SENTENCE_ENDS):
            yield from joined(held)
            held = []
    yield from joined(held)


def seconds(value: Any, per_second: int = 1) -> float | None:
    """A number, or one in a string, `1.5` or `1.5s`, as seconds; None if it is none that a recording could have.

    Args:
        value: of any type that JSON knows.
        per_second: 1,000 if it counts milliseconds.
    """
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value.removesuffix("s") if isinstance(value, str) else value) / per_second
    except (ValueError, OverflowError):
        return None
    return round(number, 3) if math.isfinite(number) and 0 <= number < LONGEST_SECONDS else None
