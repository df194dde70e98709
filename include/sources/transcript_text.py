"""Turns of a call in the text formats that transcripts come in: plain text, WebVTT and SubRip."""

import html
import re
from collections.abc import Iterator
from typing import Any

Turn = dict[str, Any]

# `Agent: Hello`, `[00:01:02] Anna Smith: Hello`; a name is short, and a time of day is none.
_SPOKEN = re.compile(
    r"^\s*(?:\[?(?P<at>(?:\d+:)?\d{1,2}:\d{2}(?:[.,]\d+)?)\]?\s*[-–]?\s*)?"
    r"(?P<role>[^\W\d][\w .'’()-]{0,40}?):\s+(?P<text>\S.*)$"
)
_CUE = re.compile(r"(?P<at>(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})\s+-->\s")
# https://www.w3.org/TR/webvtt1/#webvtt-cue-voice-span
_VOICE = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]+)>")
_TAG = re.compile(r"<[^>]*>")


def turns_of_text(text: str) -> list[Turn]:
    """Turns of plain text; none where its lines name no speakers."""
    lines = [line for line in text.split("\n") if line.strip()]
    matches = [_SPOKEN.match(line) for line in lines]
    if sum(match is not None for match in matches) < max(len(lines) / 2, 2):
        return []
    turns: list[Turn] = []
    for line, match in zip(lines, matches, strict=True):
        if match is not None:
            turn = {"role": match["role"].strip(), "text": match["text"].strip()}
            turns.append(turn | ({"at": seconds_of(match["at"])} if match["at"] else {}))
        elif turns:
            turns[-1]["text"] += f" {line.strip()}"
        else:
            turns.append({"role": None, "text": line.strip()})
    return turns


def turns_of_cues(text: str) -> list[Turn]:
    """Turns of WebVTT or SubRip: cues of one speaker in a row become one turn; notes and styles are left out."""
    turns: list[Turn] = []
    for turn in _cues(text):
        if turns and turn["role"] is not None and turns[-1]["role"] == turn["role"]:
            turns[-1]["text"] += f" {turn['text']}"
        else:
            turns.append(turn)
    return turns


def _cues(text: str) -> Iterator[Turn]:
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.strip().split("\n")
        place = next((number for number, line in enumerate(lines) if _CUE.search(line)), None)
        # Without a time line it is the header, a NOTE, a STYLE or a REGION.
        if place is None:
            continue
        cue = _CUE.search(lines[place])
        payload = "\n".join(lines[place + 1 :])
        at = seconds_of(cue["at"]) if cue else None
        voices = list(_VOICE.finditer(payload))
        if voices:
            ends = [*(voice.start() for voice in voices[1:]), len(payload)]
            for voice, end in zip(voices, ends, strict=True):
                yield {"role": voice[1].strip(), "text": _plain(payload[voice.end() : end]), "at": at}
        elif said := _plain(payload):
            spoken = _SPOKEN.match(said)
            role, words = (spoken["role"].strip(), spoken["text"]) if spoken else (None, said)
            yield {"role": role, "text": words, "at": at}


def _plain(payload: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", payload)).split())


def seconds_of(clock: str) -> float:
    """Seconds of `01:02:03.500`, `02:03,5` or `2:03`."""
    seconds = 0.0
    for part in clock.replace(",", ".").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
