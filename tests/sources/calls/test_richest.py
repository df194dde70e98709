"""Of several files of one call the one that tells most."""

import json

from include.sources.calls.richest import call_of, richest
from include.sources.calls.transcript_file import read_transcript
from include.sources.row import BadRow
from include.sources.source import SourceRow

SPOKEN = [{"speaker": "A", "text": "Hello.", "start": 0, "end": 1}, {"speaker": "B", "text": "It broke.", "start": 2}]
JSON = json.dumps({"segments": SPOKEN})
SRT = "1\n00:00:00,000 --> 00:00:01,000\nHello.\n\n2\n00:00:02,000 --> 00:00:03,000\nIt broke.\n"
TEXT = "Hello.\nIt broke, and this is a line more.\n"


def rows(**files: str) -> list[SourceRow]:
    named = {f"call-7.{ending}": content for ending, content in files.items()}
    return [SourceRow(name, read_transcript(name, content.encode())) for name, content in named.items()]


def places(given: list[SourceRow]) -> list[str]:
    return [row.place for row in richest(given)]


def test_speakers_count_most_then_times_then_words() -> None:
    assert places(rows(json=JSON, srt=SRT, txt=TEXT, vtt="WEBVTT\n\n" + SRT)) == ["call-7.json"]
    assert places(rows(srt=SRT, txt=TEXT)) == ["call-7.srt"]
    assert places(rows(**{"transcript.txt": "Hello. It broke.", "txt": TEXT})) == ["call-7.txt"]


def test_a_file_that_cannot_be_read_stays_beside_one_that_can() -> None:
    assert places(rows(json="{", txt=TEXT)) == ["call-7.json", "call-7.txt"]
    assert isinstance(rows(json="{")[0].row, BadRow)


def test_zooms_captions_and_its_transcript_are_of_one_call() -> None:
    assert call_of("a/GMT20261120-141500_Recording.transcript.vtt") == call_of("a/GMT20261120-141500_Recording.cc.vtt")
    assert call_of("a/1.json") != call_of("a/1.2.json") != call_of("b/1.2.json")
