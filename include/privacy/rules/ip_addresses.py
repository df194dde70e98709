"""Find IP addresses, and leave alone what also has dots or colons: versions, times, names of classes."""

import ipaddress
import re
from collections.abc import Iterator

from include.privacy.engine import Finding
from include.privacy.rules.searched import Searched, words_before

_IP_V4 = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d|\.\d)")
_IP_V6 = re.compile(r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{1,4}|(?<=::))(?![\w:])")
_GLUED_TO_V4 = re.compile(r"\d\.?$")
_GLUED_TO_V6 = re.compile(r"[\w:]$")
_VERSION_BEFORE = re.compile(
    r"(?:\bv|ver|version|build|release|firmware|update|app|software)[\s.:=\"']{0,4}$"
    # `Which build are you on? 22.4.1.9`, but not `version 2 of the app, IP 10.0.0.1`.
    r"|\b(?:version|build|release|firmware|sürüm\w*|wersj\w|versi[óo]n|versione|versão|versie)\b(?!.*\bip\b)[^\d\n]{0,30}$",
    re.IGNORECASE,
)
COLONS_OF_FULL_V6 = 7
# A number of four small parts is a version, unless it is called an address or lies in a private network.
LARGEST_VERSION_PART = 19
_ADDRESS_BEFORE = re.compile(r"\bip\b|address|adresse|dirección|indirizzo|endereço|adres", re.IGNORECASE)


def find_ips(searched: Searched) -> Iterator[Finding]:
    """IPv4 and IPv6 addresses; a number of four parts after a word such as `version` is none."""
    text = searched.text
    searches = [(_IP_V4, _GLUED_TO_V4)]
    if "::" in text or text.count(":") >= COLONS_OF_FULL_V6:
        searches.append((_IP_V6, _GLUED_TO_V6))
    for pattern, glued in searches:
        for match in pattern.finditer(text):
            before = words_before(text, match.start())
            address = None if glued.search(before) else _address(match.group())
            if address and not _VERSION_BEFORE.search(before) and not _is_version(address, before):
                yield Finding(match.start(), match.end(), "IP", address)


def _is_version(address: str, before: str) -> bool:
    if ipaddress.ip_address(address).is_private:
        return False
    parts = address.split(".")
    is_small = len(parts) == 4 and all(int(part) <= LARGEST_VERSION_PART for part in parts)
    return is_small and not _ADDRESS_BEFORE.search(before)


def _address(found: str) -> str | None:
    # `a::b` is an address to a machine and a name to a programmer.
    if "::" in found and (len(found) < 6 or not any(map(str.isdigit, found))):
        return None
    if ":" not in found:
        # `192.168.001.010` is decimal to whoever writes it.
        found = ".".join(str(int(part)) for part in found.split("."))
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        return None
