"""What a `POST /v1/chat/completions` asks for."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fault_server import fast_json

CHARACTERS_PER_TOKEN = 4
_NUMBERED_LINE = re.compile(r"^\[\d+\] ", re.MULTILINE)
# As the product says it where the schema is no parameter.
_IN_PROMPT = re.compile(r"JSON schema\b[^\n]*\n(\{.*\})\s*\Z", re.DOTALL)
# The product fences the text that is asked about; in a re-ask, messages about the bad answer follow it.
_FENCE = "<record "


class BadRequest(ValueError):
    """The body is no chat request; the message says why, and is answered with a 400."""


@dataclass(slots=True)
class ChatRequest:
    """One question. Its subject is the message that the answer is about: the last user message with a fenced record in
    it, else the last user message.

    Args:
        model: as asked for.
        messages: the conversation.
        text: of the subject.
        sentences: how many numbered sentences (`[1] ...` at the start of a line) the text has.
        response_format: as sent, or empty.
        max_tokens: cap on the answer, if any.
        api_key: the bearer token, if any.
        key: hash of model and messages: the same question has the same key.
        text_key: hash of model and text: a re-ask about the same text has the same one.
        prefix_key: hash of what a provider's prompt cache would hold: the model and all messages before the subject.
        prefix_tokens: tokens of all messages before the subject, estimated from their characters.
        prompt_tokens: tokens of the whole conversation; at least 1.
        asked: the whole body.
        cached_tokens: those of the prefix, if the server has seen it before.
        service_tier: that is asked for, if any; the answer is billed on it.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    text: str
    sentences: int
    response_format: Mapping[str, Any]
    max_tokens: int | None
    api_key: str | None
    key: str
    text_key: str
    prefix_key: bytes
    prefix_tokens: int
    prompt_tokens: int
    asked: Mapping[str, Any]
    cached_tokens: int = 0
    service_tier: str | None = None

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON schema that the answer must satisfy: a parameter's, a tool's, else one at the end of the prompt."""
        if self.response_format.get("type") == "json_schema":
            return dict(self.response_format["json_schema"]["schema"])
        if self.asked.get("tools"):
            return dict(self.asked["tools"][0]["function"]["parameters"])
        return schema_in_prompt("".join(_text_of(one) for one in self.messages if one.get("role") == "system"))


def parse_chat_request(body: bytes, api_key: str | None) -> ChatRequest:
    """Read a request's body.

    Raises:
        BadRequest: no JSON, no model, no user message, streaming, or a malformed `response_format`.
    """
    try:
        asked = fast_json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("We could not parse the JSON body of your request.") from None
    if not isinstance(asked, dict):
        raise BadRequest("The body of the request must be a JSON object.")
    if not isinstance(asked.get("model"), str):
        raise BadRequest("You must provide a model parameter.")
    if asked.get("stream"):
        raise BadRequest("This server does not stream.")
    messages = asked.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise BadRequest("'messages' must be a list of objects.")
    model, subject = asked["model"], _subject(messages)
    text = _text_of(messages[subject])
    prefix = fast_json.dumps([model, *messages[:subject]])
    prefix_tokens = sum(len(_text_of(message)) for message in messages[:subject]) // CHARACTERS_PER_TOKEN
    rest_tokens = sum(len(_text_of(message)) for message in messages[subject:]) // CHARACTERS_PER_TOKEN
    return ChatRequest(
        model=model,
        messages=messages,
        text=text,
        sentences=len(_NUMBERED_LINE.findall(text)),
        response_format=_response_format(asked.get("response_format")),
        max_tokens=_cap(asked),
        api_key=api_key,
        key=_hash(prefix + fast_json.dumps(messages[subject:])).hex(),
        text_key=_hash(f"{model}\n{text}".encode()).hex(),
        prefix_key=_hash(prefix),
        prefix_tokens=prefix_tokens,
        prompt_tokens=max(1, prefix_tokens + rest_tokens),
        asked=asked,
        service_tier=asked.get("service_tier"),
    )


def schema_in_prompt(system: str) -> Mapping[str, Any] | None:
    """The JSON schema at the end of the instructions, if there is one."""
    found = _IN_PROMPT.search(system)
    return dict(fast_json.loads(found[1].encode())) if found else None


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=12).digest()


def _cap(asked: Mapping[str, Any]) -> int | None:
    cap = asked.get("max_completion_tokens", asked.get("max_tokens"))
    if cap is not None and (not isinstance(cap, int) or cap < 1):
        raise BadRequest("'max_tokens' must be a positive integer.")
    return cap


def _response_format(given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    kind = given.get("type") if isinstance(given, dict) else None
    if kind == "json_schema":
        nested = given.get("json_schema")
        if not isinstance(nested, dict) or not isinstance(nested.get("schema"), dict):
            raise BadRequest("Missing required parameter: 'response_format.json_schema.schema'.")
    elif kind not in ("text", "json_object"):
        raise BadRequest("'response_format.type' must be one of 'text', 'json_object', 'json_schema'.")
    return dict(given)


def _subject(messages: Sequence[Mapping[str, Any]]) -> int:
    asked = [index for index, message in enumerate(messages) if message.get("role") == "user"]
    if not asked:
        raise BadRequest("There is no user message.")
    fenced = (index for index in reversed(asked) if _FENCE in _text_of(messages[index]))
    return next(fenced, asked[-1])


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""
