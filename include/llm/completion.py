"""What a 200 of `POST /chat/completions` holds: a completion, or what its absence means."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from include.errors import Quarantine
from include.lake.effort import Usage
from include.limits.headers import headroom
from include.llm.endpoint import Endpoint
from include.llm.provider_errors import (
    EMPTY,
    ERROR_WITH_200,
    INVALID_REQUEST,
    MALFORMED,
    WHITE_SPACE,
    Failure,
    PassingTrouble,
    RateLimited,
    Refused,
    Unusable,
    error_in,
    failure_of,
    provider_words,
)
from include.llm.usage import usage_of

# At the end of an answer; pretty-printed JSON has less.
MOST_WHITE_SPACE = 100


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
    """

    content: str | None
    finish_reason: str
    refusal: str | None
    usage: Usage
    latency_ms: int
    remaining: int | None = None
    wait_seconds: float | None = None
    service_tier: str | None = None


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
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return _no_completion(raw, endpoint, sent, type(error).__name__)


def _completion(raw: bytes, headers: Mapping[str, str], latency_ms: int) -> Completion:
    # Strict: NaN, lone surrogates and nesting without end are errors to it.
    response = orjson.loads(raw)
    choice = response["choices"][0]
    message = choice["message"]
    content, refusal = message.get("content"), message.get("refusal")
    if not isinstance(content, str | None) or not isinstance(refusal, str | None):
        raise TypeError("content is no text")
    if response.get("error") or (choice.get("error") and not content):
        raise ValueError("an error beside the answer")
    finish_reason, tier = str(choice.get("finish_reason")), response.get("service_tier")
    return Completion(
        content,
        finish_reason,
        refusal,
        usage_of(response),
        latency_ms,
        *headroom(headers),
        service_tier=tier if isinstance(tier, str) else None,
    )


def content_of(completion: Completion) -> str:
    """What the model has said.

    Raises:
        Quarantine: `refused`, `content_filter` or `truncated`.
        Unusable: it has said nothing; without the usage, which is the completion's.
    """
    content = completion.content or ""
    if completion.refusal:
        raise Quarantine("refused", "The model refused to answer", completion.refusal)
    if completion.finish_reason == "content_filter":
        raise Quarantine("content_filter", "The provider's content filter stopped the answer", content)
    if not content.strip():
        raise Unusable(EMPTY, f"The answer is empty (finish_reason {completion.finish_reason})", raw_output=content)
    if completion.finish_reason == "length":
        # Decoding by a grammar may go on with white space for ever: more of it would be no answer either.
        if len(content) - len(content.rstrip()) > MOST_WHITE_SPACE:
            raise Unusable(WHITE_SPACE, "The answer ends in white space up to the token cap", raw_output=content)
        # Even when it parses: a list that was cut at its end would pass for a shorter list.
        raise Quarantine("truncated", "The answer was cut off at the token cap", content)
    return content


def _no_completion(raw: bytes, endpoint: Endpoint, sent: bytes, damage: str) -> Exception | Failure:
    """What a 200 that is none means: OpenRouter and others put errors into it, with the status as a code."""
    response = _object_in(raw)
    usage = usage_of(response)
    choices = response.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    wrapped = response.get("error") or response.get("detail") or choice.get("error")
    if not wrapped:
        return Unusable(MALFORMED, f"200, but no chat completion: {damage}", usage)
    raw = orjson.dumps({"error": wrapped})
    error = error_in(raw)
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else None
    failure = failure_of(status or 400, {}, raw, endpoint, sent)
    # An error that neither has a status nor a name that is known is the server's own until it lasts.
    is_vague = status is None and isinstance(failure, Refused) and failure.error_type == INVALID_REQUEST
    if usage.prompt_tokens or is_vague or isinstance(failure, PassingTrouble):
        words = provider_words(error, endpoint, sent) or "no words"
        passes = is_vague or isinstance(failure, PassingTrouble | RateLimited)
        return Unusable(ERROR_WITH_200, f'200 with an error in it: "{words}"', usage, passes=passes)
    return failure


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
