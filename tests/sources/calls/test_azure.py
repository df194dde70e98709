"""Azure's results, in the shapes of its documentation."""

from typing import Any

from tests.sources.calls.reading import read, turns

SECOND = 10_000_000


def phrase(text: str, start: float, **told: Any) -> dict[str, Any]:
    """One of a batch."""
    return {
        "recognitionStatus": "Success",
        "channel": 0,
        "offset": f"PT{start}S",
        "duration": "PT1.5S",
        "offsetInTicks": start * SECOND,
        "durationInTicks": 1.5 * SECOND,
        "nBest": [{"confidence": 0.9, "lexical": text.lower(), "display": text}, {"confidence": 0.1, "display": "No."}],
        **told,
    }


def batch(*phrases: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": "https://example.com/a.wav",
        "timestamp": "2026-11-20T10:00:00Z",
        "durationInTicks": 61 * SECOND,
        "duration": "PT1M1S",
        "combinedRecognizedPhrases": [{"channel": 0, "display": "Hello. It broke."}],
        "recognizedPhrases": list(phrases),
    }


def test_a_batch_has_speakers_and_ticks() -> None:
    document = batch(phrase("Hello.", 0.5, speaker=1, locale="en-US"), phrase("It broke.", 2.0, speaker=2))
    assert turns(document) == [("speaker 1", "Hello.", 0.5, 2.0), ("speaker 2", "It broke.", 2.0, 3.5)]
    assert (read(document).row()["duration_seconds"], read(document).row()["language"]) == (61, "en-US")


def test_channels_are_listed_one_after_the_other_and_put_in_order() -> None:
    document = batch(phrase("Hello.", 0), phrase("Bye.", 9), phrase("It broke.", 3, channel=1))
    assert [(role, text) for role, text, *_ in turns(document)] == [
        ("channel 0", "Hello."),
        ("channel 1", "It broke."),
        ("channel 0", "Bye."),
    ]


def test_a_phrase_in_which_nothing_was_recognised_has_no_words() -> None:
    silent = {"recognitionStatus": "NoMatch", "channel": 0, "offsetInTicks": 0, "durationInTicks": 5}
    assert [text for _, text, *_ in turns(batch(silent, phrase("Hello.", 2)))] == ["Hello."]


def test_fast_transcription_counts_milliseconds() -> None:
    phrases = [
        {"speaker": 1, "offsetMilliseconds": 960, "durationMilliseconds": 640, "text": "Hello.", "locale": "en-US"},
        {"speaker": 2, "offsetMilliseconds": 1_600, "durationMilliseconds": 400, "text": "Hi.", "locale": "en-US"},
    ]
    document = {"durationMilliseconds": 182_439, "combinedPhrases": [{"text": "Hello. Hi."}], "phrases": phrases}
    assert turns(document) == [("speaker 1", "Hello.", 0.96, 1.6), ("speaker 2", "Hi.", 1.6, 2.0)]
    assert read(document).row()["duration_seconds"] == 182
