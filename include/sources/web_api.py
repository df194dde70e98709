"""Ask a provider's JSON API for one page after another: retries, `Retry-After`, and errors that say what to do."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from include.errors import ConfigurationError, RetryLater
from include.limits.headers import retry_after_seconds
from include.text.address import without_signature
from include.text.clean import clean_text

CONNECT_SECONDS = 15.0
# Between two pieces of an answer, and for the whole of it: a server that drips never runs into the first.
READ_SECONDS = 60.0
ANSWER_SECONDS = 300.0
# Pages of hundreds of texts have a few megabytes; packed, a small answer may become a huge one.
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ATTEMPTS = 6
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
# A source that asks for a longer pause is asked again by the task's retry, not by a sleeping worker.
MAX_RETRY_AFTER_SECONDS = 300.0
# A service that signs its own tokens is known to refuse a good one now and then (microsoft/asconnect#8).
MAX_REFUSALS = 3
RETRYABLE_STATUS = frozenset({408, 425, 429, *range(500, 600)})
_PIECE_BYTES = 64 * 1024
_SAID_CHARACTERS = 300
# Google and others say so with a 403 too.
_QUOTA = re.compile(rb"rate.?limit|quota", re.IGNORECASE)
_MESSAGE = re.compile(r"<Message>([^<]+)</Message>")


class RequestRefused(ConfigurationError):
    """The provider refuses the request itself (400, 410 or 422): a wrong setting, or a cursor that has expired."""


class NothingThere(ConfigurationError):
    """There is nothing at the path (404): a wrong setting, or something that was deleted since it was listed."""


class _Passing(Exception):
    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


@dataclass
class WebApi:
    """One API of one provider.

    Args:
        name: for messages, such as `Zendesk (connection zendesk_default)`.
        base_url: that all paths are below.
        headers: sent with each request; a function is called anew for each, for tokens that expire.
        renew: called at a 401, so that `headers` makes a new token; the request is then made again, up to
            `MAX_REFUSALS` times in a row. None: a 401 is final.
        auth: user and password for HTTP basic authentication.
        refused: what to check when the provider answers 401 or 403; None: it asks for no credentials, so these say
            that it was asked too often.
        missing: what to check when it answers 404, or that the request is wrong.
        asked_pause: seconds that the headers of a 429 or 5xx ask for, if any.
        sleep, clock: for tests.
    """

    name: str
    base_url: str
    _: KW_ONLY
    refused: str | None
    missing: str
    headers: Callable[[], Mapping[str, str]] = dict
    renew: Callable[[], None] | None = None
    auth: tuple[str, str] | None = None
    asked_pause: Callable[[Mapping[str, str]], float | None] = retry_after_seconds
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.base_url, self._refusals = self.base_url.rstrip("/"), 0
        self._session = requests.Session()
        # A stray HTTP_PROXY or .netrc must not reroute or replace the credentials.
        self._session.trust_env = False
        self._session.auth = self.auth

    def get_json(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The JSON document at a path below the base URL, or at a full URL below it (a link to the next page).

        Raises:
            ConfigurationError: the credentials are refused, or the link leads elsewhere.
            NothingThere: there is nothing at the path.
            RequestRefused: the request itself is refused, such as a cursor that has expired.
            RetryLater: the provider failed, or asks for a longer pause than a worker should sleep.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            wait=_wait,
            stop=stop_after_attempt(MAX_ATTEMPTS),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(self._document, self._url(path), parameters)
        except _Passing as error:
            raise RetryLater(f"{self.name}: {error}. The task's retry goes on from the last page.") from error

    def _url(self, path: str) -> str:
        if path.startswith(f"{self.base_url}/"):
            return path
        if "://" in path:
            # The credentials would go there too.
            raise ConfigurationError(
                f"{self.name} links to {urlsplit(path).netloc!r}, which is not below {self.base_url!r}. "
                "Check that the address is the provider's own."
            )
        return f"{self.base_url}/{path.lstrip('/')}"

    def _document(self, url: str, parameters: Mapping[str, Any] | None) -> Any:
        body = self._ask(url, parameters)
        try:
            # One damaged letter in one review must not hold back the whole page, and all pages after it, for ever.
            return json.loads(body.decode(json.detect_encoding(body), "replace"), strict=False)
        except (ValueError, RecursionError) as error:
            raise _Passing("the answer is no JSON") from error

    def _ask(self, url: str, parameters: Mapping[str, Any] | None) -> bytes:
        headers = self.headers()
        try:
            with self._session.get(
                url,
                params=parameters,
                headers=headers,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._body(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _Passing(
                f"no answer from {urlsplit(url).netloc} ({type(error).__name__}), which this machine has to reach "
                "without a proxy"
            ) from error
        if response.status_code != 200:
            raise self._failure(response, body)
        self._refusals = 0
        return body

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        deadline = self.clock() + ANSWER_SECONDS
        while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise RetryLater(f"{self.name} answered with more than {MAX_ANSWER_BYTES:,} bytes.")
            if self.clock() > deadline:
                raise _Passing(f"the answer took longer than {ANSWER_SECONDS:.0f} s")
        return bytes(body)

    def _failure(self, response: requests.Response, body: bytes) -> Exception:
        """What an answer other than 200 means."""
        status, place = response.status_code, urlsplit(response.url).path
        is_refusal = status in (401, 403) and self.refused is not None
        if status in RETRYABLE_STATUS or (status in (401, 403) and not is_refusal) or _is_over_quota(status, body):
            wait = self.asked_pause(response.headers)
            if wait is not None and wait > MAX_RETRY_AFTER_SECONDS:
                return RetryLater(f"{self.name} asks for a pause of {wait:,.0f} s or more; the task's retry goes on.")
            return _Passing(f"it answered {status}{said(body)}", wait)
        if is_refusal:
            message = f"{self.name} refuses the credentials ({status}). {self.refused}{said(body)}"
            self._refusals += 1
            if status == 403 or self.renew is None or self._refusals >= MAX_REFUSALS:
                return ConfigurationError(message)
            self.renew()
            return _Passing(message)
        if status == 404:
            return NothingThere(f"{self.name} has nothing at {place} (404). {self.missing}{said(body)}")
        message = f"{self.name} answered {status} to {place}. {self.missing}{said(body)}"
        return RequestRefused(message) if status in (400, 410, 422) else ConfigurationError(message)


def _is_over_quota(status: int, body: bytes) -> bool:
    return status == 403 and bool(_QUOTA.search(body))


def said(body: bytes) -> str:
    """The provider's own reason, where it gives one as JSON or as stores do: most are more to the point than any guess.

    Args:
        body: or its beginning.
    """
    text = " ".join(clean_text(body[: 4 * _SAID_CHARACTERS].decode("utf-8", "replace")).split())
    # Of what a store says in XML no more: the rest repeats the signature and what was signed.
    message = _MESSAGE.search(text)
    words = message[1] if message else text if text.startswith("{") else ""
    return f" It says: {without_signature(words[:_SAID_CHARACTERS])}" if words else ""


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Passing) and error.wait_seconds is not None:
        return error.wait_seconds
    return float(min(FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1), LONGEST_WAIT_SECONDS))
