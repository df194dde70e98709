"""The JSON of speech services, in the shapes that their documentation gives."""

from typing import Any

import pytest
from openai.types.audio import TranscriptionDiarized

from include.sources.calls.transcript_json import transcript_of_json
from include.sources.transcript import Transcript


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


def segment(transcript: str, start: float, end: float, **labels: str) -> dict[str, Any]:
    """A sentence as newer outputs of Amazon Transcribe have it beside the words."""
    return {"transcript": transcript, "start_time": str(start), "end_time": str(end), "items": [0], **labels}


def test_amazon_transcribe_without_speakers_keeps_the_times_of_its_sentences() -> None:
    segments = [segment("Hello there.", 0.1, 0.9), segment("It broke.", 1.5, 2.2)]
    assert turns(transcribe(WORDS, audio_segments=segments)) == [
        (None, "Hello there.", 0.1, 0.9),
        (None, "It broke.", 1.5, 2.2),
    ]


@pytest.mark.parametrize("label", ["speaker_label", "channel_label"])
def test_amazon_transcribes_own_sentences_are_written_as_its_language_writes(label: str) -> None:
    items = [word("荷物", 0.1, 0.4, speaker_label="spk_0"), word("が", 0.5, 0.6, speaker_label="spk_0")]
    segments = [
        segment("はい", 1.5, 2.0, **{label: "b"}),
        segment("荷物が", 0.1, 0.6, **{label: "a"}),
    ]
    assert turns(transcribe(items, audio_segments=segments)) == [("a", "荷物が", 0.1, 0.6), ("b", "はい", 1.5, 2.0)]


def test_amazon_transcribes_sentences_without_speakers_do_not_cost_those_of_its_words() -> None:
    items = [word("Hello", 0.1, 0.4, speaker_label="spk_0"), word("Hi", 0.5, 0.9, speaker_label="spk_1")]
    document = transcribe(items, audio_segments=[segment("Hello Hi", 0.1, 0.9)])
    assert [role for role, *_ in turns(document)] == ["spk_0", "spk_1"]


def test_of_several_languages_the_one_spoken_longest_is_the_calls() -> None:
    spoken = [
        {"language_code": "en-US", "duration_in_seconds": 2.45},
        {"language_code": "hi-IN", "duration_in_seconds": 5.3},
    ]
    assert read(transcribe(WORDS, language_codes=spoken)).row()["language"] == "hi-IN"


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


@pytest.mark.parametrize(
    ("clocks", "starts"),
    [
        (["00:00:05", "01:02:03.5"], [5.0, 3723.5]),
        (["2026-11-19T10:00:00Z", "2026-11-19T12:00:20+02:00"], [0.0, 20.0]),
        (["2026-11-19T10:00:20Z", "2026-11-19T10:00:00Z"], [0.0, 20.0]),
        (["23:59:50", "00:00:05"], [86_390.0, 5.0]),
        ([1_795_082_400, 1_795_082_407], [0.0, 7.0]),
        (["0001-01-01T00:00:00Z", "2026-11-19T10:00:00Z"], [None, 0.0]),
    ],
)
def test_turns_may_say_their_times_as_a_clock_does(clocks: list[Any], starts: list[float | None]) -> None:
    document = {"turns": [{"role": "agent", "text": "Hello.", "at": at} for at in clocks]}
    assert [start for _, _, start, _ in turns(document)] == starts


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "2026-11-19 10:00:00+00:00"),
        ({"created_at": ""}, "2026-11-19 10:00:00+00:00"),
        ({"created_at": "2026-11-18"}, "2026-11-18"),
        ({"occurred_at": "2026-11-18"}, "None"),
    ],
)
def test_a_call_began_with_its_first_turn_where_it_says_no_time_itself(columns: dict[str, str], said: str) -> None:
    given = [{"role": "agent", "text": "Hello.", "at": "2026-11-19T10:00:00Z"}]
    assert str(read({"turns": given, **columns}).row().get("created_at")) == said


def test_blank_columns_are_none() -> None:
    assert "id" not in read({"id": "", "text": "Hello there."}).row()


def test_a_role_of_two_lines_is_of_one() -> None:
    assert turns({"turns": [{"role": " Agent\nSmith ", "text": "Hello."}]})[0][0] == "Agent Smith"


def test_a_text_alone_is_a_call_too() -> None:
    assert read({"text": " Hello there. "}).text == "Hello there."


@pytest.mark.parametrize(
    "words",
    [
        {"words": [{"word": "4111", "start": 0.0, "end": 0.5}], "segments": None},
        {"logprobs": [{"token": "4111", "logprob": -0.1, "bytes": [52]}]},
        {"utterances": [{"words": [{"text": "4111"}]}]},
        {"results": {"channels": [{"words": [{"word": "4111"}]}]}},
    ],
)
def test_words_one_by_one_are_no_column(words: dict[str, Any]) -> None:
    """Redaction sees a card's number in the text, and not in four pieces."""
    answer = {"task": "transcribe", "language": "english", "duration": 3.4, "usage": {"type": "duration", "seconds": 4}}
    row = read({"text": "It is 4111 1111 1111 1111", "queue": "billing", **answer, **words}).row()
    assert row == {
        "text": "It is 4111 1111 1111 1111",
        "speakers": None,
        "duration_seconds": 3,
        "language": "english",
        "queue": "billing",
    }


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
        {"turns": ["Hello", 5]},
        {"turns": [{"role": {"first": ["Anna"]}, "text": "Hello"}]},
        {"turns": [{"role": ["Anna"], "text": "Hello"}]},
        {"utterances": [{"speaker": "A", "words": [{"text": "Hello"}]}], "text": "Hello"},
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


def test_whisperx_names_some_speakers_with_the_words_alone() -> None:
    words = [
        {"word": "Hello.", "start": 0.1, "end": 0.5, "score": 0.9, "speaker": "SPEAKER_00"},
        {"word": "Hi.", "start": 0.8, "end": 1.0, "score": 0.9, "speaker": "SPEAKER_01"},
    ]
    segments = [
        {"start": 0.1, "end": 1.0, "text": " Hello. Hi.", "words": words},
        {"start": 2.0, "end": 3.0, "text": " It broke.", "words": [], "speaker": "SPEAKER_01"},
    ]
    assert turns({"segments": segments, "word_segments": words, "language": "en"}) == [
        ("SPEAKER_00", "Hello.", 0.1, 0.5),
        ("SPEAKER_01", "Hi. It broke.", 0.8, 3.0),
    ]


def test_a_list_of_segments_or_turns_is_a_call_too() -> None:
    """As people write what faster-whisper gives them."""
    segments = [{"id": 1, "start": 0.0, "end": 1.0, "text": " Hello.", "avg_logprob": -0.2, "words": None}]
    assert turns(segments) == [(None, "Hello.", 0.0, 1.0)]
    assert turns([{"role": "agent", "content": "Hello."}]) == [("agent", "Hello.", None, None)]


@pytest.mark.parametrize("name", ["turns", "utterances", "messages", "conversation", "dialogue", "transcript"])
def test_turns_may_stand_under_any_usual_name(name: str) -> None:
    given = [
        {"speaker": "A", "message": "Hello.", "start_time": 0, "end_time": 1.5},
        {"speaker": "B", "message": "Hi.", "start_time": 2, "end_time": 3},
    ]
    document = {"text": "Hello. Hi.", "queue": "billing", name: given}
    assert turns(document) == [("A", "Hello.", 0.0, 1.5), ("B", "Hi.", 2.0, 3.0)]
    assert {"text", name}.isdisjoint(read(document).columns)


def test_whole_numbers_that_nobody_could_fill_with_words_are_milliseconds() -> None:
    given = [
        {"speaker": "A", "text": "Hello.", "start": 0, "end": 1_500},
        {"speaker": "B", "text": "Hi.", "start": 2_000},
    ]
    assert [start for _, _, start, _ in turns({"utterances": given})] == [0.0, 2.0]
    given[1]["start"] = 900
    given[0]["end"] = 850
    assert [start for _, _, start, _ in turns({"utterances": given})] == [0.0, 900.0]


def test_a_list_of_lines_is_a_call_with_its_speakers() -> None:
    assert turns({"turns": ["Agent: Hello.", "Customer: Hi."]}) == [
        ("Agent", "Hello.", None, None),
        ("Customer", "Hi.", None, None),
    ]
    assert turns({"turns": ["Hello.", "It broke: all of it."]}) == [
        (None, "Hello.", None, None),
        (None, "It broke: all of it.", None, None),
    ]
