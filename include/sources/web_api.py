"""Ask a provider's JSON API for one page after another: retries, `Retry-After`, and errors that say what to do."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from include.errors import ConfigurationError, RetryLater
from include.llm.client import retry_after_seconds

TIMEOUT_SECONDS = 60.0
MAX_ATTEMPTS = 6
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
# A source that asks for a longer pause is asked again by the task's retry, not by a sleeping worker.
MAX_RETRY_AFTER_SECONDS = 300.0
RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Passing(Exception):
    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class WebApi:
    """One API of one provider.

    Args:
        name: for messages, such as `Zendesk (connection zendesk_default)`.
        base_url: that all paths are below.
        headers: sent with each request; a function is called anew for each, for tokens that expire.
        refused: what to check when the provider answers 401 or 403.
        missing: what to check when it answers 404.
        sleep: for tests.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        auth: tuple[str, str] | None = None,
        refused: str,
        missing: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._headers = headers
        self._refused, self._missing = refused, missing
        self._sleep = sleep
        self._session = requests.Session()
        # A stray HTTP_PROXY or .netrc must not reroute or replace the credentials.
        self._session.trust_env = False
        self._session.auth = auth

    def get_json(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The JSON document at a path below the base URL, or at a full URL on the same host (a link to the next page).

        Raises:
            ConfigurationError: the credentials are refused, or there is nothing at the path.
            RetryLater: the provider failed, or asks for a longer pause than a worker should sleep.
        """
        url = path if path.startswith(f"{self._base_url}/") else f"{self._base_url}/{path.lstrip('/')}"
        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            wait=_wait,
            stop=stop_after_attempt(MAX_ATTEMPTS),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._ask, url, parameters)
        except _Passing as error:
            raise RetryLater(f"{self.name}: {error}. The task's retry goes on from the last page.") from error

    def _ask(self, url: str, parameters: Mapping[str, Any] | None) -> Any:
        try:
            response = self._session.get(
                url, params=parameters, headers=self._headers(), timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise _Passing(f"no answer ({type(error).__name__})") from error
        status = response.status_code
        if status in RETRYABLE_STATUS:
            wait = retry_after_seconds(response.headers)
            if wait is not None and wait > MAX_RETRY_AFTER_SECONDS:
                raise RetryLater(f"{self.name} asks to be left alone for {wait:.0f} s; the task's retry goes on.")
            raise _Passing(f"it answered {status}", wait)
        if status in (401, 403):
            raise ConfigurationError(f"{self.name} refuses the credentials ({status}). {self._refused}")
        if status in (404, 410):
            raise ConfigurationError(
                f"{self.name} has nothing at {response.request.path_url} ({status}). {self._missing}"
            )
        if status != 200:
            raise ConfigurationError(f"{self.name} answered {status} to {response.request.path_url}. {self._missing}")
        try:
            return response.json()
        except ValueError as error:
            raise _Passing("the answer is no JSON") from error


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Passing) and error.wait_seconds is not None:
        return error.wait_seconds
    return float(min(FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1), LONGEST_WAIT_SECONDS))
