"""Gong's transcripts, in the shape of its API."""

from typing import Any

import pytest

from include.sources.calls.transcript_json import transcript_of_json
from include.sources.transcript import NotWhole
from tests.sources.calls.reading import read, turns

CALL: dict[str, Any] = {
    "callId": "7782342274025937895",
    "transcript": [
        {
            "speakerId": "6432345678555530067",
            "topic": "Opening",
            "sentences": [
                {"start": 460, "end": 1_200, "text": "Hello."},
                {"start": 1_300, "end": 2_000, "text": "Who is it?"},
            ],
        },
        {"speakerId": "222", "topic": None, "sentences": [{"start": 2_500, "end": 3_000, "text": "It broke."}]},
    ],
}
PAGE = {"requestId": "4al018gzaztcr8nbukw", "records": {"totalRecords": 1, "currentPageSize": 1}}


@pytest.mark.parametrize("document", [{**PAGE, "callTranscripts": [CALL]}, CALL])
def test_speakers_are_counted_and_milliseconds_read(document: Any) -> None:
    assert turns(document) == [("speaker 1", "Hello. Who is it?", 0.46, 2.0), ("speaker 2", "It broke.", 2.5, 3.0)]
    assert read(document).row()["id"] == "7782342274025937895"


def test_speakers_have_the_names_of_the_parties_that_are_there() -> None:
    parties = [{"speakerId": "222", "name": "Ida", "affiliation": "External"}]
    assert [role for role, *_ in turns({**CALL, "parties": parties})] == ["speaker 1", "Ida"]


def test_several_calls_in_a_file_are_not_taken_for_one() -> None:
    with pytest.raises(NotWhole, match="2 calls"):
        transcript_of_json({**PAGE, "callTranscripts": [CALL, CALL]})
