"""Google Cloud's answers, in the shapes of its reference."""

from typing import Any

import pytest

from include.sources.calls.transcript_json import transcript_of_json
from tests.sources.calls.reading import read, turns


def word(text: str, start: float, **told: Any) -> dict[str, Any]:
    return {"startTime": f"{start}s", "endTime": f"{start + 0.5}s", "word": text, **told}


def result(*words: dict[str, Any], text: str | None = None, **told: Any) -> dict[str, Any]:
    said = " ".join(word["word"] for word in words) if text is None else text
    return {"alternatives": [{"transcript": said, "confidence": 0.9, "words": list(words)}], **told}


def test_version_1_says_in_its_last_result_alone_who_spoke() -> None:
    plain = [result(word("Hello.", 0)), result(word("It", 2), word("broke.", 2.5), languageCode="en-us")]
    told = [word("Hello.", 0, speakerTag=1), word("It", 2, speakerTag=2), word("broke.", 2.5, speakerTag=2)]
    document = {"results": [*plain, result(*told, text="")]}
    assert turns(document) == [("speaker 1", "Hello.", 0.0, 0.5), ("speaker 2", "It broke.", 2.0, 3.0)]
    assert read(document).row()["language"] == "en-us"


def test_words_of_which_nobody_says_who_spoke_are_kept() -> None:
    document = {"results": [result(word("Hm.", 0)), result(word("Hello.", 1, speakerTag=1))]}
    assert [(role, text) for role, text, *_ in turns(document)] == [(None, "Hm."), ("speaker 1", "Hello.")]


def test_version_2_labels_the_words_of_each_result() -> None:
    def labelled(text: str, start: str, end: str, label: str) -> dict[str, Any]:
        return {"startOffset": start, "endOffset": end, "word": text, "speakerLabel": label}

    first = result(labelled("Hello.", "0.100s", "0.600s", "1"), resultEndOffset="0.600s", languageCode="en-US")
    second = result(labelled("Hi.", "1s", "1.500s", "2"), resultEndOffset="1.500s", languageCode="en-US")
    assert turns({"results": [first, second]}) == [("speaker 1", "Hello.", 0.1, 0.6), ("speaker 2", "Hi.", 1.0, 1.5)]


def test_channels_are_put_in_order() -> None:
    document = {"results": [result(word("Hi.", 3), channelTag=1), result(word("Hello.", 0), channelTag=2)]}
    assert turns(document) == [("channel 2", "Hello.", 0.0, 0.5), ("channel 1", "Hi.", 3.0, 3.5)]


def test_the_answer_of_a_long_job_has_the_same_results() -> None:
    part = {"alternatives": [{"transcript": "Hello there."}], "resultEndTime": "2.500s"}
    assert turns({"name": "1", "done": True, "response": {"results": [part]}}) == [(None, "Hello there.", None, 2.5)]


@pytest.mark.parametrize(
    "results", [[], None, [{}], [{"alternatives": []}], [5], {"a": 1}, [{"alternatives": [5]}], [{"alternatives": "x"}]]
)
def test_results_without_words_are_none_of_it(results: Any) -> None:
    assert transcript_of_json({"results": results}) is None


def test_a_service_with_a_word_in_each_result_is_another() -> None:
    """Speechmatics', of which nothing would be left."""
    said = {"type": "word", "start_time": 0.1, "alternatives": [{"content": "Hello", "speaker": "S1"}]}
    assert transcript_of_json({"format": "2.9", "results": [said]}) is None


def test_a_service_that_names_speakers_beside_its_results_is_another() -> None:
    """IBM's, whose words would be read without them."""
    labels = [{"from": 0.0, "to": 0.5, "speaker": 0}]
    assert transcript_of_json({"results": [result(word("Hello.", 0))], "speaker_labels": labels}) is None
