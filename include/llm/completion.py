"""What a 200 of `POST /chat/completions` holds: a completion, or what its absence means."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from include.answer.repetition import repetition
from include.answer.unwrap import is_like_object
from include.errors import Quarantine
from include.lake.effort import Usage
from include.limits.headers import headroom
from include.llm.endpoint import Endpoint
from include.llm.providers.error_body import error_in, provider_words, said_in
from include.llm.providers.provider_errors import (
    DEGENERATE,
    EMPTY,
    ERROR_WITH_200,
    INVALID_REQUEST,
    MALFORMED,
    Failure,
    PassingTrouble,
    RateLimited,
    Refused,
    Unusable,
    failure_of,
)
from include.llm.usage import usage_of

# Mistral's and Gemini's name of the cap, and what others call their filters.
_OTHER_ENDS = {
    **dict.fromkeys(("max_tokens", "model_length"), "length"),
    **dict.fromkeys(("safety", "prohibited_content", "blocklist", "spii", "recitation", "sensitive"), "content_filter"),
}
# Of a content in parts, what is no thought; of OpenAI, Mistral and Anthropic.
_TEXT_PARTS = frozenset({"text", "output_text"})
# The provider broke off, as OpenRouter, vLLM, GLM, DeepSeek and Gemini say it.
_BROKEN_OFF = frozenset(
    {"error", "abort", "network_error", "insufficient_system_resource", "malformed_function_call", "malformed_response"}
)


@dataclass(frozen=True, slots=True)
class Completion:
    """One paid answer, not validated yet.

    Args:
        content: the assistant's message; None when there is none.
        finish_reason: `stop`, `length`, `content_filter`, `tool_calls`.
        refusal: the model's own words when it refuses.
        usage: tokens as the provider counted them.
        latency_ms: from sending to the last byte.
        remaining, wait_seconds: what the response says of the rate limit, see `headroom`.
        service_tier: on which the provider bills it, if it says.
        stood: where the content was instead of where it belongs, for people; None: it was there.
    """

    content: str | None
    finish_reason: str
    refusal: str | None
    usage: Usage
    latency_ms: int
    remaining: int | None = None
    wait_seconds: float | None = None
    service_tier: str | None = None
    stood: str | None = None


def read_completion(
    raw: bytes, headers: Mapping[str, str], latency_ms: int, endpoint: Endpoint, sent: bytes
) -> Completion | Failure | Exception:
    """The body of a 200: the completion in it, or what it means that there is none.

    Args:
        raw: body of the response.
        headers: of the response, for what it says of the rate limit.
        latency_ms: from sending to the last byte.
        sent: body of the request.
    """
    try:
        return _completion(raw, headers, latency_ms)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return _no_completion(raw, endpoint, sent, type(error).__name__)


def _completion(raw: bytes, headers: Mapping[str, str], latency_ms: int) -> Completion:
    # Strict: NaN, lone surrogates and nesting without end are errors to it.
    response = orjson.loads(raw)
    choice = response["choices"][0]
    message = choice["message"]
    content, refusal = message.get("content"), message.get("refusal")
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type", "text") in _TEXT_PARTS)
    if not isinstance(content, str | None) or not isinstance(refusal, str | None):
        raise TypeError("content is no text")
    finish_reason, stood = choice.get("finish_reason"), None
    if finish_reason != "stop" or not content:
        finish_reason = _finish_reason(choice)
    if finish_reason in _BROKEN_OFF or response.get("error") or (not content and _error_beside(choice)):
        raise ValueError("an error beside the answer")
    if content is None or not content.lstrip().startswith("{"):
        content, stood = _from_elsewhere(message, content)
    return Completion(
        content,
        finish_reason,
        refusal,
        usage_of(response),
        latency_ms,
        *headroom(headers),
        service_tier=_tier(response),
        stood=stood,
    )


def _finish_reason(choice: Mapping[str, Any]) -> str:
    """Why an answer ended, in OpenAI's words where there are some."""
    # Gemini writes "function_call_filter: MALFORMED_FUNCTION_CALL".
    reason = str(choice.get("finish_reason")).rpartition(":")[2].strip().lower()
    # OpenRouter may call it a stop, and keeps what the provider behind it has said.
    native = str(choice.get("native_finish_reason")).lower()
    return native if native in _BROKEN_OFF else _OTHER_ENDS.get(reason, reason)


def _error_beside(choice: Mapping[str, Any]) -> Any:
    return choice.get("error") or choice["message"].get("error")


def _from_elsewhere(message: Mapping[str, Any], content: str | None) -> tuple[str | None, str | None]:
    """The content, or the JSON that stands in its place, and where that is."""
    calls = message.get("tool_calls") or []
    # Some call it twice, and say the same.
    is_one = bool(calls) and all(call["function"] == calls[0]["function"] for call in calls)
    called = calls[0]["function"] if is_one else None if calls else message.get("function_call")
    if called:
        arguments = called["arguments"]
        # Ollama and others send an object instead of its JSON.
        return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode(), "in a tool call"
    if not (content and content.strip()):
        # Servers that take thoughts out of an answer that had none take the answer for a thought
        # (github.com/vllm-project/vllm/issues/19222); one that is more than JSON is a thought.
        for name in ("reasoning_content", "reasoning"):
            thought = message.get(name)
            if isinstance(thought, str) and is_like_object(thought):
                return thought, f"in {name}"
    return content, None


def content_of(completion: Completion) -> str:
    """What the model has said.

    Raises:
        Quarantine: `refused`, `content_filter` or `truncated`.
        Unusable: it has said nothing, or the same without end; without the usage, which is the completion's.
    """
    content = completion.content or ""
    if completion.refusal:
        raise Quarantine("refused", "The model refused to answer", completion.refusal)
    if completion.finish_reason == "content_filter":
        raise Quarantine("content_filter", "The provider's content filter stopped the answer", content)
    if completion.finish_reason == "length" or content.isspace():
        refuse_repetition(content)
    if not content.strip():
        raise Unusable(EMPTY, f"The answer is empty (finish_reason {completion.finish_reason})", raw_output=content)
    if completion.finish_reason == "length":
        # Even when it parses: a list that was cut at its end would pass for a shorter list.
        raise Quarantine("truncated", "The answer was cut off at the token cap", content)
    return content


def refuse_repetition(content: str) -> None:
    """Do nothing unless a model is stuck in an answer, which more room would not mend.

    Raises:
        Unusable: it is; without the usage.
    """
    repeated = repetition(content)
    if repeated is not None:
        message = f"The answer goes on with {repeated} to its end: the model is stuck"
        raise Unusable(DEGENERATE, message, raw_output=content)


def _no_completion(raw: bytes, endpoint: Endpoint, sent: bytes, damage: str) -> Exception | Failure:
    """What a 200 that is none means: OpenRouter and others put errors into it, with the status as a code."""
    response = _object_in(raw)
    usage = usage_of(response)
    choices = response.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    choice = {**choice, "message": choice["message"] if isinstance(choice.get("message"), dict) else {}}
    wrapped = response.get("error") or response.get("detail") or _error_beside(choice)
    if not wrapped and not choices:
        # SiliconFlow says it beside a code of its own, MiniMax in `base_resp`.
        wrapped = response.get("message") or response.get("msg") or response.get("base_resp")
    if not wrapped and _finish_reason(choice) in _BROKEN_OFF:
        wrapped = f"finish_reason {_finish_reason(choice)}"
    if not wrapped:
        return Unusable(MALFORMED, f"200, but no chat completion: {damage}", usage, service_tier=_tier(response))
    # What was read leniently may hold what the strict library does not write.
    raw = json.dumps({"error": said_in(wrapped)}).encode()
    error = error_in(raw)
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else None
    failure = failure_of(status or 400, {}, raw, endpoint, sent)
    # An error that neither has a status nor a name that is known is the server's own until it lasts.
    is_vague = status is None and isinstance(failure, Refused) and failure.error_type == INVALID_REQUEST
    if usage.prompt_tokens or is_vague:
        words = provider_words(error, endpoint, sent) or "no words"
        passes = is_vague or isinstance(failure, PassingTrouble | RateLimited)
        said = f'200 with an error in it: "{words}"'
        return Unusable(ERROR_WITH_200, said, usage, passes=passes, service_tier=_tier(response))
    return failure


def _tier(response: Mapping[str, Any]) -> str | None:
    tier = response.get("service_tier")
    return tier if isinstance(tier, str) else None


def _object_in(raw: bytes) -> dict[str, Any]:
    """The response as far as it can be read; of one that is cut off or damaged, what it has cost."""
    text = raw.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        usage = text[text.rfind('"usage"') :]
        counts = re.findall(r'"(prompt_tokens|completion_tokens)"\s*:\s*(\d{1,9})', usage)
        return {"usage": {name: int(count) for name, count in counts}}
    return found if isinstance(found, dict) else {}
