"""Transcripts as captions: WebVTT and SubRip."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from include.sources.transcript import Transcript, Turn, joined
from include.sources.transcript_text import clock_seconds, spoken_lines

# https://www.w3.org/TR/webvtt1/#file-structure; SubRip writes a comma, and always the hours.
_CLOCK = r"(?:\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3}"
_TIMES = re.compile(rf"[ \t]{{0,8}}(?P<start>{_CLOCK})[ \t]{{1,8}}-->[ \t]{{1,8}}(?P<end>{_CLOCK})")
# https://www.w3.org/TR/webvtt1/#webvtt-cue-voice-span: `<v Anna>`, `<v.loud Anna>`; its end may be left out.
_VOICE = re.compile(r"(<v(?:\.[^\s<>]*)?\s[^<>]*>|</v>)")
# Neither runs over the next `<`, or a file of nothing else would take hours.
_TAG = re.compile(r"<[^<>]*>")
_LANGUAGE = re.compile(r"^Language:\s{0,8}([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\s*$", re.MULTILINE)


def transcript_of_cues(text: str) -> Transcript | None:
    """Turns by voice tag (`<v Anna>`), or by `Anna: ...` where at least half of the cues begin so.

    Cues of one speaker in a row are one turn; cues that name no speaker stay one a line. Notes, styles and
    regions are left out.

    Returns:
        The call; None if there is no cue.
    """
    cues = list(_cues(text))
    if not cues:
        return None
    if not any(cue.role for cue in cues):
        spoken = spoken_lines([cue.text for cue in cues])
        # A cue without a name is still the last speaker's.
        speaker = None
        for number, said in enumerate(spoken):
            speaker = said.role if said else speaker
            cues[number] = replace(cues[number], role=speaker, text=said.text if said else cues[number].text)
    language = _LANGUAGE.search(text[:2_000])
    turns = joined(cues) if any(cue.role for cue in cues) else tuple(cue for cue in cues if cue.text)
    return Transcript(turns, columns={"language": language[1] if language else None})


def _cues(text: str) -> Iterator[Turn]:
    lines = (line.strip() for line in text.split("\n"))
    for has_text, group in groupby(lines, key=bool):
        block = list(group)
        place = next((number for number, line in enumerate(block[:2]) if _TIMES.match(line)), None)
        # A block without times is the header, a style, a region or a note; a note may hold a cue that was taken out.
        if not has_text or place is None or block[0].split()[0] == "NOTE":
            continue
        times = _TIMES.match(block[place])
        assert times is not None
        start, end = clock_seconds(times["start"]), clock_seconds(times["end"])
        for role, said in _voices("\n".join(block[place + 1 :])):
            yield Turn(role, said, start, end)


def _voices(payload: str) -> Iterator[tuple[str | None, str]]:
    """Name and words of all voices of one cue; one without words if there are none."""
    role: str | None = None
    found = False
    for part in _VOICE.split(payload):
        if _VOICE.fullmatch(part):
            _, *name = part.removesuffix(">").split(maxsplit=1)
            role = _plain("".join(name)) or None
        elif said := _plain(part):
            found = True
            yield role, said
    if not found:
        yield None, ""


def _plain(payload: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", payload)).split())
