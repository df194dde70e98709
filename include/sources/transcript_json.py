"""Transcripts in the JSON that speech services write."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from include.sources.fields import moment_of
from include.sources.transcript import Transcript, Turn, joined, seconds
from include.sources.transcript_text import CLOCK, clock_seconds

KNOWN_SHAPES = (
    "Amazon Transcribe (results.transcripts), Amazon Transcribe Call Analytics or Contact Lens (Transcript), OpenAI's "
    "transcription (segments or text), or our own (turns with role and text)"
)
# Two people on two channels talk at once; by then one of them has finished a sentence.
PAUSE_SECONDS = 1.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    given = _list(document["turns"])
    clocks = [turn["at"] if "at" in turn else turn.get("start") for turn in given]
    begin = min(filter(None, map(_moment, clocks)), default=None)
    turns = [
        Turn(
            _role(turn.get("role") or turn.get("speaker")),
            _said(turn["text"]),
            _offset(clock, begin),
            _offset(turn.get("end"), begin),
        )
        for turn, clock in zip(given, clocks, strict=True)
    ]
    columns = _others(document, "turns", "text")
    if not (columns.get("created_at") or columns.get("occurred_at")):
        columns["created_at"] = begin
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
    columns = _columns(_spoken_language(results), max(ends, default=None))
    utterances = _audio_segments(results.get("audio_segments") or [])
    has_speakers = any(word.role for word in words)
    if utterances and (not has_speakers or all(turn.role for turn in utterances)):
        # Amazon's own sentences: in languages without spaces the words alone do not say how they are written.
        return Transcript(joined(utterances) if has_speakers else utterances, columns=columns)
    if not has_speakers:
        return Transcript(text=text, columns=columns)
    return Transcript(joined(words), columns=columns)


def _audio_segments(segments: list[Mapping[str, Any]]) -> tuple[Turn, ...]:
    """What outputs of these years have beside the words: sentences with their times."""
    turns = [
        Turn(
            _role(part.get("speaker_label") or part.get("channel_label")),
            _said(part["transcript"]),
            seconds(part.get("start_time")),
            seconds(part.get("end_time")),
        )
        for part in segments
    ]
    return tuple(sorted((turn for turn in turns if turn.text), key=lambda turn: turn.start or 0.0))


def _spoken_language(results: Mapping[str, Any]) -> Any:
    """The call's language, or of several the one that is spoken longest."""
    several = [part for part in results.get("language_codes") or [] if part.get("language_code")]
    longest: Mapping[str, Any]
    longest = max(several, key=lambda part: seconds(part.get("duration_in_seconds")) or 0.0, default={})
    return results.get("language_code") or longest.get("language_code")


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
    length = _columns(None, seconds(document.get("duration")))
    columns = length | _others(document, "text", "task", "duration", "usage")
    return Transcript(text=_said(document["text"]), columns=columns)


def _others(document: Mapping[str, Any], *taken: str) -> dict[str, Any]:
    """What else the file says of the call, but for what is taken already, and for parts that tell the words again.

    Services list words and tokens one by one (`words`, `logprobs`, `utterances`): too small a piece for redaction to
    see that it is a part of a name or of a number.
    """
    return {name: value for name, value in document.items() if name not in taken and not _lists_parts(value)}


def _lists_parts(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_lists_parts(part) for part in value.values())
    return isinstance(value, list) and any(isinstance(part, Mapping | list) for part in value)


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
        # A line break in it would make two lines of a turn.
        return " ".join((value or "").split()) or None
    if isinstance(value, int):
        return str(value)
    raise TypeError("no name")


def _moment(clock: Any) -> datetime | None:
    """A time of day with its date, as some players give each turn; None for anything else."""
    moment = moment_of(clock) if seconds(clock) is None else None
    # Some programs write the year 1 for a time that they do not have.
    return moment if moment and moment > EPOCH else None


def _offset(clock: Any, begin: datetime | None) -> float | None:
    """Seconds from the beginning, of a number of them, `00:01:02`, or a time of day with its date."""
    if isinstance(clock, str) and CLOCK.fullmatch(clock.strip()):
        return clock_seconds(clock.strip())
    moment = _moment(clock)
    return seconds((moment - begin).total_seconds()) if moment and begin else seconds(clock)
