"""Deepgram's answer to a recording, with or without `diarize`, `utterances` and `multichannel`.

https://developers.deepgram.com/docs/diarization, .../docs/utterances, .../docs/multichannel
"""

from collections.abc import Iterator
from typing import Any

from include.sources.calls.layout import Layout, in_order, listed, parts_of, said, turns_of, value_at, voice
from include.sources.transcript import Transcript, Turn, conversation, of_call, seconds, utterances

NAME = "Deepgram (results.channels)"
MARKS = ("results.channels.0.alternatives",)
_LAYOUT = Layout("punctuated_word|word|transcript", "speaker", "channel", "start", "end")


def transcript(document: Any) -> Transcript:
    """Its utterances, or else sentences of the words of each channel."""
    channels = listed(value_at(document, "results.channels"))
    given = value_at(document, "results.utterances")
    turns = turns_of(given, _LAYOUT) if given else conversation(in_order(_spoken(channels)))
    length = seconds(value_at(document, "metadata.duration"))
    return Transcript(turns, columns=of_call(channels[0].get("detected_language"), length))


def _spoken(channels: list[Any]) -> Iterator[Turn]:
    several = len(channels) > 1
    for number, channel in enumerate(channels):
        best = channel["alternatives"][0]
        items = [{**word, "channel": number} for word in best.get("words") or []]
        words = list(parts_of(items, _LAYOUT, by_channel=several))
        text = said(best["transcript"])
        if any(word.role for word in words) or " ".join(word.text for word in words).split() == text.split():
            yield from utterances(words)
        else:
            # A language that writes no spaces.
            yield Turn(voice(None, number if several else None), text)
