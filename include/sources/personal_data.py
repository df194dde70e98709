"""Find personal data that has a form of its own, but telephone numbers, whose forms are many.

Every search is linear in the length of the text, whatever the text is.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import NamedTuple


class Finding(NamedTuple):
    """Characters `start` to `end` are personal data of a kind; `key` is the same for the same value spelt otherwise."""

    start: int
    end: int
    kind: str
    key: str


def words_before(text: str, start: int, label: str) -> str:
    """What stands right before a place in a text; before its beginning stands the name of its column."""
    if start < WORDS_BEFORE:
        return f"{label}: {text[:start]}"
    return text[start - WORDS_BEFORE : start]


def is_part_of_code(text: str, start: int, end: int) -> bool:
    """Whether digits stand in the midst of letters and other digits, as in a hash."""
    before, after = text[max(start - LETTERS_OF_CODE, 0) : start], text[end : end + LETTERS_OF_CODE]
    is_between_letters = before[-1:].isalpha() and after[:1].isalpha()
    return bool(is_between_letters or _DIGIT_AND_LETTERS.search(before) or _LETTERS_AND_DIGIT.match(after))


_DIGIT_AND_LETTERS = re.compile(r"\d[^\W\d_]+$")
_LETTERS_AND_DIGIT = re.compile(r"[^\W\d_]+\d")
LETTERS_OF_CODE = 9
WORDS_BEFORE = 40
LONGEST_LOCAL_PART = 64
_AT = re.compile(r"[@＠]|%40")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}(?:xn--[\w-]{2,59}|[^\W\d_]{2,24})")


def find_emails(text: str) -> Iterator[Finding]:
    """E-mail addresses, also with `%40` as in a URL."""
    last_end = 0
    for at in _AT.finditer(text):
        start = at.start()
        while start > max(last_end, at.start() - LONGEST_LOCAL_PART) and _is_local(text[start - 1]):
            start -= 1
        domain = _DOMAIN.match(text, at.end())
        if start < at.start() and domain:
            last_end = domain.end()
            yield Finding(start, domain.end(), "EMAIL", f"{text[start : at.start()]}@{domain.group()}".casefold())


def _is_local(character: str) -> bool:
    return character.isalnum() or character in "._+-'"


# Length of an IBAN by country: the registry of ISO 13616.
_IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d{2})",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 "
        "EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 "
        "KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 "
        "PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 "
        "UA29 VA22 VG24 XK20 YE30",
    )
}
# Words would pass the check digits once in a hundred times.
FEWEST_IBAN_DIGITS = 8
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}")
_IBAN_SEPARATORS = " -.\u00a0"
_ASCII_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def find_ibans(text: str) -> Iterator[Finding]:
    """IBANs of their country's length whose check digits are right (modulo 97)."""
    for start in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(start.group()[:2].upper())
        if length is None:
            continue
        end, compact = _alphanumerics(text, start.start(), length)
        ends_there = end == len(text) or text[end] not in _ASCII_ALPHANUMERIC
        if ends_there and len(compact) == length and _has_iban_check_digits(compact):
            yield Finding(start.start(), end, "IBAN", compact)


def _alphanumerics(text: str, start: int, count: int) -> tuple[int, str]:
    found: list[str] = []
    position = start
    while position < len(text) and len(found) < count:
        if text[position] in _ASCII_ALPHANUMERIC:
            found.append(text[position])
        elif text[position] not in _IBAN_SEPARATORS or text[position - 1] in _IBAN_SEPARATORS:
            break
        position += 1
    return position, "".join(found).upper()


def _has_iban_check_digits(compact: str) -> bool:
    if sum(character.isdigit() for character in compact) < FEWEST_IBAN_DIGITS:
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


_DIGIT_RUN = re.compile(r"\d(?:[ .\-\u00a0\u2010-\u2013]?\d){12,}")
_DIGIT_GROUP = re.compile(r"\d+")
_CARD_SIZES = range(13, 20)
# The networks' first digits. 1 is left out: milliseconds since 1970 begin with it.
_CARD_FIRST_DIGITS = range(2, 7)
# A card read aloud digit by digit, with its expiry and its check number after it.
MOST_SINGLE_DIGITS = 24
MOST_GROUPS = 6
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def find_cards(text: str) -> Iterator[Finding]:
    """Payment card numbers whose check digit is right (Luhn), in one piece, in groups, or digit by digit."""
    for run in _DIGIT_RUN.finditer(text):
        groups = [(run.start() + g.start(), run.start() + g.end()) for g in _DIGIT_GROUP.finditer(run.group())]
        index = 0
        while index < len(groups):
            alike = _groups_alike(groups, index)
            last = _last_group_of_card(text, alike)
            if last is not None:
                start, end = alike[0][0], alike[last][1]
                # What begins with a plus sign is a telephone number.
                if text[start - 1 : start] != "+" and not is_part_of_code(text, start, end):
                    yield Finding(start, end, "CARD", "".join(filter(str.isdigit, text[start:end])))
                index += last + 1
            elif len(alike) > MOST_SINGLE_DIGITS:
                index += len(alike)
            else:
                index += 1


def _groups_alike(groups: list[tuple[int, int]], first: int) -> list[tuple[int, int]]:
    """The groups from the first on that can be of one card: all of one digit, or all of three and more."""
    is_single = groups[first][1] - groups[first][0] == 1
    alike: list[tuple[int, int]] = []
    for start, end in groups[first : first + (MOST_SINGLE_DIGITS + 1 if is_single else MOST_GROUPS)]:
        if (end - start == 1) != is_single or end - start == 2:
            break
        alike.append((start, end))
    return alike


def _last_group_of_card(text: str, groups: list[tuple[int, int]]) -> int | None:
    """Index of the last group of the longest card number that begins with the first of them."""
    if not groups or int(text[groups[0][0]]) not in _CARD_FIRST_DIGITS:
        return None
    digits, best = "", None
    for index, (start, end) in enumerate(groups):
        digits += text[start:end]
        if len(digits) > _CARD_SIZES[-1]:
            break
        if len(digits) in _CARD_SIZES and _has_card_check_digit(digits):
            best = index
    return best


def _has_card_check_digit(digits: str) -> bool:
    plain = sum(map(int, digits[-1::-2]))
    doubled = sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return (plain + doubled) % 10 == 0 and len(set(digits)) > 1


_US_SOCIAL_SECURITY = re.compile(r"\d{3}(?<![\w-]\d{3})-\d{2}-\d{4}(?![\w-])")


def find_social_security_numbers(text: str) -> Iterator[Finding]:
    """Social security numbers of the United States, in their three groups."""
    for match in _US_SOCIAL_SECURITY.finditer(text):
        yield Finding(match.start(), match.end(), "SSN", match.group())


_IP_V4 = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d|\.\d)")
_IP_V6 = re.compile(r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?<=::))(?![\w:])")
_GLUED_TO_V4 = re.compile(r"\d\.?$")
_GLUED_TO_V6 = re.compile(r"[\w:]$")
_VERSION_BEFORE = re.compile(
    r"(?:\bv|ver|version|build|release|firmware|update|app|software)[\s.:=\"']{0,4}$", re.IGNORECASE
)
COLONS_OF_FULL_V6 = 7


def find_ips(text: str, label: str) -> Iterator[Finding]:
    """IPv4 and IPv6 addresses; a number of four parts after a word such as `version` is none.

    Args:
        text: searched.
        label: name of the column, which counts as a word before its text.
    """
    searches = [(_IP_V4, _GLUED_TO_V4)]
    if "::" in text or text.count(":") >= COLONS_OF_FULL_V6:
        searches.append((_IP_V6, _GLUED_TO_V6))
    for pattern, glued in searches:
        for match in pattern.finditer(text):
            before = words_before(text, match.start(), label)
            address = None if glued.search(before) else _address(match.group())
            if address and not _VERSION_BEFORE.search(before):
                yield Finding(match.start(), match.end(), "IP", address)


def _address(found: str) -> str | None:
    # `a::b` is an address to a machine and a name to a programmer.
    if "::" in found and (len(found) < 6 or not any(map(str.isdigit, found))):
        return None
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        return None
