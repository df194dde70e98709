"""Where somebody else's JSON keeps the turns of a call: the names that lead to them, and how they are read."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from include.sources.fields import moment_of
from include.sources.json_parts import part
from include.sources.transcript import Turn, conversation, seconds
from include.sources.transcript_text import CLOCK, clock_seconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HALF_A_DAY = 12 * 3600


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths within one turn, see `value_at`; an empty one: the program does not say.

    Args:
        text: what is said; a turn without it makes the whole call unknown.
        speaker: a name, or a number that counts speakers.
        channel: of the recording; it tells speakers apart where there are several.
        at, end, length: when the turn begins and ends, and how long it takes.
        per_second: how many units of the times make a second.
    """

    text: str
    speaker: str = ""
    channel: str = ""
    at: str = ""
    end: str = ""
    length: str = ""
    per_second: int = 1


def value_at(document: Any, path: str) -> Any:
    """What stands at `results.channels.0`; of several ways, `startTime|startOffset`, at the first that leads somewhere.

    None if there is nothing.
    """
    found = None
    for way in _ways(path):
        value = part(document, *way)
        if value not in (None, ""):
            return value
        found = value if found is None else found
    return found


@functools.lru_cache(maxsize=1_024)
def _ways(path: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(way.split(".")) for way in filter(None, path.split("|")))


def turns_of(items: Any, layout: Layout) -> tuple[Turn, ...]:
    """The turns in the order of their times, what one speaker says in a row as one.

    Raises:
        TypeError: `items` is no list, or one of them has no text.
    """
    several = len({value_at(item, layout.channel) for item in listed(items)}) > 1
    return conversation(in_order(parts_of(items, layout, by_channel=several)))


def parts_of(items: Iterable[Any], layout: Layout, *, by_channel: bool) -> Iterator[Turn]:
    """One turn for each of the items, in their order.

    Args:
        by_channel: whether channels tell speakers apart.

    Raises:
        TypeError: one of them has no text.
    """
    given = list(items)
    # Ticks in great number look like a date.
    begin = began(given, layout.at) if layout.per_second == 1 else None
    for item in given:
        start, end, length = (
            offset(value_at(item, path), begin, layout.per_second) for path in (layout.at, layout.end, layout.length)
        )
        if end is None and start is not None and length is not None:
            end = round(start + length, 3)
        who = voice(value_at(item, layout.speaker), value_at(item, layout.channel) if by_channel else None)
        yield Turn(who, said(value_at(item, layout.text)), start, end)


def in_order(turns: Iterable[Turn]) -> Sequence[Turn]:
    """By their beginnings; as they are if one does not say when it began, or a clock among them passes midnight."""
    given = list(turns)
    starts = [turn.start for turn in given if turn.start is not None]
    is_clear = len(starts) == len(given) and all(before - after < HALF_A_DAY for before, after in pairwise(starts))
    return sorted(given, key=lambda turn: turn.start or 0.0) if is_clear else given


def voice(speaker: Any, channel: Any = None) -> str | None:
    """Who speaks. A number alone is said to be one: services count speakers, and begin anew on each channel."""
    named = (("speaker", speaker_name(speaker)), ("channel", speaker_name(channel)))
    return " of ".join(f"{kind} {name}" if name.isdecimal() else name for kind, name in named if name) or None


def others(document: Mapping[str, Any], *taken: str) -> dict[str, Any]:
    """What else the file says of the call, but for what is taken already, and for parts that tell the words again.

    Services list words and tokens one by one (`words`, `logprobs`, `utterances`): too small a piece for redaction to
    see that it is a part of a name or of a number.
    """
    return {
        name: value
        for name, value in document.items()
        if name not in taken and not any(isinstance(item, Mapping | list) for each in lists_in(value) for item in each)
    }


def lists_in(value: Any) -> Iterator[list[Any]]:
    """All lists within it, however deep."""
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, list):
            yield inner
        waiting += inner.values() if isinstance(inner, Mapping) else inner if isinstance(inner, list) else ()


def listed(value: Any) -> list[Any]:
    """The value if it is a list; TypeError if not."""
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def said(value: Any) -> str:
    """The value without spaces around it if it is a text; TypeError if not."""
    if not isinstance(value, str):
        raise TypeError("no text")
    return value.strip()


def speaker_name(value: Any) -> str | None:
    """A name or a number as a name of one line; None for an empty one, TypeError for anything else."""
    if value is None or isinstance(value, str):
        # A line break in it would make two lines of a turn.
        return " ".join((value or "").split()) or None
    if isinstance(value, int):
        return str(value)
    raise TypeError("no name")


def moment(clock: Any) -> datetime | None:
    """A time of day with its date, as some players give each turn; None for anything else."""
    found = moment_of(clock) if seconds(clock) is None else None
    # Some programs write the year 1 for a time that they do not have.
    return found if found and found > EPOCH else None


def began(items: Iterable[Any], path: str) -> datetime | None:
    """When the first of some turns was said, UTC; None if none has a date."""
    return min(filter(None, (moment(value_at(item, path)) for item in items)), default=None)


def offset(clock: Any, begin: datetime | None, per_second: int = 1) -> float | None:
    """Seconds from the beginning, of a number of them, `00:01:02`, or a time of day with its date."""
    if isinstance(clock, str) and CLOCK.fullmatch(clock.strip()):
        return clock_seconds(clock.strip())
    found = moment(clock) if begin else None
    return seconds((found - begin).total_seconds()) if found and begin else seconds(clock, per_second)
