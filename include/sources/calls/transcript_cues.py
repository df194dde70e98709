"""Transcripts as captions: WebVTT and SubRip."""

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from include.sources.transcript import Transcript, Turn, conversation
from include.sources.transcript_text import clock_seconds, spoken_line, spoken_lines

# https://www.w3.org/TR/webvtt1/#file-structure; SubRip writes a comma, and always the hours. Readers of WebVTT take
# times without spaces around the arrow too.
_CLOCK = r"(?:\d{1,4}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_TIMES = re.compile(rf"(?P<start>{_CLOCK})[ \t]{{0,8}}-->[ \t]{{0,8}}(?P<end>{_CLOCK})")
# https://www.w3.org/TR/webvtt1/#webvtt-cue-voice-span: `<v Anna>`, `<v.loud Anna>`; its end may be left out.
_VOICE = re.compile(r"(<v(?:\.[^\s<>]*)?\s[^<>]*>|</v>)")
# Those of WebVTT and SubRip, and times within a cue; anything else between `<` and `>` was said.
# None runs over the next `<`, or a file of nothing else would take hours.
_TAG = re.compile(r"</?(?:c|i|b|u|v|ruby|rt|lang|font|br)(?:[.\s/][^<>]*)?>|<[\d:.]{1,16}>", re.IGNORECASE)
# Where on the screen, of players that take SubRip for another format: `{\an8}`.
_PLACE = re.compile(r"\{\\[^{}]{0,40}\}")
_LANGUAGE = re.compile(r"^Language:\s{0,8}([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\s*$", re.MULTILINE)
# Captions that scroll repeat a line, by itself and for so long, while the next one is on its way.
_BLINK_SECONDS = 0.05
# No caption shows more lines; a cue of a million must not take hours.
_MOST_LINES = 8
MOST_NAMED = 0.8
# As meeting programs show who speaks: `Olsson, Marta`, `Marta Olsson [she/her]`, `🌸 Marta`, `Tjorven "TQ" Qvarnholt`.
_SHOWN = re.compile(r"(?P<role>(?=[^:\n]{0,79}[^\W\d_])[^:\n]{1,80}): (?P<text>.*)", re.DOTALL)
# What whisper prints: `[00:00:00.000 --> 00:00:03.000]   Hello`.
_LOGGED = re.compile(rf"^\[({_CLOCK} --> {_CLOCK})\][ \t]{{0,8}}", re.MULTILINE)
# Two people may share a cue without their names.
_DASHED = re.compile(r"[-–—][ \t]?\S")
# The name of a cue is a speaker's where it is such a one, or comes again.
_COUNTED_NAME = re.compile(r"(?:speaker|agent|customer|caller|client|operator)\b.{0,20}", re.IGNORECASE)


def is_log(text: str) -> bool:
    """Whether captions stand in it as whisper prints them, times in brackets before the words."""
    return _LOGGED.match(text.lstrip()) is not None


def transcript_of_cues(text: str) -> Transcript | None:
    """Turns by voice tag (`<v Anna>`), or by `Anna: ...` where at least half of the cues begin so.

    Cues of one speaker in a row are one turn; cues that name no speaker stay one a line. Notes, styles and
    regions are left out, and so are the lines that scrolling captions repeat.

    Returns:
        The call; None if there is no cue.
    """
    named = list(_cues(_LOGGED.sub(r"\n\1\n", text) if is_log(text) else text))
    if not named:
        return None
    starts = [cue.start for _, cue in named]
    if None not in starts and starts != sorted(start or 0.0 for start in starts):
        named.sort(key=lambda each: each[1].start or 0.0)
    cues = [cue for _, cue in named]
    if not any(cue.role for cue in cues):
        names = [name for name, _ in named]
        if _are_speakers(names):
            cues = [replace(cue, role=name or None) for name, cue in named]
        else:
            cues = list(_named(list(_without_repeats(cues))))
    language = _LANGUAGE.search(text[:2_000])
    cues = [replace(cue, text=cue.text.replace("\n", " ")) for cue in cues]
    return Transcript(conversation(cues), columns={"language": language[1] if language else None})


def _cues(text: str) -> Iterator[tuple[str, Turn]]:
    """One for each voice of a cue with the cue's name, and with its line breaks; without words if the cue has none."""
    is_webvtt = text.startswith("WEBVTT")
    times: re.Match[str] | None = None
    lines: list[str] = []
    name = ""
    in_note, after_blank = False, True
    for given in text.split("\n"):
        line = given.strip()
        if in_note:
            # It may hold a cue that was taken out.
            in_note = bool(line)
        elif found := _TIMES.match(line):
            # A line of times begins a cue, with or without an empty line before it.
            lines, following = _without_name(lines, is_webvtt or times is None)
            yield from ((name, cue) for cue in _voices(times, lines))
            times, lines, name = found, [], following
        elif after_blank and (line.split()[:1] == ["NOTE"] or (is_webvtt and line in ("STYLE", "REGION"))):
            in_note = True
        else:
            # Before the first cue it is a part of the header, or a cue's name. Later an empty line ends no cue: people
            # paste words with empty lines between.
            lines.append(line)
        after_blank = not line
    yield from ((name, cue) for cue in _voices(times, lines))


def _without_name(lines: list[str], may_be_words: bool) -> tuple[list[str], str]:
    """The lines of a cue up to the next one's times, and the name of that one, which stands directly above them.

    Args:
        may_be_words: whether names need not be numbers, as in WebVTT: then they follow an empty line.
    """
    is_name = bool(lines) and (lines[-1].isdecimal() or (may_be_words and len(lines) > 1 and lines[-2] == ""))
    return (lines[:-1], lines[-1]) if is_name else (lines, "")


def _are_speakers(names: Sequence[str]) -> bool:
    given = [name for name in names if name]
    return (
        len(given) >= MOST_NAMED * len(names)
        and all(spoken_line(f"{name}: ") for name in given)
        and (len(set(given)) < len(given) or all(map(_COUNTED_NAME.fullmatch, given)))
    )


def _voices(times: re.Match[str] | None, lines: list[str]) -> Iterator[Turn]:
    if times is None:
        return
    start, end = clock_seconds(times["start"]), clock_seconds(times["end"])
    role: str | None = None
    found = False
    for part in _VOICE.split("\n".join(lines)):
        if _VOICE.fullmatch(part):
            _, *name = part.removesuffix(">").split(maxsplit=1)
            role = " ".join(_plain("".join(name)).split()) or None
        elif said := _plain(part):
            found = True
            yield Turn(role, said, start, end)
    if not found:
        yield Turn(None, "", start, end)


def _plain(payload: str) -> str:
    payload = _PLACE.sub("", payload) if "{\\" in payload else payload
    lines = (" ".join(html.unescape(line).split()) for line in _TAG.sub("", payload).split("\n"))
    return "\n".join(filter(None, lines))


def _without_repeats(cues: Sequence[Turn]) -> Iterator[Turn]:
    """Scrolling captions show a line again above the next one. What somebody really says twice has a cue of its own."""
    before: list[str] = []
    for cue in cues:
        lines = cue.text.split("\n")
        most = len(lines) - 1
        if cue.start is not None and cue.end is not None and cue.end - cue.start <= _BLINK_SECONDS:
            most = len(lines)
        tries = range(min(most, _MOST_LINES), 0, -1)
        repeated = next((count for count in tries if before[-count:] == lines[:count]), 0)
        yield replace(cue, text="\n".join(lines[repeated:]))
        before = lines if cue.text else before


def _named(cues: Sequence[Turn]) -> Iterator[Turn]:
    """The cues with speakers where most begin with one; a line without a name is still the last speaker's."""
    lines = [cue.text.split("\n") for cue in cues]
    heads = [first for first, *_ in lines]
    names = _shown_names(heads)
    if not names and not spoken_lines(heads):
        for cue, of_cue in zip(cues, lines, strict=True):
            is_shared = len(of_cue) > 1 and all(map(_DASHED.match, of_cue))
            yield from (replace(cue, text=line) for line in of_cue) if is_shared else (cue,)
        return
    speaker = None
    for cue, of_cue in zip(cues, lines, strict=True):
        # Two people may share a cue, a line each.
        for line in of_cue:
            shown = _SHOWN.fullmatch(line)
            is_shown = shown is not None and shown["role"] in names
            said = Turn(_plain_name(shown["role"]), shown["text"]) if shown and is_shown else spoken_line(line)
            speaker = said.role if said else speaker
            yield replace(cue, role=speaker, text=said.text if said else line)


def _plain_name(shown: str) -> str:
    """Without the marks of captions: `>> MARTA`, `[SPEAKER_00]`."""
    name = shown.strip().lstrip("> ")
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _shown_names(heads: Sequence[str]) -> frozenset[str]:
    """What stands before the colon of the cues, if it does so in nearly all of them and comes again: then it names."""
    labels = Counter(shown["role"] for head in heads if (shown := _SHOWN.fullmatch(head)))
    is_naming = labels.total() >= MOST_NAMED * len(heads) and labels.total() > len(labels)
    return frozenset(labels) if is_naming else frozenset()
