"""Google Cloud's speech recognition, versions 1 and 2.

https://cloud.google.com/speech-to-text/docs/reference/rest/v1/speech/recognize and
https://cloud.google.com/speech-to-text/v2/docs/reference/rest/v2/BatchRecognizeResults
"""

from collections.abc import Iterable, Mapping
from typing import Any

from include.sources.calls.layout import Layout, turns_of, value_at
from include.sources.transcript import Transcript, of_call

NAME = "Google speech (results with alternatives)"
MARKS = ("results.0.alternatives|results.0.resultEndOffset|response.results.0.alternatives",)
_LAYOUT = Layout("word", "speakerLabel|speakerTag", "channelTag", "startTime|startOffset", "endTime|endOffset")


def transcript(document: Any) -> Transcript:
    """A turn for each result, or the words of each speaker.

    Version 1 repeats all words in the last result, and only there it says of each who spoke it.
    """
    results = [part for part in value_at(document, "results|response.results") if part.get("alternatives")]
    told: list[dict[str, Any]] = []
    untold: list[dict[str, Any]] = []
    for part in results:
        best, side = part["alternatives"][0], {"channelTag": part.get("channelTag")}
        words = best.get("words") or []
        if any(value_at(word, _LAYOUT.speaker) for word in words):
            told += [word | side for word in words]
        elif best.get("transcript"):
            start = value_at(words[0], _LAYOUT.at) if words else None
            end = value_at(words[-1], _LAYOUT.end) if words else value_at(part, "resultEndTime|resultEndOffset")
            untold.append({"word": best["transcript"], "startTime": start, "endTime": end} | side)
    # IBM names speakers beside its results, Speechmatics calls words otherwise.
    if "speaker_labels" in document or not (told or untold):
        raise ValueError("another service")
    repeats = told and _letters(told) == _letters(untold)
    language = next((part["languageCode"] for part in results if part.get("languageCode")), None)
    return Transcript(turns_of(told if repeats else untold + told, _LAYOUT), columns=of_call(language, None))


def _letters(items: Iterable[Mapping[str, Any]]) -> str:
    return "".join(filter(str.isalnum, "".join(item["word"] for item in items).casefold()))
