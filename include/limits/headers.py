"""What a response says of the provider's limit: what is left of it, and how long to wait."""

import email.utils
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from multidict import CIMultiDict

# A server that asks for more than this is not obeyed to the letter: the run has a deadline of its own.
MAX_RETRY_AFTER_SECONDS = 600.0
# Nothing is left, and nobody says until when; Azure leaves the reset out.
NO_RESET_SECONDS = 1.0
# Numbers from here on are no spans but moments: of Unix time in seconds, or in milliseconds as OpenRouter has it.
_A_MOMENT, _A_MOMENT_IN_MILLISECONDS = 1e9, 1e12


# Each as its vendor's documentation or a recorded answer has it, with the name of what is left, of how much, and when
# there is more. Where the limit is of a day, as Groq's requests are, the one that is used up asks for a wait.
_FORMS = (
    # OpenAI, Azure, Groq, xAI, Fireworks, DeepInfra, LiteLLM.
    ("requests", "x-ratelimit-{}-requests"),
    ("tokens", "x-ratelimit-{}-tokens"),
    # Anthropic.
    ("requests", "anthropic-ratelimit-requests-{}"),
    ("tokens", "anthropic-ratelimit-tokens-{}"),
    ("tokens", "anthropic-ratelimit-input-tokens-{}"),
    ("tokens", "anthropic-ratelimit-output-tokens-{}"),
    # Mistral, Cerebras.
    ("requests", "x-ratelimit-{}-req-minute"),
    ("requests", "x-ratelimit-{}-requests-day"),
    ("tokens", "x-ratelimit-{}-tokens-minute"),
    ("tokens", "x-ratelimitbysize-{}-minute"),
    ("tokens", "ratelimitbysize-{}"),
    # Fireworks. Its `x-ratelimit-over-limit: yes` comes with an answer, so it asks for nothing.
    ("tokens", "x-ratelimit-{}-tokens-prompt"),
    ("tokens", "x-ratelimit-{}-tokens-generated"),
    # Together.
    ("tokens", "x-tokenlimit-{}"),
    # OpenRouter, Together, and gateways of all kinds.
    ("requests", "x-ratelimit-{}"),
    # draft-ietf-httpapi-ratelimit-headers up to 06; the limit may have its windows behind it.
    ("requests", "ratelimit-{}"),
)
_BY_LEFT = {form.format("remaining"): (counted, form.format("limit"), form.format("reset")) for counted, form in _FORMS}
# The same draft since: `limit=100, remaining=0, reset=30`, then `"default";r=0;t=30` of some policies.
_FIELD = "ratelimit"
_FIELD_LEFT, _FIELD_RESET = re.compile(r"\b(?:r|remaining)=(\d+)"), re.compile(r"\b(?:t|reset)=(\d+)")
# As OpenAI writes it, 120ms, 1.5s, 6m0s, 1h2m3s, and in words.
_UNIT = r"(?:ms|milliseconds?|d|days?|h|hours?|m|min|mins|minutes?|s|sec|secs|seconds?)"
_PART = re.compile(rf"(\d+(?:\.\d+)?)\s*({_UNIT})(?![a-z])", re.IGNORECASE)
_POSITIVE = re.compile(r"0*[1-9]")
_NUMBER = r"\d+(\.\d+)?"
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_IN_WORDS = re.compile(
    rf"\b(?:try again|retry|wait)\b[^.\d]{{0,30}}((?:\d+(?:\.\d+)?\s*{_UNIT}(?![a-z])[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)


def headroom(headers: Mapping[str, str], now: float | None = None) -> tuple[int | None, float | None]:
    """Requests that the provider leaves, and the seconds until there are more if that is none.

    Args:
        headers: of the response.
        now: Unix time that moments are compared with.

    Returns:
        (requests that may still go, or None when nothing sensible is said; seconds to wait, when requests or tokens
        are used up).
    """
    # Most headers are about something else, and most servers say nothing.
    told = {lower: value for name, value in headers.items() if "limit" in (lower := name.lower())}
    if not told:
        return None, None
    lefts: list[int] = []
    waits: list[float] = []

    def take(counted: str, left: int, reset: str | None) -> None:
        if counted == "requests":
            lefts.append(left)
        if not left:
            wait = wait_seconds(reset, now)
            waits.append(NO_RESET_SECONDS if wait is None else wait)

    for name, left in told.items():
        # Some servers send -1 or 0 for everything; a true 0 comes with the limit that it is a part of.
        if name in _BY_LEFT and left.isdigit():
            counted, limit, reset_at = _BY_LEFT[name]
            if _POSITIVE.match(told.get(limit, "")):
                take(counted, int(left), told.get(reset_at))
    for policy in re.split(r",(?=\s*\")", told.get(_FIELD, "")) if _FIELD in told else ():
        if found := _FIELD_LEFT.search(policy):
            reset = _FIELD_RESET.search(policy)
            take("requests", int(found[1]), reset[1] if reset else None)
    return min(lefts, default=None), max(waits, default=None)


def duration_seconds(text: str | None) -> float | None:
    """Seconds of `1.5s`, `6m0s`, `120ms` or a plain number; None when it is something else."""
    if not text:
        return None
    parts = _PART.findall(text)
    if parts and not _PART.sub("", text).strip(" ,"):
        return _sum(parts)
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d+)?", text) else None


def wait_seconds(text: str | None, now: float | None = None) -> float | None:
    """Seconds until what a header names: a span, a moment of Unix time, an RFC 3339 or an HTTP date.

    Args:
        now: Unix time that moments are compared with.

    Returns:
        0 or more; None when it is nothing of these.
    """
    span = duration_seconds(text)
    if span is not None or not text:
        return span
    moment = _moment(text.strip())
    return None if moment is None else max(moment - (time.time() if now is None else now), 0.0)


def retry_after_seconds(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """What a refusal's headers ask for, from 0 to `MAX_RETRY_AFTER_SECONDS`; None: they say nothing sensible."""
    seconds = asked_wait_seconds(headers, now)
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER_SECONDS)


def asked_wait_seconds(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """The same to the letter: `retry-after-ms`, `Retry-After` (RFC 9110 section 10.2.3), or what `headroom` says.

    Args:
        headers: of the response, looked up without regard to case.
        now: Unix time that moments are compared with.

    Returns:
        Seconds, however many; None: the headers say nothing sensible.
    """
    milliseconds, value = headers.get("retry-after-ms", ""), headers.get("Retry-After")
    if re.fullmatch(_NUMBER, milliseconds):
        return float(milliseconds) / 1000
    seconds = float(value) if value and re.fullmatch(_NUMBER, value) else wait_seconds(value, now)
    return headroom(headers, now)[1] if seconds is None else seconds


def wait_in_words(message: str) -> float | None:
    """What a provider's sentence asks for: "Please try again in 7m12s", "retry after 26 seconds".

    Returns:
        Seconds, however many: a limit of a day asks for hours. None: it names no span.
    """
    found = _IN_WORDS.search(message)
    return _sum(_PART.findall(found[1])) if found else None


def wait_in_error(error: Mapping[str, Any], now: float | None = None) -> float | None:
    """What an error's object asks for, where no header of the response does.

    Gemini's `RetryInfo`, Hugging Face's `estimated_time` of a model that is loading, the headers that OpenRouter hands
    on, or the sentence.

    Args:
        error: with its `message`, `details` and `metadata`.
        now: Unix time that moments are compared with.

    Returns:
        Seconds, however many; None: it says nothing.
    """
    details, metadata = error.get("details"), error.get("metadata")
    for detail in details if isinstance(details, list) else []:
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and (seconds := duration_seconds(delay)) is not None:
            return seconds
    if isinstance(loading := error.get("estimated_time"), (int, float)):
        return float(loading)
    handed_on = metadata.get("headers") if isinstance(metadata, dict) else None
    if isinstance(handed_on, dict):
        headers = CIMultiDict((str(name), str(value)) for name, value in handed_on.items())
        if (seconds := asked_wait_seconds(headers, now)) is not None:
            return seconds
    return wait_in_words(str(error.get("message") or ""))


def _sum(parts: list[tuple[str, str]]) -> float:
    return float(sum(float(number) * _unit_seconds(unit.lower()) for number, unit in parts))


def _unit_seconds(unit: str) -> float:
    return 0.001 if unit.startswith(("ms", "milli")) else _SECONDS[unit[0]]


def _moment(text: str) -> float | None:
    if re.fullmatch(_NUMBER, text):
        number = float(text)
        if number < _A_MOMENT:
            return None
        return number / 1000 if number >= _A_MOMENT_IN_MILLISECONDS else number
    for read in (datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            return read(text).timestamp()
        except (ValueError, OverflowError):
            continue
    return None
