"""The JSON of speech services, in the shapes that their documentation gives."""

from typing import Any

import pytest
from openai.types.audio import TranscriptionDiarized

from include.sources.transcript import Transcript
from include.sources.transcript_json import transcript_of_json


def read(document: Any) -> Transcript:
    transcript = transcript_of_json(document)
    assert transcript is not None
    return transcript


def turns(document: Any) -> list[tuple[str | None, str, float | None, float | None]]:
    return [(turn.role, turn.text, turn.start, turn.end) for turn in read(document).turns]


def word(content: str, start: float, end: float, **labels: str) -> dict[str, Any]:
    """A spoken word as Amazon Transcribe writes it."""
    times = {"start_time": str(start), "end_time": str(end)}
    return {"type": "pronunciation", **times, "alternatives": [{"confidence": "1.0", "content": content}], **labels}


def stop(content: str = ".", **labels: str) -> dict[str, Any]:
    return {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": content}], **labels}


WORDS = [
    word("Hello", 0.1, 0.4),
    word("there", 0.5, 0.9),
    stop(),
    word("It", 1.5, 1.7),
    word("broke", 1.9, 2.2),
    stop(),
]


def transcribe(items: list[dict[str, Any]], **results: Any) -> dict[str, Any]:
    text = "Hello there. It broke."
    return {
        "jobName": "call-17",
        "status": "COMPLETED",
        "results": {"transcripts": [{"transcript": text}], "items": items, **results},
    }


def test_amazon_transcribe_names_the_speaker_of_each_word() -> None:
    items = [
        word("Hello", 0.1, 0.4, speaker_label="spk_0"),
        word("there", 0.5, 0.9, speaker_label="spk_0"),
        stop(speaker_label="spk_0"),
        word("It", 1.5, 1.7, speaker_label="spk_1"),
        word("broke", 1.9, 2.2, speaker_label="spk_1"),
        stop(speaker_label="spk_1"),
    ]
    assert turns(transcribe(items)) == [("spk_0", "Hello there.", 0.1, 0.9), ("spk_1", "It broke.", 1.5, 2.2)]


def test_amazon_transcribe_once_named_speakers_in_the_segments_only() -> None:
    segments = [
        {"speaker_label": "spk_0", "items": [{"speaker_label": "spk_0", "start_time": at} for at in ("0.1", "0.5")]},
        {"speaker_label": "spk_1", "items": [{"speaker_label": "spk_1", "start_time": at} for at in ("1.5", "1.9")]},
    ]
    document = transcribe(WORDS, speaker_labels={"speakers": 2, "segments": segments})
    assert turns(document) == [("spk_0", "Hello there.", 0.1, 0.9), ("spk_1", "It broke.", 1.5, 2.2)]


def test_amazon_transcribe_by_channel_keeps_sentences_whole_while_two_talk_at_once() -> None:
    first = [
        word("I've", 1.0, 1.2),
        word("been", 1.3, 1.5),
        word("waiting", 2.0, 2.5),
        stop(),
        word("Hello", 9.0, 9.5),
        stop("?"),
    ]
    second = [word("Yes", 1.4, 1.6), stop(), word("Sorry", 3.0, 3.4), stop()]
    channels = [{"channel_label": "ch_0", "items": first}, {"channel_label": "ch_1", "items": second}]
    assert turns(transcribe([*first, *second], channel_labels={"channels": channels, "number_of_channels": 2})) == [
        ("ch_0", "I've been waiting.", 1.0, 2.5),
        ("ch_1", "Yes. Sorry.", 1.4, 3.4),
        ("ch_0", "Hello?", 9.0, 9.5),
    ]


def test_amazon_transcribe_without_speakers_is_its_text() -> None:
    transcript = read(transcribe(WORDS, language_code="en-US"))
    assert (transcript.turns, transcript.text) == ((), "Hello there. It broke.")
    assert (transcript.row()["duration_seconds"], transcript.row()["language"]) == (2, "en-US")


def test_call_analytics_has_roles_language_and_length() -> None:
    document = {
        "LanguageCode": "en-US",
        "Transcript": [
            {"ParticipantRole": "AGENT", "Content": "Hello.", "BeginOffsetMillis": 150, "EndOffsetMillis": 900},
            {"ParticipantRole": "CUSTOMER", "Content": "It broke.", "BeginOffsetMillis": 2500, "EndOffsetMillis": 3000},
        ],
        "ConversationCharacteristics": {"TotalConversationDurationMillis": 12_600_000},
    }
    assert turns(document) == [("agent", "Hello.", 0.15, 0.9), ("customer", "It broke.", 2.5, 3.0)]
    assert (read(document).row()["duration_seconds"], read(document).row()["language"]) == (12_600, "en-US")


def test_contact_lens_says_of_each_participant_what_part_it_has() -> None:
    document = {
        "Participants": [{"ParticipantId": "p-1", "ParticipantRole": "AGENT"}],
        "Transcript": [
            {"ParticipantId": "p-1", "Content": "Hello.", "BeginOffsetMillis": 0, "EndOffsetMillis": 900},
            {"ParticipantId": "CUSTOMER", "Content": "Hi.", "BeginOffsetMillis": 1000, "EndOffsetMillis": 1500},
        ],
    }
    assert turns(document) == [("agent", "Hello.", 0.0, 0.9), ("customer", "Hi.", 1.0, 1.5)]


def test_openais_diarised_transcription_is_read_as_its_sdk_writes_it() -> None:
    segments = [
        {"id": "seg_1", "type": "transcript.text.segment", "speaker": "A", "start": 0.0, "end": 1.0, "text": " Hello."},
        {
            "id": "seg_2",
            "type": "transcript.text.segment",
            "speaker": "A",
            "start": 1.0,
            "end": 2.0,
            "text": " Who is it?",
        },
        {
            "id": "seg_3",
            "type": "transcript.text.segment",
            "speaker": "B",
            "start": 2.5,
            "end": 3.0,
            "text": " It broke.",
        },
    ]
    answer = TranscriptionDiarized.model_validate(
        {"task": "transcribe", "duration": 3.4, "text": "Hello. Who is it? It broke.", "segments": segments}
    )
    document = answer.model_dump(mode="json")
    assert turns(document) == [("A", "Hello. Who is it?", 0.0, 2.0), ("B", "It broke.", 2.5, 3.0)]
    assert read(document).row()["duration_seconds"] == 3


def test_segments_without_speakers_stay_one_a_line() -> None:
    document = {
        "language": "english",
        "segments": [{"start": 0, "end": 1, "text": "One."}, {"start": 1, "end": 2, "text": "Two."}],
    }
    assert turns(document) == [(None, "One.", 0.0, 1.0), (None, "Two.", 1.0, 2.0)]


def test_our_own_turns_keep_what_else_the_file_says_of_the_call() -> None:
    document = {
        "id": "call-17",
        "created_at": "2026-11-19T10:00:00Z",
        "duration_seconds": 61,
        "queue": "billing",
        "turns": [
            {"role": "agent", "text": "Hello.", "at": 0.5},
            {"speaker": 2, "text": "Hi.", "start": "1.5", "end": 2},
        ],
    }
    assert turns(document) == [("agent", "Hello.", 0.5, None), ("2", "Hi.", 1.5, 2.0)]
    row = read(document).row()
    assert (row["id"], row["created_at"]) == ("call-17", "2026-11-19T10:00:00Z")
    assert (row["duration_seconds"], row["queue"]) == (61, "billing")


def test_a_text_alone_is_a_call_too() -> None:
    assert read({"text": " Hello there. "}).text == "Hello there."


@pytest.mark.parametrize(
    "document", [{"turns": []}, {"segments": []}, {"Transcript": []}, transcribe([]) | {"results": {"transcripts": []}}]
)
def test_a_call_in_which_nobody_speaks_has_no_text(document: Any) -> None:
    assert read(document).said == ""


@pytest.mark.parametrize("at", [None, True, "never", -1, 1e300, 10**400, float("inf"), [], {}, "NaN"])
def test_a_time_that_is_none_costs_the_time_only(at: Any) -> None:
    assert turns({"turns": [{"role": "agent", "text": "Hello.", "at": at}]}) == [("agent", "Hello.", None, None)]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        [{"text": "x"}],
        "text",
        {},
        {"hello": "world"},
        {"results": {}},
        {"results": None},
        {"turns": [{}]},
        {"turns": [{"text": 5}]},
        {"turns": ["Hello"]},
        {"turns": [{"role": {"name": "Anna"}, "text": "Hello"}]},
        {"turns": {"text": "Hello"}},
        {"segments": [{"text": 1}]},
        {"Transcript": "Hello"},
        {"Transcript": [{"Content": "Hello"}]},
        {"results": {"transcripts": [{"transcript": "x"}], "items": [{"type": "pronunciation", "alternatives": []}]}},
        {"text": ["Hello"]},
    ],
)
def test_json_of_another_shape_is_none(document: Any) -> None:
    assert transcript_of_json(document) is None
