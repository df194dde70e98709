"""The sentences of Twilio's Conversational Intelligence.

https://www.twilio.com/docs/conversation-intelligence-classic/api/transcript-sentence-subresource
"""

from typing import Any

from include.sources.calls.layout import Layout, turns_of, value_at
from include.sources.transcript import NotWhole, Transcript

NAME = "Twilio (sentences)"
MARKS = ("sentences.0.media_channel",)
_LAYOUT = Layout(text="transcript", channel="media_channel", at="start_time", end="end_time")


def transcript(document: Any) -> Transcript:
    """Its sentences by channel; Twilio does not say who is on which."""
    if value_at(document, "meta.next_page_url"):
        raise NotWhole("the file is one page of Twilio's sentences: put those of all pages into one file")
    return Transcript(turns_of(document["sentences"], _LAYOUT))
