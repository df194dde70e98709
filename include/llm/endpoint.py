"""Which OpenAI-compatible endpoint is asked, with which key, and in which dialect."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from include.errors import ConfigurationError

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


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint.

    Args:
        base_url: with the `/v1`, without a slash at the end.
        api_key: sent as a bearer token; never shown.
        is_demo: whether this is the bundled local model, whose answers prove the machinery only.
        in_flight: requests that one shard keeps in flight.
    """

    base_url: str
    api_key: str = field(repr=False)
    is_demo: bool
    in_flight: int = REMOTE_IN_FLIGHT

    @property
    def is_openai(self) -> bool:
        """Whether the strict rules of OpenAI's own API hold (api.openai.com and Azure's v1 endpoint)."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "api.openai.com" or host.endswith((".openai.com", ".openai.azure.com"))

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

    Args:
        connection_key, connection_base_url: of the Airflow connection `openai_default`, where there is one.
        environ: `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `NIGHTSHIFT_IN_FLIGHT`, `NIGHTSHIFT_LOCAL_MODEL_URL` (set by
            `make run`).

    Raises:
        ConfigurationError: the base URL is no http(s) URL, or the number in flight is none.
    """
    key = connection_key or environ.get("OPENAI_API_KEY")
    base_url = connection_base_url or environ.get("OPENAI_BASE_URL")
    if not base_url and not key:
        local_url = environ.get("NIGHTSHIFT_LOCAL_MODEL_URL") or LOCAL_MODEL_URL
        return Endpoint(local_url, "local", is_demo=True, in_flight=LOCAL_IN_FLIGHT)
    base_url = (base_url or OPENAI_BASE_URL).rstrip("/")
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"The base URL {base_url!r} is not an http(s) URL. Check OPENAI_BASE_URL or the host of the Airflow "
            "connection openai_default; it looks like https://api.openai.com/v1."
        )
    # Many local servers want a bearer token but take any.
    return Endpoint(base_url, key or "unused", is_demo=False, in_flight=_in_flight(environ.get("NIGHTSHIFT_IN_FLIGHT")))


def _in_flight(value: str | None) -> int:
    if not value:
        return REMOTE_IN_FLIGHT
    if not value.isdigit() or not 1 <= int(value) <= MOST_IN_FLIGHT:
        raise ConfigurationError(f"NIGHTSHIFT_IN_FLIGHT={value!r} is not a whole number from 1 to {MOST_IN_FLIGHT}.")
    return int(value)
