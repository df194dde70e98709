"""One HTTP call to `POST /chat/completions`, and how it ended.

The body is encoded beforehand and the answer is parsed once: the SDK's walk through its response types costs five
times the call itself.
"""

import time
from typing import Any

import aiohttp
import orjson
from yarl import URL

from include.errors import EndpointUnusable
from include.llm.completion import Completion, read_completion
from include.llm.endpoint import Endpoint
from include.llm.providers.provider_errors import MALFORMED, Failure, Unusable, failure_of
from include.llm.transport import CONNECT_SECONDS, refused_by_proxy, tls_context, trouble_on_the_way

# An answer of a few hundred tokens is a few KB; more than this is a broken or hostile server.
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
# Nothing waits longer for what is good to know and not needed.
MOST_SECONDS_TO_GET = 10.0


class NotFound(EndpointUnusable):
    """404: there is no such path, or no such model."""


class ChatClient:
    """Asks one endpoint. Use as an async context manager; holds at most `in_flight` connections."""

    def __init__(self, endpoint: Endpoint, in_flight: int) -> None:
        self.endpoint = endpoint
        self._in_flight = in_flight
        # Parsed once: a URL in text is parsed at every call.
        self._url = self._url_of("chat/completions")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "ChatClient":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._in_flight, ssl=tls_context(self.endpoint)),
            # `total` is a deadline around the whole call: a server that drips bytes outlives any read timeout.
            timeout=aiohttp.ClientTimeout(total=self.endpoint.timeout_seconds, sock_connect=CONNECT_SECONDS),
            headers={
                **self.endpoint.headers,
                **self.endpoint.authorization,
                "Content-Type": "application/json",
                # A few hundred KB of gzip can become hundreds of MB.
                "Accept-Encoding": "identity",
            },
            auto_decompress=False,
            # A stray HTTP_PROXY must not reroute the key.
            trust_env=False,
            proxy=self.endpoint.proxy,
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
            EndpointUnusable: 401, 404, a redirect, a used-up quota, a certificate or a proxy that is in the way.
        """
        session = self._open_session()
        started = time.monotonic()
        try:
            async with session.post(self._url, data=body, allow_redirects=False) as response:
                raw = await _read_capped(response)
                status, headers = response.status, response.headers
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return _or_raise(trouble_on_the_way(error, self.endpoint))
        if status == 407 and self.endpoint.proxy:
            return _or_raise(refused_by_proxy(status, response.reason or "", self.endpoint))
        if status != 200:
            failure = failure_of(status, headers, raw, self.endpoint, body)
            is_missing = status == 404 and isinstance(failure, EndpointUnusable)
            return _or_raise(NotFound(str(failure)) if is_missing else failure)
        latency_ms = round((time.monotonic() - started) * 1000)
        return _or_raise(read_completion(raw, headers, latency_ms, self.endpoint, body))

    async def get_json(self, path: str) -> dict[str, Any] | None:
        """What the endpoint says at another of its paths; None when it says nothing of use.

        Args:
            path: below the base URL, quoted, such as `models/gpt-6-luna`.
        """
        deadline = aiohttp.ClientTimeout(total=min(MOST_SECONDS_TO_GET, self.endpoint.timeout_seconds))
        try:
            async with self._open_session().get(
                self._url_of(path), allow_redirects=False, timeout=deadline
            ) as response:
                found = orjson.loads(await _read_capped(response)) if response.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, Unusable):
            return None
        return found if isinstance(found, dict) else None

    def _url_of(self, path: str) -> URL:
        return URL(f"{self.endpoint.base_url}/{path}").update_query(self.endpoint.query)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Use ChatClient as `async with`.")
        return self._session


def _or_raise(outcome: Completion | Failure | Exception) -> Completion | Failure:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


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
