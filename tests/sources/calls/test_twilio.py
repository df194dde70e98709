"""Twilio's sentences, in the shape of its reference."""

from typing import Any

import pytest

from include.sources.calls.transcript_json import transcript_of_json
from include.sources.transcript import NotWhole
from tests.sources.calls.reading import turns


def sentence(index: int, channel: int, text: str, start: str, end: str) -> dict[str, Any]:
    times = {"start_time": start, "end_time": end}
    return {"media_channel": channel, "sentence_index": index, "transcript": text, "sid": f"GX{index}", **times}


def page(*sentences: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"sentences": list(sentences), "meta": {"key": "sentences", "page": 0, "next_page_url": following}}


HELLO = [sentence(0, 1, "Hello.", "0.1", "0.9"), sentence(1, 2, "It broke.", "1.5", "2.25")]


def test_sentences_have_channels_and_times() -> None:
    assert turns(page(*HELLO)) == [("channel 1", "Hello.", 0.1, 0.9), ("channel 2", "It broke.", 1.5, 2.25)]


def test_one_page_of_several_is_not_the_call() -> None:
    with pytest.raises(NotWhole, match="all pages"):
        transcript_of_json(
            page(*HELLO, following="https://intelligence.twilio.com/v2/Transcripts/GT1/Sentences?Page=1")
        )
