"""One HTTP call to `POST /chat/completions`, and what each way it can end means.

The body is encoded beforehand and the answer is parsed once: the SDK's walk through its response types costs five
times the call itself (the SDK serves the first question of a run, see `preflight.py`).
"""

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from yarl import URL

from include.errors import EndpointUnusable, Quarantine
from include.limits.headers import headroom
from include.llm.endpoint import Endpoint
from include.llm.usage import Usage, usage_of

# An answer of a few hundred tokens is a few KB; more than this is a broken or hostile server.
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
# A server that asks for more than this is not obeyed to the letter: the run has a deadline of its own.
MAX_RETRY_AFTER_SECONDS = 600.0
RETRYABLE_STATUS = frozenset({408, 409})
TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})


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


class PassingTrouble(Exception):
    """This call failed in a way that another one may not: 5xx, timeout, broken connection, damaged body.

    Args:
        reason: short machine-readable name, which becomes the quarantine's `error_type` if it never passes.
        message: one line for people.
        reached_provider: whether the call counts as a request.
        retry_after_seconds: how long the server asks to wait, if it says.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        reached_provider: bool = True,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.reached_provider = reached_provider
        self.retry_after_seconds = retry_after_seconds


class RateLimited(Exception):
    """429: too fast. Not an attempt.

    Args:
        retry_after_seconds: how long the server asks to wait, if it says.
    """

    reason = "rate_limited"

    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__(f"429, retry after {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class ChatClient:
    """Asks one endpoint. Use as an async context manager; holds at most `in_flight` connections."""

    def __init__(self, endpoint: Endpoint, in_flight: int) -> None:
        self._endpoint = endpoint
        self._in_flight = in_flight
        # Parsed once: a URL in text is parsed at every call.
        self._url = URL(f"{endpoint.base_url}/chat/completions")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "ChatClient":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._in_flight),
            # `total` is a deadline around the whole call: a server that drips bytes outlives any read timeout.
            timeout=aiohttp.ClientTimeout(total=self._endpoint.timeout_seconds),
            headers={
                **self._endpoint.authorization,
                "Content-Type": "application/json",
                # A few hundred KB of gzip can become hundreds of MB.
                "Accept-Encoding": "identity",
            },
            auto_decompress=False,
            # A stray HTTP_PROXY must not reroute the key.
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def complete(self, body: bytes) -> Completion:
        """Send one request body and read the answer.

        Raises:
            RateLimited: 429 with any meaning but a used-up quota.
            PassingTrouble: worth another attempt.
            EndpointUnusable: 401, 403, 404, a redirect, or a used-up quota.
            Quarantine: `too_long` or `invalid_request`: 400 and its kin, about this record.
        """
        if self._session is None:
            raise RuntimeError("Use ChatClient as `async with`.")
        started = time.monotonic()
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                raw = await _read_capped(response)
                status, headers = response.status, response.headers
        except aiohttp.ClientConnectorError as error:
            raise PassingTrouble(
                "unreachable", f"Cannot connect to {self._endpoint.base_url}: {error}", reached_provider=False
            ) from error
        except TimeoutError as error:
            raise PassingTrouble("timeout", f"No answer within {self._endpoint.timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise PassingTrouble("broken_connection", f"The connection broke: {type(error).__name__}") from error
        if status != 200:
            raise failure_of(status, headers, raw, self._endpoint)
        return _completion(raw, headers, latency_ms=round((time.monotonic() - started) * 1000))


async def _read_capped(response: aiohttp.ClientResponse) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise PassingTrouble("malformed_response", "The server sent a compressed body that was not asked for")
    if response.content_length is not None and response.content_length <= MAX_RESPONSE_BYTES:
        return await response.read()
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(64 * 1024):
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise PassingTrouble("malformed_response", f"The response is larger than {MAX_RESPONSE_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _completion(raw: bytes, headers: Mapping[str, str], latency_ms: int) -> Completion:
    try:
        # Strict: NaN, lone surrogates and nesting without end are errors to it.
        response = orjson.loads(raw)
        choice = response["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        if not isinstance(content, str | None) or not isinstance(refusal, str | None):
            raise TypeError("content is no text")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise PassingTrouble("malformed_response", f"200, but no chat completion: {type(error).__name__}") from error
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


def failure_of(status: int, headers: Mapping[str, str], raw: bytes, endpoint: Endpoint) -> Exception:
    """The exception for a response that is not 200, by the table in the README's section on faults."""
    code, message = _error_of(raw)
    said = f"{status} {code or ''}".strip()
    if status == 429:
        if "insufficient_quota" in (code, message):
            return EndpointUnusable(
                f"{endpoint.base_url} says that the quota is used up ({said}). Check the plan and the billing of the "
                "account; nothing that was answered is lost, and the next run goes on from here."
            )
        return RateLimited(retry_after_seconds(headers))
    if status in (401, 403):
        return EndpointUnusable(
            f"{endpoint.base_url} refuses the key ({said}). Check OPENAI_API_KEY or the password of the Airflow "
            "connection openai_default, and that the key may use this model."
        )
    if status == 404:
        return EndpointUnusable(
            f"{endpoint.base_url} does not know the model or the path ({said}). Check NIGHTSHIFT_MODEL, the form's "
            "model, and that the base URL ends in /v1."
        )
    if 300 <= status < 400:
        return EndpointUnusable(
            f"{endpoint.base_url} redirects ({said}), and keys are not sent on. Set OPENAI_BASE_URL to its target."
        )
    if status in RETRYABLE_STATUS or status >= 500:
        wait = retry_after_seconds(headers)
        return PassingTrouble("server_error", f"The endpoint answered {said}", retry_after_seconds=wait)
    if code in TOO_LONG_CODES or "context length" in message.lower():
        return Quarantine("too_long", f"The text does not fit into the model's context ({said})")
    return Quarantine("invalid_request", f"The endpoint refused the request ({said})")


def _error_of(raw: bytes) -> tuple[str | None, str]:
    try:
        error = orjson.loads(raw).get("error")
    except (ValueError, AttributeError):
        return None, ""
    if not isinstance(error, dict):
        return None, str(error)[:200] if isinstance(error, str) else ""
    code: Any = error.get("code")
    # llama.cpp puts the status into `code` and the reason into `type`.
    named = code if isinstance(code, str) else error.get("type")
    return (named if isinstance(named, str) else None), str(error.get("message") or "")


def retry_after_seconds(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """What `retry-after-ms` or `Retry-After` (seconds or an HTTP date, RFC 9110 section 10.2.3) asks for.

    Args:
        headers: of the response, looked up without regard to case.
        now: Unix time that a date is compared with.

    Returns:
        Seconds between 0 and `MAX_RETRY_AFTER_SECONDS`, or None when the headers say nothing sensible.
    """
    for name, scale in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * scale
        except ValueError:
            try:
                moment = email.utils.parsedate_to_datetime(value)
            except ValueError:
                continue
            seconds = moment.timestamp() - (time.time() if now is None else now)
        if seconds == seconds:  # a server may well send "nan"
            return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
    return None
