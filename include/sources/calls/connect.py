"""A call or chat of Amazon Connect, as it is stored and as Contact Lens or Call Analytics have analysed it.

https://docs.aws.amazon.com/connect/latest/adminguide/contact-lens-example-output-files-chat.html,
https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_Item.html and
https://docs.aws.amazon.com/transcribe/latest/dg/tca-output-batch.html
"""

import json
from collections.abc import Mapping
from typing import Any

from include.sources.calls.layout import Layout, began, listed, turns_of, value_at
from include.sources.fields import nested_texts
from include.sources.transcript import Transcript, of_call, seconds

NAME = "Amazon Connect, Contact Lens and Transcribe Call Analytics (Transcript)"
MARKS = ("Transcript",)
_CHAT = Layout("text", "role", at="AbsoluteTime")
_CALL = Layout("text", "role", at="BeginOffsetMillis", end="EndOffsetMillis", per_second=1_000)


def transcript(document: Any) -> Transcript:
    """What is said. Who joins and leaves a chat, and files that are sent, have no words."""
    roles = {each["ParticipantId"]: each.get("ParticipantRole") for each in document.get("Participants") or []}
    items = [
        {**item, "text": _words(item), "role": _role(item, roles)}
        for item in listed(document["Transcript"])
        if item.get("Type", "MESSAGE") == "MESSAGE"
    ]
    begin = began(items, _CHAT.at)
    length = seconds(value_at(document, "ConversationCharacteristics.TotalConversationDurationMillis"), 1_000)
    columns = {**of_call(document.get("LanguageCode"), length), "created_at": begin}
    return Transcript(turns_of(items, _CHAT if begin else _CALL), columns=columns)


def _role(item: Mapping[str, Any], roles: Mapping[Any, Any]) -> str:
    found = item.get("ParticipantRole") or roles.get(item.get("ParticipantId")) or item["ParticipantId"]
    return str(found).lower()


def _words(item: Mapping[str, Any]) -> Any:
    """The text; of a list or form to choose from what it shows."""
    if str(item.get("ContentType", "text/")).startswith("text/"):
        return item["Content"]
    shown = [text for path, text in nested_texts(json.loads(item["Content"])) if path.endswith("title")]
    return " ".join(reversed(shown))
