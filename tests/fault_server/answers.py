"""The valid answer to a question: a function of its text and its schema."""

import json
import time
from collections.abc import Mapping
from typing import Any

from tests.fault_server import fast_json
from tests.fault_server.chat_request import CHARACTERS_PER_TOKEN, ChatRequest
from tests.fault_server.choices import Choices
from tests.fault_server.reply import Reply
from tests.fault_server.schema_instance import make_instance
from tests.fault_server.strings import words


def default_content(chat: ChatRequest) -> str:
    """The assistant's message: JSON if a schema or an object is asked for, else a few words.

    Raises:
        UnsupportedSchema: the schema uses something that this server cannot satisfy.
    """
    if chat.schema is not None:
        return fast_json.dumps(instance_for(chat, full=False)).decode()
    said = words(Choices(chat.text))
    return fast_json.dumps({"answer": said}).decode() if chat.response_format.get("type") == "json_object" else said


def instance_for(chat: ChatRequest, *, full: bool) -> Any:
    """The answer as a value; `full`: without nulls and empty lists where they can be avoided."""
    if chat.schema is None:
        raise ValueError("There is no response_format.json_schema in the request.")
    return make_instance(chat.schema, Choices(chat.text, full=full), chat.sentences)


def tokens_of(content: str) -> int:
    """Tokens of a message, estimated from its characters; at least 1."""
    return max(1, len(content) // CHARACTERS_PER_TOKEN)


def answer_reply(chat: ChatRequest, content: str) -> Reply:
    """The reply that carries `content`, cut at the request's `max_tokens` as a real server does."""
    if chat.max_tokens is not None and tokens_of(content) > chat.max_tokens:
        content = content[: chat.max_tokens * CHARACTERS_PER_TOKEN]
        return message_reply(chat, {"content": content}, finish_reason="length")
    if chat.asked.get("tools"):
        name = chat.asked["tools"][0]["function"]["name"]
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": content}}
        return message_reply(chat, {"tool_calls": [call]}, finish_reason="tool_calls", good=True)
    if not chat.response_format and chat.schema is not None:
        # A model that is only told so.
        content = f"Here is the answer:\n\n```json\n{content}\n```"
    return message_reply(chat, {"content": content}, good=True)


def message_reply(
    chat: ChatRequest, message: Mapping[str, Any], *, finish_reason: str = "stop", good: bool = False
) -> Reply:
    """The reply with one choice.

    Args:
        chat: the question.
        message: `content`, `refusal`, `tool_calls`; the role is added.
        finish_reason: `stop`, `length`, `content_filter`, `tool_calls`.
        good: whether a client must accept it.
    """
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "refusal": None, **message},
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    said = message.get("content") or message.get("refusal") or ""
    return completion_reply(chat, {"choices": [choice]}, completion_tokens=tokens_of(said), good=good)


def completion_reply(
    chat: ChatRequest, parts: Mapping[str, Any], *, completion_tokens: int = 1, good: bool = False
) -> Reply:
    """The reply with a whole `chat.completion`.

    Args:
        chat: the question.
        parts: replace or add top-level fields; a value of `...` removes the field.
        completion_tokens: what the answer costs.
        good: whether a client must accept it.
    """
    completion = {
        "id": f"chatcmpl-{chat.key}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": chat.model,
        "choices": [],
        "usage": usage(chat, completion_tokens),
        "system_fingerprint": "fault-server",
        # As OpenAI has it: only where one was asked for.
        "service_tier": ("default" if chat.service_tier == "auto" else chat.service_tier) or ...,
        **parts,
    }
    completion = {name: value for name, value in completion.items() if value is not ...}
    return Reply(
        200,
        encode_completion(completion),
        good=good,
        prompt_tokens=chat.prompt_tokens,
        cached_tokens=chat.cached_tokens,
        completion_tokens=completion_tokens,
    )


def encode_completion(completion: Mapping[str, Any]) -> bytes:
    """JSON of a completion; a lone surrogate goes out as an escape, which is how the standard library writes it."""
    try:
        return fast_json.dumps(completion)
    except (TypeError, ValueError):
        return json.dumps(completion).encode()


def usage(chat: ChatRequest, completion_tokens: int) -> dict[str, Any]:
    """OpenAI's `usage` object."""
    return {
        "prompt_tokens": chat.prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": chat.prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": chat.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
