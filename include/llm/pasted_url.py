"""Base URLs as people paste them, read as they are meant: by the table of providers and a few rules."""

import re
from urllib.parse import urlsplit, urlunsplit

from include.llm.base_url import is_loopback
from include.llm.extras import API_VERSION
from include.llm.providers.table import provider_at

_CALL = re.compile(
    r"/(chat/completions|completions|responses|messages|api/chat|api/generate)$|(?<=/v1)/(models|embeddings)$"
)
_VERSION = re.compile(rf"{API_VERSION}=([\w.-]+)")
# With a port or a path, for a name alone may as well be a key that was pasted in the wrong place.
_BARE = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+|\[[0-9a-f:]+\]|[\w-]+(?=:\d))(:\d+)?(/\S*)?", re.IGNORECASE)


def as_meant(pasted: str) -> tuple[str, dict[str, str]]:
    """A base URL and what of its query is sent with each request; what makes no sense stays as it is.

    Args:
        pasted: perhaps without a scheme, or without the version at its end, or with a call behind it.
    """
    url = pasted.rstrip(".,;")
    bare = _BARE.fullmatch(url)
    try:
        if bare and (bare[3] or bare[4] or provider_at(f"https://{url}").path):
            # A key does not go out in plain text because somebody has left the scheme out.
            url = f"http://{url}" if is_loopback(f"http://{url}") else f"https://{url}"
        parts = urlsplit(url)
    except ValueError:
        return pasted, {}
    if not parts.hostname or "@" in parts.netloc or not url.isprintable():
        return pasted, {}
    path = _CALL.sub("", re.sub("//+", "/", parts.path).rstrip("/"))
    whole = provider_at(url).path
    path = whole if whole.startswith(f"{path}/") else path
    version = _VERSION.fullmatch(parts.query)
    base_url = urlunsplit((parts.scheme, parts.netloc.lower(), path, "" if version else parts.query, parts.fragment))
    return base_url, {API_VERSION: version[1]} if version else {}


def with_version(base_url: str) -> str | None:
    """The base URL that is meant where one without a version is not found; None where it has one."""
    return None if re.search(r"/v\d", urlsplit(base_url).path) else f"{base_url}/v1"
