"""Transcripts as plain text, with `Speaker: words` lines where there are any."""

import re
from collections.abc import Sequence

from include.sources.transcript import Transcript, Turn, joined, seconds

# `Agent: Hello`, `[00:01:02] Anna Smith: Hello`, `**Anna (Agent):** Hello`. A name is short and begins
# with a letter, so a time of day is none.
# Every repetition is bounded: a line of a megabyte of spaces must not take an hour. To Python the vowel signs of Indian
# and other scripts are no letters, and the marks of the writing direction are invisible.
_MARKS = (
    r"\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0e7f\u1000-\u109f\u1780-\u17d3\u200c-\u200f"
)
_UNSEEN = "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
_TIME = r"(?:(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?)"
CLOCK = re.compile(_TIME)
_TIME_ALONE = re.compile(rf"[\[(]?{_TIME}[\])]?")
_SPOKEN = re.compile(
    rf"(?:[\[(]?(?P<at>{_TIME})[\])]?[ \t]{{0,4}}(?:[-–—][ \t]{{0,4}})?)?"
    rf"[*_{_UNSEEN}]{{0,4}}(?P<role>[^\W\d_][\w{_MARKS} .'’()&/#-]{{0,40}})[*_{_UNSEEN}]{{0,4}}"
    rf"(?::[*_{_UNSEEN}]{{0,4}}(?=\s|$)|：)"
)


def transcript_of_text(text: str) -> Transcript:
    """Turns where at least half of the lines name a speaker, else the text as it is."""
    lines = _lines(text)
    spoken = spoken_lines(lines)
    if not spoken:
        return Transcript(text=text)
    turns: list[tuple[Turn, list[str]]] = []
    for line, turn in zip(lines, spoken, strict=True):
        if turn is not None or not turns:
            turn = turn or Turn(None, line)
            turns.append((turn, [turn.text]))
        else:
            # A line without a name goes on where the last one ended.
            turns[-1][1].append(line)
    return Transcript(joined(Turn(turn.role, " ".join(parts).strip(), turn.start) for turn, parts in turns))


def _lines(text: str) -> list[str]:
    """All lines but empty ones; a time on a line of its own is put before the next."""
    lines: list[str] = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        if lines and _TIME_ALONE.fullmatch(lines[-1]):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return lines


def spoken_lines(lines: Sequence[str]) -> list[Turn | None]:
    """For each line what its speaker says, or None where it names none; nothing at all if most lines name none.

    A letter has lines like `Please note: ...` too, so two lines and half of them must name a speaker.
    """
    spoken = [spoken_line(line) for line in lines]
    return spoken if sum(turn is not None for turn in spoken) >= max(len(lines) / 2, 2) else []


def spoken_line(line: str) -> Turn | None:
    """What the speaker of `Anna: Hello` says; None for a line that names none."""
    match = _SPOKEN.match(line)
    if match is None:
        return None
    start = clock_seconds(match["at"]) if match["at"] else None
    return Turn(match["role"].strip(" _" + _UNSEEN), line[match.end() :].strip(), start)


def clock_seconds(clock: str) -> float | None:
    """Seconds of `01:02:03.500`, `02:03,5` or `2:03`."""
    total = 0.0
    for part in clock.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return seconds(total)
