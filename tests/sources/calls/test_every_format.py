"""What holds of the JSON of every program: no words and no speaker are left out or swapped in silence."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from include.sources.calls.transcript_json import transcript_of_json
from include.sources.transcript import NotWhole, Transcript

WORDS = ("Hello.", "It broke.", "I see.")
STARTS = (0, 4, 9)

Turn = dict[str, Any]


def spoken(text: str, who: str, start: str, scale: int = 1) -> list[Turn]:
    """Three turns of two speakers, under the names that a program has for them."""
    said = zip((0, 1, 0), WORDS, STARTS, strict=True)
    return [{who: f"v{side}", text: words, start: at * scale} for side, words, at in said]


def google(turns: list[Turn]) -> Any:
    words = [{**turn, "startTime": f"{turn['startTime']}s"} for turn in turns]
    return {"results": [{"alternatives": [{"transcript": "", "words": words}]}]}


def transcribe(turns: list[Turn]) -> Any:
    items = [
        {**turn, "type": "pronunciation"} | ({"alternatives": [{"content": turn["said"]}]} if "said" in turn else {})
        for turn in turns
    ]
    return {"results": {"transcripts": [{"transcript": " ".join(WORDS)}], "items": items}}


def azure(turns: list[Turn]) -> Any:
    phrases = [{**turn, "nBest": [{"display": turn["text"]}] if "text" in turn else [{"odd": 1}]} for turn in turns]
    return {"combinedRecognizedPhrases": [], "recognizedPhrases": phrases}


def chat(turns: list[Turn]) -> Any:
    return {"Transcript": [{**turn, "AbsoluteTime": f"2026-11-20T10:00:0{turn['AbsoluteTime']}Z"} for turn in turns]}


def deepgram(turns: list[Turn], **results: Any) -> Any:
    best = {"transcript": " ".join(str(turn.get("word")) for turn in turns), "words": turns}
    return {"results": {"channels": [{"alternatives": [best]}], **results}}


def gong(turns: list[Turn]) -> Any:
    parts = [{"speakerId": turn.get("who"), "sentences": [{**turn}]} for turn in turns]
    names = [{"speakerId": name, "name": name} for name in ("v0", "v1")]
    return {"callTranscripts": [{"callId": "1", "transcript": parts}], "parties": names}


# The document of some turns, the turns themselves, and the name of what is said.
FORMATS: dict[str, tuple[Callable[[list[Turn]], Any], list[Turn], str]] = {
    "own": (lambda turns: {"turns": turns}, spoken("text", "role", "at"), "text"),
    "named": (lambda turns: {"messages": turns}, spoken("Content", "Author", "timestamp"), "Content"),
    "list": (lambda turns: turns, spoken("message", "speaker", "start"), "message"),
    "whisperx": (lambda turns: {"segments": turns, "language": "en"}, spoken("text", "speaker", "start"), "text"),
    "assemblyai": (
        lambda turns: {"audio_url": "x", "text": " ".join(WORDS), "words": [], "utterances": turns},
        spoken("text", "speaker", "start", 1_000),
        "text",
    ),
    "azure": (azure, spoken("text", "speaker", "offsetInTicks", 10_000_000), "text"),
    "azure fast": (
        lambda turns: {"combinedPhrases": [], "phrases": turns},
        spoken("text", "speaker", "offsetMilliseconds", 1_000),
        "text",
    ),
    "connect": (
        lambda turns: {"Transcript": turns},
        spoken("Content", "ParticipantId", "BeginOffsetMillis", 1_000),
        "Content",
    ),
    "connect chat": (chat, spoken("Content", "ParticipantId", "AbsoluteTime"), "Content"),
    "deepgram": (
        lambda turns: deepgram([], utterances=turns),
        spoken("transcript", "speaker", "start"),
        "transcript",
    ),
    "deepgram words": (deepgram, spoken("word", "speaker", "start"), "word"),
    "google": (google, spoken("word", "speakerLabel", "startTime"), "word"),
    "transcribe": (transcribe, spoken("said", "speaker_label", "start_time"), "said"),
    "twilio": (
        lambda turns: {"sentences": turns},
        spoken("transcript", "media_channel", "start_time"),
        "transcript",
    ),
    "gong": (gong, spoken("text", "who", "start", 1_000), "text"),
    "whisper.cpp": (
        lambda turns: {
            "result": {"language": "en"},
            "transcription": [turn | {"offsets": {"from": turn["from"]}} for turn in turns],
        },
        spoken("text", "speaker", "from", 1_000),
        "text",
    ),
}
EVERY = pytest.mark.parametrize(("made", "turns", "said"), FORMATS.values(), ids=FORMATS)


def read(document: Any) -> Transcript | None:
    try:
        return transcript_of_json(document)
    except NotWhole:
        return None


def told(document: Any) -> list[tuple[str | None, str, float | None]]:
    transcript = read(document)
    assert transcript is not None
    return [(turn.role, turn.text, turn.start) for turn in transcript.turns]


@EVERY
def test_all_words_have_their_speakers_and_times(made: Any, turns: list[Turn], said: str) -> None:
    assert told(made(turns)) == [("v0", "Hello.", 0.0), ("v1", "It broke.", 4.0), ("v0", "I see.", 9.0)]


@EVERY
def test_turns_out_of_order_are_put_in_order_with_their_speakers(made: Any, turns: list[Turn], said: str) -> None:
    assert told(made(turns[::-1])) == told(made(turns))
    assert told(made([turns[2], turns[0], turns[1]])) == told(made(turns))


@EVERY
@pytest.mark.parametrize("other", [None, 5, {"en": "It broke."}])
def test_a_turn_of_unknown_shape_makes_the_whole_unknown(
    made: Any, turns: list[Turn], said: str, other: Any, request: pytest.FixtureRequest
) -> None:
    damaged = copy.deepcopy(turns)
    damaged[1]["utter" if other is None else said] = damaged[1].pop(said) if other is None else other
    assert read(made(damaged)) is None


@EVERY
def test_words_of_nobody_are_put_into_nobodys_mouth(made: Any, turns: list[Turn], said: str) -> None:
    """Or the file is unknown, where a program always says who speaks."""
    damaged = copy.deepcopy(turns)
    who = next(name for name, value in damaged[1].items() if value == "v1")
    del damaged[1][who]
    transcript = read(made(damaged))
    if transcript is None:
        return
    found = {turn.text: turn.role for turn in transcript.turns}
    assert found["Hello."] == found["I see."] == "v0" and found["It broke."] not in ("v0", "v1")


@EVERY
def test_a_call_without_turns_has_no_words(made: Any, turns: list[Turn], said: str) -> None:
    transcript = read(made([]))
    assert transcript is None or transcript.said in ("", " ".join(WORDS))
