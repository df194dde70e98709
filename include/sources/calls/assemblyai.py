"""AssemblyAI's transcript. https://www.assemblyai.com/docs/api-reference/transcripts/get"""

from typing import Any

from include.sources.calls.layout import Layout, others, said, turns_of
from include.sources.transcript import Transcript, of_call, seconds

NAME = "AssemblyAI (utterances)"
MARKS = ("words", "audio_url|acoustic_model")
_LAYOUT = Layout(text="text", speaker="speaker", at="start", end="end", per_second=1_000)


def transcript(document: Any) -> Transcript:
    """Its utterances, or the words of each speaker; the text where nobody was told apart."""
    length = seconds(document.get("audio_duration"))
    columns = others(document, "text", "words", "utterances") | of_call(document.get("language_code"), length)
    words = document["words"] or []
    given = document.get("utterances") or (words if any(word.get("speaker") for word in words) else [])
    if not given:
        return Transcript(text=said(document["text"]), columns=columns)
    return Transcript(turns_of(given, _LAYOUT), columns=columns)
