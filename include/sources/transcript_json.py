"""Transcripts in the JSON that speech services write."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from include.sources.transcript import Transcript, Turn, joined, seconds

KNOWN_SHAPES = (
    "Amazon Transcribe (results.transcripts), Amazon Transcribe Call Analytics or Contact Lens (Transcript), OpenAI's "
    "transcription (segments or text), or our own (turns with role and text)"
)
# Two people on two channels talk at once; by then one of them has finished a sentence.
PAUSE_SECONDS = 1.0
_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")


def transcript_of_json(document: Any) -> Transcript | None:
    """The call, in any of the known shapes; None when it is none of them.

    Amazon Transcribe: https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html, with speakers
    (`.../diarization-output-batch.html`) or channels (`.../channel-id-output-batch.html`); Call Analytics:
    `.../tca-output-batch.html`; OpenAI: `TranscriptionDiarized` and `TranscriptionVerbose` of its SDK.
    """
    if not isinstance(document, Mapping):
        return None
    for shape in (_own, _call_analytics, _transcribe, _segments, _text_alone):
        try:
            return shape(document)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            continue
    return None


def _own(document: Mapping[str, Any]) -> Transcript:
    turns = []
    for turn in _list(document["turns"]):
        start = seconds(turn["at"] if "at" in turn else turn.get("start"))
        turns.append(
            Turn(_role(turn.get("role") or turn.get("speaker")), _said(turn["text"]), start, seconds(turn.get("end")))
        )
    columns = {name: value for name, value in document.items() if name not in ("turns", "text")}
    return Transcript(tuple(turn for turn in turns if turn.text), columns=columns)


def _call_analytics(document: Mapping[str, Any]) -> Transcript:
    # Contact Lens names participants, and says of each what part it has.
    roles = {each["ParticipantId"]: each["ParticipantRole"] for each in document.get("Participants") or []}
    turns = []
    for turn in _list(document["Transcript"]):
        role = turn.get("ParticipantRole") or roles.get(turn["ParticipantId"]) or turn["ParticipantId"]
        start, end = (seconds(turn.get(name), per_second=1_000) for name in ("BeginOffsetMillis", "EndOffsetMillis"))
        turns.append(Turn(_role(role.lower()), _said(turn["Content"]), start, end))
    length = (document.get("ConversationCharacteristics") or {}).get("TotalConversationDurationMillis")
    return Transcript(joined(turns), columns=_columns(document.get("LanguageCode"), seconds(length, per_second=1_000)))


def _transcribe(document: Mapping[str, Any]) -> Transcript:
    results = document["results"]
    text = " ".join(_said(part["transcript"]) for part in _list(results["transcripts"]))
    channels = (results.get("channel_labels") or {}).get("channels") or []
    if channels:
        words = [
            turn for channel in channels for turn in _utterances(_words(channel["items"], channel["channel_label"]))
        ]
        words.sort(key=lambda turn: turn.start or 0.0)
    else:
        words = list(_words(results.get("items") or []))
        # Older outputs name the speaker of a word only in the segments, by the word's time.
        segments = (results.get("speaker_labels") or {}).get("segments", [])
        speakers = {
            seconds(item["start_time"]): item["speaker_label"] for part in segments for item in part.get("items", [])
        }
        words = [replace(word, role=word.role or _role(speakers.get(word.start))) for word in words]
    ends = [word.end for word in words if word.end is not None]
    columns = _columns(results.get("language_code"), max(ends, default=None))
    if not any(word.role for word in words):
        return Transcript(text=text, columns=columns)
    return Transcript(joined(words), columns=columns)


def _words(items: list[Mapping[str, Any]], speaker: str | None = None) -> Iterator[Turn]:
    """One turn a word, with the punctuation that follows it, which has no time and no speaker of its own."""
    word: Turn | None = None
    for item in items:
        content = _said(item["alternatives"][0]["content"])
        if item["type"] == "punctuation" and word is not None:
            word = replace(word, text=word.text + content)
            continue
        if word is not None:
            yield word
        role = _role(item.get("speaker_label") or speaker)
        word = Turn(role, content, seconds(item.get("start_time")), seconds(item.get("end_time")))
    if word is not None:
        yield word


def _utterances(words: Iterator[Turn]) -> Iterator[Turn]:
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


def _segments(document: Mapping[str, Any]) -> Transcript:
    turns = [
        Turn(_role(part.get("speaker")), _said(part["text"]), seconds(part.get("start")), seconds(part.get("end")))
        for part in _list(document["segments"])
    ]
    columns = _columns(document.get("language"), seconds(document.get("duration")))
    if not any(turn.role for turn in turns):
        return Transcript(tuple(turn for turn in turns if turn.text), columns=columns)
    return Transcript(joined(turns), columns=columns)


def _text_alone(document: Mapping[str, Any]) -> Transcript:
    columns = {name: value for name, value in document.items() if name != "text"}
    return Transcript(text=_said(document["text"]), columns=columns)


def _columns(language: Any, duration: float | None) -> dict[str, Any]:
    return {
        "language": language if isinstance(language, str) else None,
        "duration_seconds": None if duration is None else round(duration),
    }


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _said(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value.strip()


def _role(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int):
        return str(value)
    raise TypeError("no name")
