"""Which OpenAI-compatible endpoint is asked, and with which key."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from include.errors import ConfigurationError
from include.llm.base_url import check_base_url, check_key, cleaned, is_same_place

OPENAI_BASE_URL = "https://api.openai.com/v1"
LOCAL_MODEL = "smollm2-135m-instruct"
LOCAL_MODEL_URL = "http://127.0.0.1:8089/v1"
# The local model decodes a few requests at a time on CPU; more in flight would only wait in its queue.
LOCAL_IN_FLIGHT = 4
LOCAL_TIMEOUT_SECONDS = 600.0
# Enough to fill a 500 requests a second quota at 100 ms an answer.
REMOTE_IN_FLIGHT = 64
# Each is a socket, and the usual limit of a process is 1,024.
MOST_IN_FLIGHT = 900
# Structured answers of a few hundred tokens come within seconds; two minutes is a hung call.
REMOTE_TIMEOUT_SECONDS = 120.0
# Shorter ones are words that any sentence may hold.
SHORTEST_SECRET = 8
CONNECTION_KEY = "the password of the Airflow connection openai_default"
CONNECTION_URL = "the host of the Airflow connection openai_default"


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint.

    Args:
        base_url: with the `/v1`, without a slash at the end.
        api_key: sent as a bearer token; None: none is sent. Never shown.
        is_demo: whether this is the bundled local model, whose answers prove the machinery only.
        in_flight: requests that one shard keeps in flight.

    Raises:
        ConfigurationError: URL or key is of a kind that is never asked, see `base_url.py`.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    is_demo: bool
    in_flight: int = REMOTE_IN_FLIGHT

    def __post_init__(self) -> None:
        check_base_url(self.base_url, f"OPENAI_BASE_URL or {CONNECTION_URL}")
        if self.api_key is not None:
            check_key(self.api_key, f"OPENAI_API_KEY or {CONNECTION_KEY}")

    @property
    def address(self) -> str:
        """Host[:port], for people and for the lake."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def is_openai(self) -> bool:
        """Whether the strict rules of OpenAI's own API hold (api.openai.com and Azure's v1 endpoint)."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "api.openai.com" or host.endswith((".openai.com", ".openai.azure.com"))

    @property
    def authorization(self) -> dict[str, str]:
        """The header that holds the key; none where there is no key."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}

    def without_key(self, words: str) -> str:
        """An endpoint's own words, which may repeat the key that they refuse, as they may be shown and stored."""
        if self.api_key is None or len(self.api_key) < SHORTEST_SECRET:
            return words
        return words.replace(self.api_key, "***")

    @property
    def timeout_seconds(self) -> float:
        """Deadline around one whole call, from connecting to the last byte."""
        return LOCAL_TIMEOUT_SECONDS if self.is_demo else REMOTE_TIMEOUT_SECONDS


def resolve_endpoint(
    connection_key: str | None = None,
    connection_base_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Endpoint:
    """The endpoint of a run: the Airflow connection's, else the environment's, else the bundled local model.

    The environment's key goes to the environment's base URL (api.openai.com when unset) and nowhere else: a connection
    that names another host and no key is asked without one.

    Args:
        connection_key, connection_base_url: of the Airflow connection `openai_default`, where there is one.
        environ: `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `NIGHTSHIFT_IN_FLIGHT`, `NIGHTSHIFT_LOCAL_MODEL_URL` (set by
            `make run`).

    Raises:
        ConfigurationError: base URL or key cannot be used, or the number in flight is none.
    """
    own_url = cleaned(environ.get("OPENAI_BASE_URL"))
    connection_url = cleaned(connection_base_url)
    base_url = connection_url or own_url or OPENAI_BASE_URL
    check_base_url(base_url, CONNECTION_URL if connection_url else "OPENAI_BASE_URL")
    key, setting = cleaned(connection_key), CONNECTION_KEY
    if key is None and is_same_place(base_url, own_url or OPENAI_BASE_URL):
        key, setting = cleaned(environ.get("OPENAI_API_KEY")), "OPENAI_API_KEY"
    if key is not None:
        check_key(key, setting)
    elif not connection_url and not own_url:
        local_url = environ.get("NIGHTSHIFT_LOCAL_MODEL_URL") or LOCAL_MODEL_URL
        return Endpoint(local_url, None, is_demo=True, in_flight=LOCAL_IN_FLIGHT)
    in_flight = _in_flight(environ.get("NIGHTSHIFT_IN_FLIGHT"))
    return Endpoint(base_url.rstrip("/"), key, is_demo=False, in_flight=in_flight)


def _in_flight(value: str | None) -> int:
    if not value:
        return REMOTE_IN_FLIGHT
    if not value.isdigit() or not 1 <= int(value) <= MOST_IN_FLIGHT:
        raise ConfigurationError(f"NIGHTSHIFT_IN_FLIGHT={value!r} is not a whole number from 1 to {MOST_IN_FLIGHT}.")
    return int(value)
