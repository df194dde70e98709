"""AssemblyAI's transcript, in the shape of www.assemblyai.com/docs/api-reference/transcripts/get."""

from typing import Any

from tests.sources.calls.reading import read, turns


def word(text: str, start: int, speaker: str | None) -> dict[str, Any]:
    return {"text": text, "start": start, "end": start + 400, "confidence": 0.9, "speaker": speaker}


def transcript(**told: Any) -> dict[str, Any]:
    return {
        "id": "45a1b2",
        "status": "completed",
        "language_code": "en_us",
        "audio_url": "https://example.com/a.mp3",
        "acoustic_model": "assemblyai_default",
        "audio_duration": 281,
        "text": "Hello. It broke.",
        "words": [word("Hello.", 100, None), word("It", 2_000, None), word("broke.", 2_500, None)],
        "utterances": None,
        **told,
    }


SPOKEN = [
    {
        "speaker": "A",
        "text": "Hello.",
        "start": 100,
        "end": 500,
        "confidence": 0.9,
        "words": [word("Hello.", 100, "A")],
    },
    {"speaker": "B", "text": "It broke.", "start": 2_000, "end": 2_900, "confidence": 0.9, "words": []},
]


def test_utterances_have_their_speakers_and_milliseconds() -> None:
    document = transcript(utterances=SPOKEN)
    assert turns(document) == [("A", "Hello.", 0.1, 0.5), ("B", "It broke.", 2.0, 2.9)]
    row = read(document).row()
    assert (row["id"], row["duration_seconds"], row["language"], row["speakers"]) == ("45a1b2", 281, "en_us", 2)


def test_speakers_of_words_alone_are_not_lost() -> None:
    words = [word("Hello.", 100, "A"), word("It", 2_000, "B"), word("broke.", 2_500, "B")]
    assert turns(transcript(words=words)) == [("A", "Hello.", 0.1, 0.5), ("B", "It broke.", 2.0, 2.9)]


def test_without_speakers_it_is_its_text() -> None:
    assert (read(transcript()).turns, read(transcript()).text) == ((), "Hello. It broke.")


def test_words_one_by_one_are_no_column() -> None:
    assert not {"words", "utterances"} & read(transcript(utterances=SPOKEN)).row().keys()
