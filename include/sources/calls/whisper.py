"""Segments of OpenAI's transcription, whisperX and faster-whisper, which leaves it to people to write them.

`TranscriptionDiarized` and `TranscriptionVerbose` of OpenAI's SDK,
https://github.com/SYSTRAN/faster-whisper/blob/master/faster_whisper/transcribe.py, `Segment`, and
https://github.com/m-bain/whisperX/blob/main/whisperx/schema.py, `TranscriptionResult`
"""

from typing import Any

from include.sources.calls.layout import Layout, turns_of, value_at
from include.sources.transcript import Transcript, of_call, seconds
from include.sources.turn_names import SPEAKER_MARKS, as_turns

NAME = "OpenAI's transcription, faster-whisper and whisperX (segments)"
MARKS = ("segments",)
_LAYOUT = Layout("text|word", "|".join(SPEAKER_MARKS), at="start", end="end")


def transcript(document: Any) -> Transcript:
    """Its segments, or the words of one whose speaker whisperX names with the words alone."""
    items = []
    for part in as_turns(document["segments"]):
        words = as_turns(value_at(part, "words"))
        is_told = value_at(part, _LAYOUT.speaker) is None and any(value_at(word, _LAYOUT.speaker) for word in words)
        items += words if is_told else [part]
    length = seconds(document.get("duration"))
    return Transcript(turns_of(items, _LAYOUT), columns=of_call(document.get("language"), length))
