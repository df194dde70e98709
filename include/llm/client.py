"""One HTTP call to `POST /chat/completions`, and what each way it can end means.

The body is encoded beforehand and the answer is parsed once: the SDK's walk through its response types costs five
times the call itself.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from yarl import URL

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

# An answer of a few hundred tokens is a few KB; more than this is a broken or hostile server.
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
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


class ChatClient:
    """Asks one endpoint. Use as an async context manager; holds at most `in_flight` connections."""

    def __init__(self, endpoint: Endpoint, in_flight: int) -> None:
        self.endpoint = endpoint
        self._in_flight = in_flight
        # Parsed once: a URL in text is parsed at every call.
        self._url = URL(f"{endpoint.base_url}/chat/completions")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "ChatClient":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._in_flight),
            # `total` is a deadline around the whole call: a server that drips bytes outlives any read timeout.
            timeout=aiohttp.ClientTimeout(total=self.endpoint.timeout_seconds),
            headers={
                **self.endpoint.authorization,
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

    async def complete(self, body: bytes) -> Completion | Failure:
        """Send one request body and read the answer, or what may be over at another attempt.

        Raises:
            Unusable: 200 without a chat completion in it.
            Refused: 400 and its kin; of this request or of all.
            EndpointUnusable: 401, 404, a redirect, or a used-up quota.
        """
        if self._session is None:
            raise RuntimeError("Use ChatClient as `async with`.")
        started = time.monotonic()
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                raw = await _read_capped(response)
                status, headers = response.status, response.headers
        except aiohttp.ClientConnectorError as error:
            return PassingTrouble(
                "unreachable", f"Cannot connect to {self.endpoint.base_url}: {error}", reached_provider=False
            )
        except TimeoutError:
            return PassingTrouble("timeout", f"No answer within {self.endpoint.timeout_seconds:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return PassingTrouble("broken_connection", f"The connection broke: {type(error).__name__}")
        if status != 200:
            return _or_raise(failure_of(status, headers, raw, self.endpoint, body))
        latency_ms = round((time.monotonic() - started) * 1000)
        try:
            return _completion(raw, headers, latency_ms)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return _or_raise(_no_completion(raw, self.endpoint, body, type(error).__name__))


def _or_raise(failure: Exception | Failure) -> Failure:
    if isinstance(failure, Exception):
        raise failure
    return failure


async def _read_capped(response: aiohttp.ClientResponse) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        if response.status != 200:
            return b""
        raise Unusable(MALFORMED, "The server sent a compressed body that was not asked for")
    if response.content_length is not None and response.content_length <= MAX_RESPONSE_BYTES:
        return await response.read()
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(64 * 1024):
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            if response.status != 200:
                break
            raise Unusable(MALFORMED, f"The response is larger than {MAX_RESPONSE_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


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
