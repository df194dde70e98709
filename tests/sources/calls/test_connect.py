"""A chat of Amazon Connect, in the shapes of its documentation."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.sources.calls.reading import read, turns


def item(role: str, content: str | None, at: str, **told: Any) -> dict[str, Any]:
    said = {} if content is None else {"Content": content}
    times = {"AbsoluteTime": f"2026-11-20T10:{at}.735Z", "ContentType": "text/plain", "Type": "MESSAGE"}
    return {
        "Id": at,
        "ParticipantId": f"p-{role}",
        "ParticipantRole": role,
        "DisplayName": role,
        **times,
        **said,
        **told,
    }


def chat(*items: dict[str, Any], **told: Any) -> dict[str, Any]:
    people = [{"ParticipantId": "p-AGENT", "ParticipantRole": "AGENT", "DisplayName": "Jane"}]
    return {"Version": "2019-08-26", "ContactId": "c-1", "Participants": people, "Transcript": list(items), **told}


JOINED = item(
    "CUSTOMER", None, "31:50", Type="EVENT", ContentType="application/vnd.amazonaws.connect.event.participant.joined"
)
FILE = item("CUSTOMER", None, "32:20", Type="ATTACHMENT", Attachments=[{"AttachmentName": "lamp.jpg"}])


def test_messages_have_roles_and_times_and_who_joins_says_nothing() -> None:
    document = chat(JOINED, item("CUSTOMER", "My lamp broke.", "32:00"), FILE, item("AGENT", "I see.", "32:10"))
    assert turns(document) == [("customer", "My lamp broke.", 0.0, None), ("agent", "I see.", 10.0, None)]
    assert read(document).row()["created_at"] == datetime(2026, 11, 20, 10, 32, 0, 735_000, tzinfo=UTC)


def test_contact_lens_keeps_the_chat_as_it_is() -> None:
    document = chat(
        item("AGENT", "Hello.", "32:00", ContentType="text/markdown"), JobStatus="COMPLETED", LanguageCode="en-US"
    )
    assert turns(document) == [("agent", "Hello.", 0.0, None)]
    assert read(document).row()["language"] == "en-US"


def test_the_role_of_a_participant_stands_in_their_list_too() -> None:
    said = item("AGENT", "Hello.", "32:00")
    del said["ParticipantRole"]
    assert [role for role, *_ in turns(chat(said))] == ["agent"]


def test_of_a_list_to_choose_from_what_it_shows_is_read() -> None:
    content = {
        "templateType": "ListPicker",
        "version": "1.0",
        "data": {"content": {"title": "How can I help?", "elements": [{"title": "Returns"}, {"title": "Lamps"}]}},
    }
    shown = item(
        "SYSTEM", json.dumps(content), "32:00", ContentType="application/vnd.amazonaws.connect.message.interactive"
    )
    assert turns(chat(shown)) == [("system", "How can I help? Returns Lamps", 0.0, None)]
