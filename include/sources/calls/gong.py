"""The transcript of a call from Gong's API. https://gong.app.gong.io/settings/api/documentation#post-/v2/calls/transcript"""

from typing import Any

from include.sources.calls.layout import Layout, listed, turns_of
from include.sources.transcript import NotWhole, Transcript

NAME = "Gong (callTranscripts)"
MARKS = ("callTranscripts|transcript.0.sentences",)
_LAYOUT = Layout(text="text", speaker="speaker", at="start", end="end", per_second=1_000)


def transcript(document: Any) -> Transcript:
    """Its sentences. Speakers have the names of `parties`, where somebody has put those in, or else are counted."""
    calls = listed(document["callTranscripts"]) if "callTranscripts" in document else [document]
    if len(calls) > 1:
        raise NotWhole(f"the file has {len(calls)} calls of Gong: write one file for each")
    call = calls[0]
    parties = call.get("parties") or document.get("parties") or []
    names: dict[Any, Any] = {party.get("speakerId"): party.get("name") for party in parties}
    numbers: dict[Any, int] = {}
    items = [
        {**sentence, "speaker": names.get(who) or numbers.setdefault(who, len(numbers) + 1)}
        for who, sentences in ((part.get("speakerId"), part["sentences"]) for part in listed(call["transcript"]))
        for sentence in sentences
    ]
    return Transcript(turns_of(items, _LAYOUT), columns={"id": call.get("callId")})
