"""Amazon Transcribe's output, with speakers or channels.

https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html, .../diarization-output-batch.html and
.../channel-id-output-batch.html
"""

from collections.abc import Mapping
from typing import Any

from include.sources.calls.layout import Layout, in_order, listed, parts_of, said, turns_of, value_at
from include.sources.transcript import Transcript, joined, of_call, seconds, utterances

NAME = "Amazon Transcribe (results.transcripts)"
MARKS = ("results.transcripts",)
# Of words, and of the sentences that outputs of these years have beside them.
_LAYOUT = Layout("content|transcript", "speaker_label|channel_label", at="start_time", end="end_time")


def transcript(document: Any) -> Transcript:
    """Its sentences, or the words of each speaker; the text where nobody was told apart."""
    results = document["results"]
    text = " ".join(said(part["transcript"]) for part in listed(results["transcripts"]))
    # Older outputs name the speaker of a word only in the segments, by the word's time.
    segments = value_at(results, "speaker_labels.segments") or []
    named = [item for part in segments for item in part.get("items", [])]
    speakers = {seconds(item["start_time"]): item["speaker_label"] for item in named}
    channels = value_at(results, "channel_labels.channels") or [results]
    spoken = (parts_of(_words(channel, speakers), _LAYOUT, by_channel=False) for channel in channels)
    words = in_order(turn for of_channel in spoken for turn in utterances(of_channel))
    ends = [word.end for word in words if word.end is not None]
    columns = of_call(_spoken_language(results), max(ends, default=None))
    sentences = turns_of(results.get("audio_segments") or [], _LAYOUT)
    has_speakers = any(word.role for word in words)
    if sentences and (not has_speakers or all(turn.role for turn in sentences)):
        # Amazon's own sentences: in languages without spaces the words alone do not say how they are written.
        return Transcript(sentences, columns=columns)
    return Transcript(joined(words), columns=columns) if has_speakers else Transcript(text=text, columns=columns)


def _words(channel: Mapping[str, Any], speakers: Mapping[float | None, str]) -> list[dict[str, Any]]:
    """The words of a channel with the punctuation that follows them, which has no time and no speaker of its own."""
    words: list[dict[str, Any]] = []
    for item in channel.get("items") or []:
        content = said(item["alternatives"][0]["content"])
        if item["type"] == "punctuation" and words:
            words[-1]["content"] += content
        else:
            speaker = item.get("speaker_label") or speakers.get(seconds(item.get("start_time")))
            side = channel.get("channel_label")
            words.append({**item, "content": content, "speaker_label": speaker, "channel_label": side})
    return words


def _spoken_language(results: Mapping[str, Any]) -> Any:
    """The call's language, or of several the one that is spoken longest."""
    several = [part for part in results.get("language_codes") or [] if part.get("language_code")]
    longest: Mapping[str, Any]
    longest = max(several, key=lambda part: seconds(part.get("duration_in_seconds")) or 0.0, default={})
    return results.get("language_code") or longest.get("language_code")
