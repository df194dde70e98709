"""Transcripts as plain text, with `Speaker: words` lines where there are any."""

import re
from collections import Counter
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
    rf"(?:>{{1,3}}[ \t]?)?[\[*_{_UNSEEN}]{{0,4}}"
    rf"(?P<role>[^\W\d_][\w{_MARKS} .'’()&/#-]{{0,40}})[\]*_{_UNSEEN}]{{0,4}}"
    rf"(?::[*_{_UNSEEN}]{{0,4}}(?=\s|$)|：)"
)
# What whisper.cpp puts before a line: `(speaker 0) Hello`.
_COUNTED = re.compile(r"\((?P<role>speaker (?:\d{1,3}|\?))\)[ \t]{0,4}")
# Who speaks and when, on a line above the words: `[Marta Olsson] 14:15:05`, `Marta Olsson 0:03`, `Speaker 1 (00:03):`,
# `Marta - 00:03`, `0:03 | Marta`, and `14:15:05 From Marta to Everyone:` of chats, which may go on with the words.
_NAME = r"(?P<role>[^\W\d_][^:|\n\[\]]{0,60}?)"
# Of Google Meet: above it stand the title and who took part.
_HEADING = "Transcript"
_HEAD_ENDS = frozenset("0123456789):")
_HEADS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\[(?P<role>[^:\n\[\]]{{1,60}})\][ \t]{{1,4}}(?P<at>{_TIME})",
        rf"{_NAME}(?:[ \t]{{1,8}}|[ \t]{{0,4}}[(|–—-][ \t]{{0,4}})(?P<at>{_TIME})\)?:?",
        rf"(?P<at>{_TIME})[ \t]{{0,4}}\|[ \t]{{0,4}}{_NAME}",
        rf"(?P<at>{_TIME})[ \t]{{1,4}}From[ \t]{{1,4}}{_NAME}[ \t]{{1,4}}to[ \t]{{1,4}}[^:\n]{{1,80}}:(?P<text>.*)",
    )
)


def transcript_of_text(text: str) -> Transcript:
    """Turns where lines of their own or at least half of all name a speaker, else the text as it is."""
    lines = _lines(text)
    above = lines.index(_HEADING) + 1 if _HEADING in lines else 0
    named = spoken_lines(lines[above:])
    spoken = _headed(lines) or (named and [*[None] * above, *named])
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
        if lines and _TIME_ALONE.fullmatch(lines[-1]) and not _head(line):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return lines


def _headed(lines: Sequence[str]) -> list[Turn | None]:
    """For each line who speaks from here on, or None; nothing at all if speakers do not stand above words."""
    found = [_head(line) for line in lines]
    if sum(head is not None for head in found) < 2:
        return []
    heads: list[Turn | None] = []
    names = Counter(head.role for head in found if head)
    for head in found:
        # What stands below a head is said, `so 2:15` too, unless it names somebody who speaks elsewhere.
        is_said = head and heads and heads[-1] and not heads[-1].text and names[head.role] == 1
        heads.append(None if is_said else head)
    starts = [head.start or 0.0 for head in heads if head]
    return heads if len(starts) > 1 and starts == sorted(starts) else []


def _head(line: str) -> Turn | None:
    # Of most lines this is all that is asked.
    if not (line[0].isdigit() or line[-1] in _HEAD_ENDS):
        return None
    found = next((match for pattern in _HEADS if (match := pattern.fullmatch(line))), None)
    if found is None:
        return None
    return Turn(found["role"].strip(), (found.groupdict().get("text") or "").strip(), clock_seconds(found["at"]))


def spoken_lines(lines: Sequence[str]) -> list[Turn | None]:
    """For each line what its speaker says, or None where it names none; nothing at all if most lines name none.

    A letter has lines like `Please note: ...` too, so two lines and half of them must name a speaker.
    """
    spoken = [spoken_line(line) for line in lines]
    return spoken if sum(turn is not None for turn in spoken) >= max(len(lines) / 2, 2) else []


def spoken_line(line: str) -> Turn | None:
    """What the speaker of `Anna: Hello` says; None for a line that names none."""
    match = _SPOKEN.match(line) or _COUNTED.match(line)
    if match is None:
        return None
    at = match["at"] if match.re is _SPOKEN else None
    start = clock_seconds(at) if at else None
    return Turn(match["role"].strip(" _" + _UNSEEN), line[match.end() :].strip(), start)


def clock_seconds(clock: str) -> float | None:
    """Seconds of `01:02:03.500`, `02:03,5` or `2:03`."""
    total = 0.0
    for part in clock.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return seconds(total)
