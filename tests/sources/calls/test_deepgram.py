"""Deepgram's answer, in the shapes of its documentation: developers.deepgram.com/docs/diarization and others."""

from typing import Any

from tests.sources.calls.reading import read, turns


def word(text: str, start: float, **told: Any) -> dict[str, Any]:
    return {"word": text.strip(".?").lower(), "punctuated_word": text, "start": start, "end": start + 0.5, **told}


def answer(*channels: list[dict[str, Any]], **results: Any) -> dict[str, Any]:
    """What `/v1/listen` gives for a recording with these words on its channels."""
    alternatives = [
        {"transcript": " ".join(word["punctuated_word"] for word in words), "confidence": 0.9, "words": words}
        for words in channels
    ]
    listed = [{"alternatives": [each], "detected_language": "en"} for each in alternatives]
    metadata = {"request_id": "r-1", "created": "2026-11-20T10:00:00Z", "duration": 12.4, "channels": len(channels)}
    return {"metadata": metadata, "results": {"channels": listed, **results}}


HELLO = [word("Hello.", 0.1, speaker=0), word("It", 2.0, speaker=1), word("broke.", 2.5, speaker=1)]


def test_words_are_put_together_by_speaker() -> None:
    assert turns(answer(HELLO)) == [("speaker 0", "Hello.", 0.1, 0.6), ("speaker 1", "It broke.", 2.0, 3.0)]
    assert read(answer(HELLO)).row()["duration_seconds"] == 12
    assert read(answer(HELLO)).row()["language"] == "en"


def test_its_own_utterances_count_more() -> None:
    given = [
        {
            "start": 0.1,
            "end": 0.6,
            "confidence": 0.9,
            "channel": 0,
            "transcript": "Hello there.",
            "speaker": 0,
            "id": "u",
        },
        {"start": 2.0, "end": 3.0, "confidence": 0.9, "channel": 0, "transcript": "It broke.", "speaker": 1, "id": "v"},
    ]
    assert turns(answer(HELLO, utterances=given)) == [
        ("speaker 0", "Hello there.", 0.1, 0.6),
        ("speaker 1", "It broke.", 2.0, 3.0),
    ]


def test_channels_tell_speakers_apart_who_talk_at_once() -> None:
    first = [word("I've", 1.0), word("waited.", 2.0), word("Hello?", 9.0)]
    second = [word("Yes.", 1.2)]
    assert turns(answer(first, second)) == [
        ("channel 0", "I've waited.", 1.0, 2.5),
        ("channel 1", "Yes.", 1.2, 1.7),
        ("channel 0", "Hello?", 9.0, 9.5),
    ]


def test_speakers_are_counted_anew_on_each_channel() -> None:
    roles = [role for role, *_ in turns(answer([word("Hello.", 0, speaker=0)], [word("Hi.", 1, speaker=0)]))]
    assert roles == ["speaker 0 of channel 0", "speaker 0 of channel 1"]


def test_without_speakers_sentences_keep_their_times() -> None:
    words = [word("Hello.", 0.0), word("It", 2.0), word("broke.", 2.5)]
    assert turns(answer(words)) == [(None, "Hello.", 0.0, 0.5), (None, "It broke.", 2.0, 3.0)]


def test_a_language_without_spaces_is_written_as_the_service_writes_it() -> None:
    document = answer([word("荷物", 0.0), word("が", 0.6)])
    document["results"]["channels"][0]["alternatives"][0]["transcript"] = "荷物が"
    assert turns(document) == [(None, "荷物が", None, None)]
