"""What a connection and the environment add to each request: headers, query, proxy, deadline.

The names are those of the openai client, https://github.com/openai/openai-python: `default_headers`, `default_query`,
`organization`, `project` and `timeout` in the connection's extra, `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID` and
`OPENAI_CUSTOM_HEADERS` in the environment. Values are never shown: any of them may be a secret.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, Field, ValidationError

from include.errors import ConfigurationError
from include.llm.base_url import cleaned, is_loopback

# Azure's, a date.
API_VERSION = "api-version"
# What these and the version say is no secret; masked in all logs it would make them hard to read.
PLAIN_HEADERS = frozenset(
    {"openai-organization", "openai-project", "openai-beta", "http-referer", "x-title", "user-agent", "accept"}
)
_EXTRA = "the extra of the Airflow connection openai_default"
_HEADERS = f"{_EXTRA}, or in OPENAI_CUSTOM_HEADERS, OPENAI_ORG_ID or OPENAI_PROJECT_ID,"
# RFC 9110: a token; of the values what every server reads alike.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]+")
# Ours, or HTTP's own: another length, coding or host would be another request.
_TAKEN = frozenset(
    {"authorization", "content-type", "content-length", "host", "connection", "transfer-encoding", "accept-encoding"}
    | {"proxy-authorization", "te", "trailer", "upgrade", "expect"}
)


class _Extra(BaseModel):
    default_headers: dict[str, str | None] = {}
    default_query: dict[str, str | int | float | None] = {}
    organization: str | None = None
    project: str | None = None
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    proxy: str | None = None


def extras_of(
    extra: Mapping[str, Any], environ: Mapping[str, str], gets_key: bool, base_url: str, query: Mapping[str, str]
) -> dict[str, Any]:
    """`headers`, `query`, `proxy` and `timeout_seconds` of an endpoint.

    Args:
        extra: of the connection. A `proxy` that is empty says that its endpoint is reached without the environment's.
        gets_key: whether the endpoint gets the environment's key, and so its organisation, project and headers too.
        query: of the base URL, where the connection says nothing else.

    Raises:
        ConfigurationError: one of them is no such thing. The message does not show it.
    """
    try:
        own = _Extra.model_validate(extra)
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]
        raise ConfigurationError(f"{wrong['loc'][0]} in {_EXTRA} is wrong: {wrong['msg']}. Correct it.") from None
    environs = environ if gets_key else {}
    sent: list[tuple[str, str | None]] = []
    for line in environs.get("OPENAI_CUSTOM_HEADERS", "").split("\n"):
        name, colon, value = line.partition(":")
        sent += [(name, value)] if colon else []
    sent += [("OpenAI-Organization", environs.get("OPENAI_ORG_ID")), ("OpenAI-Organization", own.organization)]
    sent += [("OpenAI-Project", environs.get("OPENAI_PROJECT_ID")), ("OpenAI-Project", own.project)]
    sent += own.default_headers.items()
    by_name = {name.strip().lower(): (name.strip(), value.strip()) for name, value in sent if value and value.strip()}
    return {
        "headers": dict(by_name.values()),
        "query": {name: str(value) for name, value in {**query, **own.default_query}.items() if value is not None},
        "proxy": _proxy(own.proxy, environ.get("NIGHTSHIFT_PROXY"), base_url),
        "timeout_seconds": own.timeout or 0.0,
    }


def check_headers(headers: Mapping[str, str], authorization: Mapping[str, str]) -> None:
    """Refuse headers that cannot be sent, or that would take the place of one of ours.

    Args:
        authorization: what holds the key.

    Raises:
        ConfigurationError: the message names the header, without its value.
    """
    ours = _TAKEN | {name.lower() for name in authorization}
    for name, value in headers.items():
        is_name = _NAME.fullmatch(name) is not None
        said = f"The header {name if is_name else ''} in {_HEADERS}"
        if name.lower() in ours:
            raise ConfigurationError(
                f"{said} is Nightshift's own. Take it out: a key goes into OPENAI_API_KEY or the password of the "
                "connection, a proxy's password into NIGHTSHIFT_PROXY."
            )
        if not is_name or not _VALUE.fullmatch(value):
            raise ConfigurationError(f"{said} holds a line end or a letter that no header has. Correct it.")


def _proxy(own: str | None, environs: str | None, base_url: str) -> str | None:
    given, setting = (environs, "NIGHTSHIFT_PROXY") if own is None else (own, f"proxy in {_EXTRA}")
    proxy = cleaned(given)
    if proxy is None:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(proxy)
        user = unquote(parts.username or "")
        # Both stand in a header, and the HTTP library would refuse them with the password in its message.
        f"{user}{unquote(parts.password or '')}".encode("latin-1")
        is_place = bool(parts.hostname) and parts.port != 0 and parts.path in ("", "/") and ":" not in user
        is_proxy = is_place and parts.scheme in ("http", "https") and not re.search(r"[?#\s]", proxy)
    except ValueError:
        is_proxy = False
    if not is_proxy:
        raise ConfigurationError(
            f"{setting} is not the URL of an http(s) proxy (SOCKS is not spoken); it looks like "
            "http://user:password@proxy.company.com:3128. A @ : / # or % in the password is written as %40 %3A %2F "
            "%23 or %25."
        )
    # What is on this machine no proxy leads to.
    return None if is_loopback(base_url) else proxy
