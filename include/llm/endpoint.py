"""Which OpenAI-compatible endpoint is asked, and with which key."""

import functools
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from include.errors import ConfigurationError
from include.llm.base_url import check_base_url, check_key, cleaned, is_same_place
from include.llm.extras import API_VERSION, PLAIN_HEADERS, check_headers, extras_of
from include.llm.pasted_url import as_meant
from include.llm.providers.dialect_settings import dialect_settings
from include.llm.providers.table import provider_at

log = logging.getLogger(__name__)

OPENAI_BASE_URL = "https://api.openai.com/v1"
LOCAL_MODEL = "smollm2-135m-instruct"
LOCAL_MODEL_URL = "http://127.0.0.1:8089/v1"
# The name under which answers stand that people wrote for the texts of `make run`; no model has it.
RECORDED_MODEL = "recorded-answers"
# The local model decodes a few requests at a time on CPU; more in flight would only wait in its queue.
LOCAL_IN_FLIGHT = 4
LOCAL_TIMEOUT_SECONDS = 600.0
# Few, so that a run of two dozen texts is seen at work.
RECORDED_IN_FLIGHT = 8
# Enough to fill a 500 requests a second quota at 100 ms an answer.
REMOTE_IN_FLIGHT = 64
# Each is a socket, and the usual limit of a process is 1,024.
MOST_IN_FLIGHT = 900
# Structured answers of a few hundred tokens come within seconds; two minutes is a hung call.
REMOTE_TIMEOUT_SECONDS = 120.0
# Shorter ones are words that any sentence may hold.
SHORTEST_SECRET = 8
# Of a token, such as one of Entra, which is a bearer token also where a key has a header of its own.
_JWT = "eyJ"
CONNECTION_KEY = "the password of the Airflow connection openai_default"
CONNECTION_EXTRA = "the extra of the Airflow connection openai_default"
CONNECTION_URL = "the host of the Airflow connection openai_default"


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint.

    Args:
        base_url: with the `/v1`, without a slash at the end.
        api_key: sent as a bearer token, and as Azure wants it; None: none is sent. Never shown.
        is_demo: whether this is the bundled local model, whose answers prove the machinery only.
        in_flight: requests that one shard keeps in flight.
        is_recorded: whether answers are replayed that people wrote; no model is asked.
        headers, query: sent with each request. Never shown.
        proxy: URL of the http(s) proxy on the way, with user and password if it has any. Never shown.
        timeout_seconds: deadline around one whole call, from connecting to the last byte; 0: the usual one.
        dialect: how its models are asked, as far as a person has set it, see `providers/dialect_settings.py`.

    Raises:
        ConfigurationError: URL, key or header is of a kind that is never sent, see `base_url.py` and `extras.py`.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    is_demo: bool
    in_flight: int = REMOTE_IN_FLIGHT
    is_recorded: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)
    timeout_seconds: float = 0.0
    dialect: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_base_url(self.base_url, f"OPENAI_BASE_URL or {CONNECTION_URL}")
        if self.api_key is not None:
            check_key(self.api_key, f"OPENAI_API_KEY or {CONNECTION_KEY}")
        check_headers(self.headers, self.authorization)
        if not self.timeout_seconds:
            usual = LOCAL_TIMEOUT_SECONDS if self.is_demo else REMOTE_TIMEOUT_SECONDS
            object.__setattr__(self, "timeout_seconds", usual)

    @property
    def address(self) -> str:
        """Host[:port], for people and for the lake."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def proxy_address(self) -> str:
        """Host[:port] of the proxy, for people; nothing where there is none."""
        return urlsplit(self.proxy or "").netloc.rpartition("@")[2]

    @property
    def comes_along(self) -> bool:
        """Whether it is a server of `make run`: nobody has set an endpoint."""
        return self.is_demo or self.is_recorded

    def check_model(self, model: str) -> None:
        """Refuse to ask for recorded answers where there are none.

        Raises:
            ConfigurationError: only answers that are replayed may stand under that name, and all that are must.
        """
        if (model == RECORDED_MODEL) != self.is_recorded:
            raise ConfigurationError(
                f"{RECORDED_MODEL} is the name of the answers that `make run` replays while no endpoint is set, and of "
                f"no model: {self.base_url} is not asked for {model}. Choose a model in NIGHTSHIFT_MODEL or the form."
            )

    @property
    def authorization(self) -> dict[str, str]:
        """The header that holds the key; none where there is no key."""
        if self.api_key is None:
            return {}
        own_header = provider_at(self.base_url).key_header
        if own_header and not self.api_key.startswith(_JWT):
            return {own_header: self.api_key}
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def secrets(self) -> list[str]:
        """What must not be shown or stored, longest first."""
        proxy = urlsplit(self.proxy or "")
        headers = (value for name, value in self.headers.items() if name.lower() not in PLAIN_HEADERS)
        query = (value for name, value in self.query.items() if name != API_VERSION)
        found = {self.api_key, proxy.password, unquote(proxy.password or ""), *headers, *query}
        return sorted((one for one in found if one and len(one) >= SHORTEST_SECRET), key=len, reverse=True)

    def without_key(self, words: str) -> str:
        """An endpoint's own words, which may repeat the key that they refuse, as they may be shown and stored."""
        for secret in self.secrets:
            words = words.replace(secret, "***")
        return words


def resolve_endpoint(
    connection_key: str | None = None,
    connection_base_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
    model: str | None = None,
    extra: Mapping[str, Any] = MappingProxyType({}),
) -> Endpoint:
    """The endpoint of a run: the Airflow connection's, else the environment's, else one of the two of `make run`.

    Of these the recorded answers are the default where they are served, and any model that is named is the bundled
    one. Where a connection, a key or a base URL is set nothing is replayed.

    The environment's key, organisation, project and headers go to the environment's base URL (api.openai.com when
    unset) and nowhere else: a connection that names another host and no key is asked without one.

    Args:
        connection_key, connection_base_url: of the Airflow connection `openai_default`, where there is one.
        environ: `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `NIGHTSHIFT_IN_FLIGHT`, `NIGHTSHIFT_MODEL`, `NIGHTSHIFT_PROXY`,
            `NIGHTSHIFT_DIALECT`, what `extras.py` names, and, set by `make run`, `NIGHTSHIFT_LOCAL_MODEL_URL` and
            `NIGHTSHIFT_RECORDED_URL`.
        model: of the run; None: the deployment's.
        extra: of the connection, with what stands in `openai_client_kwargs` at its top.

    Raises:
        ConfigurationError: base URL, key, header, proxy or dialect cannot be used, the number in flight is none, or
            recorded answers are asked for and not served.
    """
    own_url, connection_url = cleaned(environ.get("OPENAI_BASE_URL")), cleaned(connection_base_url)
    pasted = connection_url or own_url or OPENAI_BASE_URL
    base_url, query = as_meant(pasted)
    check_base_url(base_url, CONNECTION_URL if connection_url else "OPENAI_BASE_URL")
    if base_url != pasted.rstrip("/"):
        _say_what_is_meant(base_url)
    key, setting = cleaned(connection_key), CONNECTION_KEY
    is_environs = key is None and is_same_place(base_url, as_meant(own_url or OPENAI_BASE_URL)[0])
    if is_environs:
        key, setting = cleaned(environ.get("OPENAI_API_KEY")), "OPENAI_API_KEY"
    if key is not None:
        check_key(key, setting)
    wanted = model or environ.get("NIGHTSHIFT_MODEL")
    if key is not None or connection_url or own_url:
        in_flight = _in_flight(environ.get("NIGHTSHIFT_IN_FLIGHT"))
        extras = extras_of(extra, environ, is_environs, base_url, query)
        endpoint = Endpoint(base_url, key, is_demo=False, in_flight=in_flight, **extras)
    elif connection_key is not None or connection_base_url is not None:
        raise ConfigurationError("The Airflow connection openai_default names neither host nor key. Correct it.")
    elif (url := environ.get("NIGHTSHIFT_RECORDED_URL")) and wanted in (None, "", RECORDED_MODEL):
        endpoint = Endpoint(url, None, is_demo=False, in_flight=RECORDED_IN_FLIGHT, is_recorded=True)
    else:
        url = environ.get("NIGHTSHIFT_LOCAL_MODEL_URL") or LOCAL_MODEL_URL
        endpoint = Endpoint(url, None, is_demo=True, in_flight=LOCAL_IN_FLIGHT)
    if wanted:
        endpoint.check_model(wanted)
    return replace(endpoint, dialect=_dialect(extra, environ))


def _dialect(extra: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    own = dialect_settings(environ.get("NIGHTSHIFT_DIALECT"), "NIGHTSHIFT_DIALECT")
    return {**own, **dialect_settings(extra.get("dialect"), f"dialect in {CONNECTION_EXTRA}")}


@functools.cache
def _say_what_is_meant(base_url: str) -> None:
    log.info("The base URL as it was set is read as %s", base_url)


def _in_flight(value: str | None) -> int:
    if not value:
        return REMOTE_IN_FLIGHT
    if not value.isdigit() or not 1 <= int(value) <= MOST_IN_FLIGHT:
        raise ConfigurationError(f"NIGHTSHIFT_IN_FLIGHT={value!r} is not a whole number from 1 to {MOST_IN_FLIGHT}.")
    return int(value)
