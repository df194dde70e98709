"""What an endpoint's refusals mean: one table for the first question of a run and for all others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from include.errors import EndpointUnusable, Quarantine, RetryLater, StopRun
from include.lake.effort import Usage
from include.limits.headers import retry_after_seconds
from include.llm.endpoint import Endpoint

# 424 and 425: a model behind a gateway is still starting. 498: Groq's flex tier is full. 499: a proxy gave up waiting.
RETRYABLE_STATUS = frozenset({408, 409, 424, 425, 498, 499})
NO_MONEY_CODES = frozenset({"insufficient_quota", "budget_exceeded", "billing_hard_limit_reached"})
TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
MODERATED_CODES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "moderation_blocked",
        "responsibleaipolicyviolation",
        "data_inspection_failed",
        "invalid_prompt",
    }
)
_TOO_LARGE = re.compile(r"(request|payload|entity|body) (is )?too large", re.IGNORECASE)
# A limit of tokens a minute that a single request is above: no wait mends it.
_ABOVE_LIMIT = re.compile(r"Limit:? (\d+), Requested:? (\d+)")
# Every vendor has its own sentence for a text that does not fit.
_TOO_LONG = re.compile(
    r"context[ _-]?(length|window|size|limit)|maximum (model|prompt|input|sequence) length|range of input length"
    r"|too many (input |prompt )?tokens|(prompt|input|message|text|string)s?\b[^.]{0,60}\btoo long"
    r"|token (count|limit)[^.]{0,60}(exceed|maximum)|(exceed|longer than)[^.]{0,60}\b(tokens?|model)\b"
    r"|tokens?\b[^.]{0,60}\b(exceeds?|must be (<=|less))",
    re.IGNORECASE,
)
_MODERATED = re.compile(
    r"content[ _-]?(management |safety )?(policy|filter)|content exists risk|moderation|flagged|usage polic"
    r"|(inappropriate|sensitive|prohibited) content|safety (system|filter|settings)",
    re.IGNORECASE,
)
# Quarantined under these names a record has met the endpoint's refusal or no usable answer, which the fuse counts.
FORBIDDEN, PAYMENT_REQUIRED, INVALID_REQUEST = "forbidden", "payment_required", "invalid_request"
MALFORMED, ERROR_WITH_200, EMPTY, DEGENERATE = "malformed_response", "error_with_200", "empty_answer", "degenerate"
COUNTED_BY_FUSE = frozenset(
    # In ledgers of an earlier version some of the degenerate ones are called white_space.
    {FORBIDDEN, PAYMENT_REQUIRED, INVALID_REQUEST, MALFORMED, ERROR_WITH_200, EMPTY, DEGENERATE, "white_space"}
)
_REMEDY = {
    FORBIDDEN: "Check that the key may use this model, and whatever stands between here and the endpoint.",
    PAYMENT_REQUIRED: "Check the balance and the budget of the account or the gateway.",
}
KEPT = "What was answered is kept: the next run, or this task once it is cleared, asks for the rest only."
# Of an endpoint's own words: a sentence or two.
MOST_WORDS = 400
# So many characters in a row that were sent are the text, not the provider's words.
_ECHO = 16


@dataclass(frozen=True, slots=True)
class PassingTrouble:
    """This call failed in a way that another one may not: 5xx, timeout, broken connection.

    Args:
        reason: short machine-readable name, which becomes the quarantine's `error_type` if it never passes.
        message: one line for people.
        reached_provider: whether the call counts as a request.
        retry_after_seconds: how long the server asks to wait, if it says.
    """

    reason: str
    message: str
    reached_provider: bool = True
    retry_after_seconds: float | None = None

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429: too fast. Not an attempt.

    Args:
        retry_after_seconds: how long the server asks to wait, if it says.
    """

    reason: ClassVar[str] = "rate_limited"
    retry_after_seconds: float | None

    def __str__(self) -> str:
        return f"429, retry after {self.retry_after_seconds} s"


# What another call mends is returned and not raised: where one call in three fails, exceptions and the cycles that
# their tracebacks leave cost as much as the calls.
Failure = PassingTrouble | RateLimited


class Refused(Quarantine):
    """The endpoint does not take this request. Whether it takes others decides whose trouble that is.

    Args:
        error_type: `too_long`, `too_large`, `moderated`, `forbidden`, `payment_required` or `invalid_request`.
        message: the status and the provider's own words.
        raw: body of the response.
    """

    def __init__(self, error_type: str, message: str, raw: bytes = b"") -> None:
        super().__init__(error_type, message)
        self.raw = raw

    def for_all(self, endpoint: Endpoint) -> StopRun:
        """What it is when nobody is answered."""
        remedy = _REMEDY.get(self.error_type, "Check what this endpoint and model take.")
        return EndpointUnusable(f"{endpoint.base_url} refuses every request: {self.message}. {remedy} {KEPT}")


class Unusable(Exception):
    """200, but nothing in it that could be an answer. It is paid for, so the same kind is asked for a few times only.

    Args:
        kind: short machine-readable name, which becomes the quarantine's `error_type`.
        message: one line for people.
        usage: tokens as the provider counted them, if it did.
        raw_output: what the model said, if it said anything.
        passes: whether the endpoint calls it trouble of its own, so that it may be over after a while.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        usage: Usage | None = None,
        raw_output: str | None = None,
        passes: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.usage = kind, message, usage or Usage()
        self.raw_output, self.passes = raw_output, passes

    @property
    def is_damage(self) -> bool:
        """Whether no model has said it, so that it is asked again as if nothing had been."""
        return self.kind in (MALFORMED, ERROR_WITH_200)

    def for_all(self, endpoint: Endpoint) -> StopRun | RetryLater:
        """What it is when nobody gets a usable answer."""
        said = f"{endpoint.base_url} gives nobody a usable answer: {self.message}."
        if self.passes:
            return RetryLater(f"{said} What was answered is kept, and the task's retry goes on from there.")
        return EndpointUnusable(f"{said} Check that this model answers with structured output. {KEPT}")


def failure_of(
    status: int, headers: Mapping[str, str], raw: bytes, endpoint: Endpoint, sent: bytes = b""
) -> Exception | Failure:
    """What a response that is not 200 means, by the table in the README's section on faults.

    Args:
        status: of the response, or as an error in the body of a 200 says.
        raw: body of the response.
        sent: body of the request, which must not be repeated to people.
    """
    error = error_in(raw)
    names = names_of(error)
    message = str(error.get("message") or "")
    is_429 = status == 429 and not _is_too_large(message)
    if is_429 and not NO_MONEY_CODES & {*names, message} and "model_not_found" not in names:
        return RateLimited(retry_after_seconds(headers))
    words = provider_words(error, endpoint, sent)
    said = " ".join([str(status), *names[:1]]) + (f': "{words}"' if words else "")
    if status == 401:
        return EndpointUnusable(
            f"{endpoint.base_url} refuses the key ({said}). Check OPENAI_API_KEY or the password of the Airflow "
            f"connection openai_default, and that the key may use this model. {KEPT}"
        )
    if status == 404 or "model_not_found" in names:
        return EndpointUnusable(
            f"{endpoint.base_url} does not know the model or the path ({said}). Check NIGHTSHIFT_MODEL, the form's "
            f"model, and that the base URL ends in /v1. {KEPT}"
        )
    if 300 <= status < 400:
        return EndpointUnusable(
            f"{endpoint.base_url} redirects ({said}), and keys are not sent on. Set OPENAI_BASE_URL to its target."
        )
    if status in RETRYABLE_STATUS or status >= 500:
        wait = retry_after_seconds(headers)
        return PassingTrouble("server_error", f"The endpoint answered {said}", retry_after_seconds=wait)
    if is_429:
        return EndpointUnusable(
            f"{endpoint.base_url} says that the quota is used up ({said}). Check the plan and the billing of the "
            f"account. {KEPT}"
        )
    if status in (413, 429) or (status == 400 and _is_too_large(message)):
        return Refused("too_large", f"The endpoint takes no request of this size ({said})", raw)
    if status == 402 or NO_MONEY_CODES & set(names):
        return Refused(PAYMENT_REQUIRED, f"The endpoint wants to be paid first ({said})", raw)
    if "json_validate_failed" in names:
        # Groq's name for an answer that did not fit the schema, with what the model wrote.
        written = error.get("failed_generation")
        return Unusable("json_validate_failed", f"The model's answer does not fit ({said})", raw_output=_text(written))
    if TOO_LONG_CODES & set(names) or _TOO_LONG.search(message):
        return Refused("too_long", f"The text does not fit into the model's context ({said})", raw)
    if _is_moderated(error, names, message):
        return Refused("moderated", f"The provider's moderation refused the text ({said})", raw)
    return Refused(FORBIDDEN if status == 403 else INVALID_REQUEST, f"The endpoint refused the request ({said})", raw)


def error_in(raw: bytes) -> dict[str, Any]:
    """The error object in the body of a response, whichever way its server wraps it.

    OpenAI and most others: `{"error": {...}}`; Gemini the same in a list; Ollama and TGI: `{"error": "..."}`; FastAPI
    `{"detail": ...}`; Mistral, Cohere and Bedrock `{"message": ...}`; Cloudflare `{"errors": [{...}]}`; a proxy HTML.
    """
    try:
        body = orjson.loads(raw)
    except ValueError:
        return {"message": _without_tags(raw[:20_000].decode("utf-8", "replace"))}
    body = body[0] if isinstance(body, list) and body else body
    if not isinstance(body, dict):
        return {}
    several = body.get("errors")
    error = body.get("error") or (several[0] if isinstance(several, list) and several else body)
    if not isinstance(error, dict):
        return {"message": str(error)}
    message = error.get("message") or error.get("detail") or error.get("msg")
    # OpenRouter hands the words of the provider behind it on.
    behind = error["metadata"].get("raw") if isinstance(error.get("metadata"), dict) else None
    parts = [part if isinstance(part, str) else orjson.dumps(part).decode() for part in (message, behind) if part]
    return {**error, "message": ": ".join(parts)}


def names_of(error: Mapping[str, Any]) -> list[str]:
    """The machine-readable names of an error, in lower case, most telling first."""
    inner = error.get("innererror")
    # llama.cpp puts the status into `code` and the reason into `type`.
    found = [error.get("code"), inner.get("code") if isinstance(inner, dict) else None]
    found += [error.get("type"), error.get("status")]
    return [name.lower() for name in found if isinstance(name, str) and name and not name.isdigit()]


def provider_words(error: Mapping[str, Any], endpoint: Endpoint, sent: bytes = b"") -> str:
    """What the provider says, fit to be shown: short, in one line, without a key and without the text that was sent."""
    words = " ".join(str(error.get("message") or "").split())[: 10 * MOST_WORDS]
    words = "".join(character for character in words if character.isprintable())
    words = re.sub(r"\b(sk|key|gsk|xai|AIza)[-_][\w*-]{6,}", "***", endpoint.without_key(words))
    words = _without_echo(words, sent)
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}..."


def _is_too_large(message: str) -> bool:
    amounts = _ABOVE_LIMIT.search(message)
    return bool(_TOO_LARGE.search(message)) or (amounts is not None and int(amounts[2]) > int(amounts[1]))


def _is_moderated(error: Mapping[str, Any], names: list[str], message: str) -> bool:
    metadata = error.get("metadata")
    is_flagged = isinstance(metadata, dict) and ("flagged_input" in metadata or "reasons" in metadata)
    return is_flagged or bool(MODERATED_CODES & set(names)) or bool(_MODERATED.search(message))


def _without_echo(words: str, sent: bytes) -> str:
    texts = [part for part in _sent_texts(sent) if part]
    # Whatever is an echo holds one of these pieces, and most words are none.
    half = _ECHO // 2
    if not any(words[at : at + half] in text for at in range(0, len(words) - half + 1, half) for text in texts):
        return words

    def is_echo(at: int) -> bool:
        piece = words[at : at + _ECHO]
        return len(piece) == _ECHO and any(piece in text for text in texts)

    kept: list[str] = []
    at = 0
    while at < len(words):
        if not is_echo(at):
            kept.append(words[at])
            at += 1
            continue
        at += _ECHO
        while at < len(words) and is_echo(at - _ECHO + 1):
            at += 1
        kept.append("[...]")
    return "".join(kept)


def _sent_texts(sent: bytes) -> list[str]:
    if not sent:
        return []
    messages = orjson.loads(sent)["messages"]
    return [" ".join(str(message["content"]).split()) for message in messages if message["role"] != "system"]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _without_tags(page: str) -> str:
    page = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", page)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())
