"""Whether a base URL may be asked, and where a key may go.

A base URL or a key that is wrong is never shown: one may hold a password, or be pasted in the place of the other.
"""

import ipaddress
import re
import socket
import string
from urllib.parse import SplitResult, urlsplit

from include.errors import ConfigurationError
from include.llm.providers.table import with_page

# What comes along when a value is pasted, or read from a file.
_AROUND = string.whitespace + "\"'`“”‘’„«»\xa0\u200b\ufeff"
_KEY = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?")
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
# Of AWS and Google over IPv6, Azure and Alibaba; the others' are link-local.
_METADATA_ADDRESSES = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200"))
)
# IPv6 networks whose addresses hold an IPv4 one: compatible, mapped (RFC 4291), translated (RFC 6052).
_HOLDS_IPV4 = tuple(map(ipaddress.ip_network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96")))
_DEFAULT_PORTS = {"http": 80, "https": 443}


def cleaned(value: str | None) -> str | None:
    """A key or URL without the white space and the quotes around it; None when nothing is left."""
    return (value or "").strip(_AROUND) or None


def check_key(key: str, setting: str) -> None:
    """Refuse a key that cannot stand in a header.

    Args:
        setting: where it comes from.

    Raises:
        ConfigurationError: the HTTP library would refuse it too, with the key in its message.
    """
    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            f"The key in {setting} holds a character that no key has, such as a space, a line end or a typographic "
            "quote. Copy it once more from the provider's page."
        )


def check_base_url(base_url: str, setting: str) -> None:
    """Refuse a base URL that cannot be asked, or must not be.

    Args:
        setting: where it comes from.

    Raises:
        ConfigurationError: no http(s) URL; user and password, a query or a fragment in it; an address that is
            link-local or of a cloud's metadata service, however it is spelt; a page for people.
    """
    parts = _split(base_url)
    if parts is None or not base_url.isprintable() or " " in base_url:
        raise ConfigurationError(
            f"The base URL in {setting} is not an http(s) URL; it looks like https://api.openai.com/v1."
        )
    if "@" in parts.netloc:
        raise ConfigurationError(
            f"The base URL in {setting} holds a user or a password, which are neither sent nor stored. Take them out: "
            "a key goes into OPENAI_API_KEY or the password of the Airflow connection openai_default, and a proxy that "
            "asks for basic authentication has to let bearer tokens through."
        )
    if parts.query or parts.fragment or "?" in base_url or "#" in base_url:
        raise ConfigurationError(f"The base URL in {setting} ends in a query (? or #). Take it off.")
    host = (parts.hostname or "").rstrip(".")
    if not _HOST.fullmatch(host):
        raise ConfigurationError(f"The host of the base URL in {setting} has letters that no host name has.")
    if host in _METADATA_NAMES or _is_off_limits(host):
        raise ConfigurationError(
            f"The base URL in {setting} names a link-local address or a cloud's metadata service. No model is served "
            "there, and what is has credentials. Name another host."
        )
    if provider := with_page(host):
        raise ConfigurationError(
            f"{host} in {setting} is a page for people. The API of {provider.name} has another host, and its base URL "
            f"looks like https://{provider.hosts[0]}{provider.path}."
        )


def is_same_place(one: str, other: str) -> bool:
    """Whether two base URLs have scheme, host and port in common."""
    return _origin(one) == _origin(other)


def is_loopback(base_url: str) -> bool:
    """Whether a base URL is of this machine, by its name or address."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _origin(base_url: str) -> tuple[str, str, int | None] | None:
    parts = _split(base_url)
    if parts is None:
        return None
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS[parts.scheme]


def _split(base_url: str) -> SplitResult | None:
    try:
        parts = urlsplit(base_url)
        is_url = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_url else None


def _is_off_limits(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            # As the resolver reads it: 2852039166, 0xa9fea9fe, 0251.0376.0251.0376, 169.254.43518.
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.sixtofour
        if any(address in network for network in _HOLDS_IPV4):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or ipaddress.IPv6Address(int(address))
    return address.is_link_local or address in _METADATA_ADDRESSES
