"""Turns of a call in the JSON that speech services write."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from include.sources.transcript_text import Turn

KNOWN_SHAPES = (
    "Amazon Transcribe (results.transcripts), Amazon Transcribe Call Analytics (Transcript), OpenAI's diarised "
    "transcription (segments), or turns with role and text"
)


def turns_of_json(document: Any) -> list[Turn] | None:
    """Turns of any known shape; None when it is none of them.

    Shapes: https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html, the Call Analytics output beside it, and
    `diarized_json` of https://platform.openai.com/docs/api-reference/audio/diarized-json-object.
    """
    if not isinstance(document, Mapping):
        return None
    for shape in (_own, _call_analytics, _transcribe, _openai):
        try:
            turns = shape(document)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            continue
        if turns is not None:
            return turns
    return None


def _own(document: Mapping[str, Any]) -> list[Turn] | None:
    turns = document.get("turns")
    if not isinstance(turns, list):
        return None
    return [{"role": turn.get("role"), "text": turn["text"], "at": turn.get("at")} for turn in turns]


def _call_analytics(document: Mapping[str, Any]) -> list[Turn] | None:
    turns = document.get("Transcript")
    if not isinstance(turns, list):
        return None
    return [
        {"role": turn["ParticipantRole"].lower(), "text": turn["Content"], "at": turn["BeginOffsetMillis"] / 1000}
        for turn in turns
    ]


def _openai(document: Mapping[str, Any]) -> list[Turn] | None:
    segments = document.get("segments")
    if not isinstance(segments, list):
        return None
    said = ((s.get("speaker"), s["text"].strip(), float(s["start"]), " ") for s in segments)
    return _joined(said)


def _transcribe(document: Mapping[str, Any]) -> list[Turn] | None:
    results = document.get("results")
    if not isinstance(results, Mapping) or "transcripts" not in results:
        return None
    speakers = {
        item["start_time"]: item["speaker_label"]
        for segment in (results.get("speaker_labels") or {}).get("segments", [])
        for item in segment.get("items", [])
    }
    if not speakers and not any("speaker_label" in item for item in results.get("items", [])):
        text = " ".join(part["transcript"] for part in results["transcripts"])
        return [{"role": None, "text": text, "at": 0.0}]
    return _joined(_words(results["items"], lambda item: item.get("speaker_label") or speakers.get(item["start_time"])))


def _words(
    items: list[Mapping[str, Any]], speaker: Callable[[Mapping[str, Any]], str | None]
) -> Iterator[tuple[str | None, str, float, str]]:
    role, at = None, 0.0
    for item in items:
        word = item["alternatives"][0]["content"]
        if item["type"] == "punctuation":
            # It has no time and no speaker of its own.
            yield role, word, at, ""
        else:
            role, at = speaker(item), float(item["start_time"])
            yield role, word, at, " "


def _joined(said: Iterator[tuple[str | None, str, float, str]]) -> list[Turn]:
    """What one speaker says in a row is one turn, which begins when its first words do."""
    turns: list[Turn] = []
    for role, text, at, space in said:
        if turns and turns[-1]["role"] == role:
            turns[-1]["text"] += space + text
        else:
            turns.append({"role": role, "text": text, "at": at})
    return turns
