"""Azure's speech recognition, in batches and at once.

https://learn.microsoft.com/azure/ai-services/speech-service/batch-transcription-get and
https://learn.microsoft.com/azure/ai-services/speech-service/fast-transcription-create
"""

from dataclasses import replace
from typing import Any

from include.sources.calls.layout import Layout, listed, turns_of, value_at
from include.sources.transcript import Transcript, of_call, seconds

NAME = "Azure speech (recognizedPhrases or phrases)"
MARKS = ("combinedRecognizedPhrases|combinedPhrases",)
TICKS_PER_SECOND = 10_000_000
_FAST = Layout("text", "speaker", "channel", "offsetMilliseconds", length="durationMilliseconds", per_second=1_000)
_BATCH = replace(
    _FAST, text="nBest.0.display", at="offsetInTicks", length="durationInTicks", per_second=TICKS_PER_SECOND
)


def transcript(document: Any) -> Transcript:
    """Its phrases; one of a batch in which nothing was recognised has no reading."""
    layout = _BATCH if "recognizedPhrases" in document else _FAST
    phrases = [
        part for part in listed(value_at(document, "recognizedPhrases|phrases")) if part.get("nBest") or layout is _FAST
    ]
    language = next((part["locale"] for part in phrases if part.get("locale")), None)
    length = seconds(value_at(document, layout.length), layout.per_second)
    return Transcript(turns_of(phrases, layout), columns=of_call(language, length))
