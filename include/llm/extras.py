"""What a connection and the environment add to each request: headers, query, proxy, deadline.

The names are those of the openai client, https://github.com/openai/openai-python: `default_headers`, `default_query`,
`organization`, `project` and `timeout` in the connection's extra, `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID` and
`OPENAI_CUSTOM_HEADERS` in the environment. Values are never shown: any of them may be a secret.
"""

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from include.errors import ConfigurationError
from include.llm.base_url import cleaned, is_loopback

ORGANIZATION, PROJECT = "OpenAI-Organization", "OpenAI-Project"
# Azure's, a date.
API_VERSION = "api-version"
# What these and the version say is no secret; masked in all logs it would make them hard to read.
PLAIN_HEADERS = frozenset(
    {"openai-organization", "openai-project", "openai-beta", "http-referer", "x-title", "user-agent", "accept"}
)
_EXTRA = "the extra of the Airflow connection openai_default"
_HEADERS = f"default_headers in {_EXTRA}, or OPENAI_CUSTOM_HEADERS"
# RFC 9110: a token; of the values what every server reads alike.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]+")
# Ours, or HTTP's own: another length, coding or host would be another request.
_TAKEN = frozenset(
    {"authorization", "content-type", "content-length", "host", "connection", "transfer-encoding", "accept-encoding"}
    | {"proxy-authorization", "te", "trailer", "upgrade", "expect"}
)


def headers_of(extra: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Headers that a connection, and the environment where its key goes too, ask for.

    Raises:
        ConfigurationError: `default_headers` is no object of texts.
    """
    custom = environ.get("OPENAI_CUSTOM_HEADERS", "")
    sent: list[tuple[str, Any]] = [line.partition(":")[::2] for line in custom.split("\n") if ":" in line]
    for name, variable, key in (
        (ORGANIZATION, "OPENAI_ORG_ID", "organization"),
        (PROJECT, "OPENAI_PROJECT_ID", "project"),
    ):
        sent += [(name, environ.get(variable)), (name, extra.get(key))]
    sent += _object(extra, "default_headers").items()
    found: dict[str, tuple[str, str]] = {}
    for name, value in sent:
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(f"The header {name} in {_EXTRA} must be a text.")
        if value and value.strip():
            found[name.strip().lower()] = (name.strip(), value.strip())
    return dict(found.values())


def check_headers(headers: Mapping[str, str], authorization: Mapping[str, str]) -> None:
    """Refuse headers that cannot be sent, or that would take the place of one of ours.

    Args:
        authorization: what holds the key.

    Raises:
        ConfigurationError: the message names the header, without its value.
    """
    ours = _TAKEN | {name.lower() for name in authorization}
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"A header in {_HEADERS} has a name that no header has. Correct it.")
        if name.lower() in ours:
            raise ConfigurationError(
                f"The header {name} is Nightshift's own, and is set in {_HEADERS}. Take it out; a key goes into "
                "OPENAI_API_KEY or the password of the connection, a proxy's password into NIGHTSHIFT_PROXY."
            )
        if not _VALUE.fullmatch(value):
            raise ConfigurationError(
                f"The header {name} in {_HEADERS} holds a line end or a letter that is not ASCII. Correct it."
            )


def query_of(extra: Mapping[str, Any]) -> dict[str, str]:
    """`default_query`, which stands behind the `?` of each request.

    Raises:
        ConfigurationError: it is no object of texts and numbers.
    """
    given = {name: value for name, value in _object(extra, "default_query").items() if value is not None}
    if any(isinstance(value, bool) or not isinstance(value, str | int | float) for value in given.values()):
        raise ConfigurationError(f"default_query in {_EXTRA} holds something else than texts and numbers. Correct it.")
    return {name: str(value) for name, value in given.items()}


def timeout_of(extra: Mapping[str, Any]) -> float:
    """`timeout` in seconds; 0 where it is not set.

    Raises:
        ConfigurationError: it is no positive number.
    """
    given = extra.get("timeout")
    if given is None:
        return 0.0
    try:
        seconds = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ConfigurationError(f"timeout in {_EXTRA} is not a positive number of seconds, such as 300. Correct it.")
    return seconds


def proxy_of(extra: Mapping[str, Any], environ: Mapping[str, str], base_url: str) -> str | None:
    """The proxy on the way to an endpoint: the connection's `proxy`, else `NIGHTSHIFT_PROXY`; none to this machine.

    An empty text in the connection says that its endpoint is reached without the environment's.

    Raises:
        ConfigurationError: it is no URL of an http(s) proxy. It is not shown, for it may hold a password.
    """
    setting, given = f"proxy in {_EXTRA}", extra.get("proxy")
    if given is None:
        setting, given = "NIGHTSHIFT_PROXY", environ.get("NIGHTSHIFT_PROXY")
    proxy = cleaned(str(given or ""))
    if proxy is None:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    _check_proxy(proxy, setting)
    return None if is_loopback(base_url) else proxy


def _check_proxy(proxy: str, setting: str) -> None:
    try:
        parts = urlsplit(proxy)
        user = unquote(parts.username or "")
        # Both stand in a header, and the HTTP library would refuse them with the password in its message.
        f"{user}{unquote(parts.password or '')}".encode("latin-1")
        is_place = bool(parts.hostname) and parts.port != 0 and parts.path in ("", "/") and ":" not in user
        is_proxy = is_place and not re.search(r"[?#\s]", proxy) and proxy.isprintable()
    except ValueError:
        is_proxy = False
    if is_proxy and parts.scheme.startswith("socks"):
        raise ConfigurationError(
            f"{setting} names a SOCKS proxy, which Nightshift does not speak to. Name one that takes CONNECT, such as "
            "http://proxy.company.com:3128."
        )
    if not is_proxy or parts.scheme not in ("http", "https"):
        raise ConfigurationError(
            f"{setting} is not the URL of an http(s) proxy; it looks like http://user:password@proxy.company.com:3128. "
            "A letter such as @ : / # % in its password is written as %40 %3A %2F %23 %25."
        )


def _object(extra: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = extra.get(name) or {}
    if not isinstance(found, Mapping):
        raise ConfigurationError(f'{name} in {_EXTRA} is no JSON object, such as {{"name": "value"}}. Correct it.')
    return found
