"""Find payment cards and IBANs: numbers with check digits, which python-stdnum knows.

Every search is linear in the length of the text, whatever the text is.
"""

import re
from collections.abc import Iterator
from functools import cache

from stdnum import iban, luhn, numdb

from include.privacy.engine import Finding
from include.privacy.rules.searched import Searched, is_named_otherwise, is_part_of_code

COUNTRY_LETTERS = 2
# With the check digits.
IBAN_HEAD = 4
_COUNT = re.compile(r"\d+")
# Words would pass the check digits once in a hundred times.
FEWEST_IBAN_DIGITS = 8
_IBAN_START = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=IBAN)|(?<=iban))[A-Za-z]{2}[0-9]{2}")
# Only then is it worth to look.
_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z]{2}[0-9]{2}")
_IBAN_SEPARATORS = " -."
_ASCII_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def find_ibans(searched: Searched) -> Iterator[Finding]:
    """IBANs of their country's length whose check digits are right (modulo 97)."""
    text = searched.text
    for start in _IBAN_START.finditer(text) if _LETTERS_AND_DIGITS.search(text) else ():
        length = _iban_length(start.group()[:2].upper())
        if not length:
            continue
        end, compact = _alphanumerics(text, start.start(), length)
        ends_there = end == len(text) or text[end] not in _ASCII_ALPHANUMERIC
        if ends_there and is_iban(compact):
            yield Finding(start.start(), end, "IBAN", compact)


def is_country_with_iban(letters: str) -> bool:
    """Whether two letters are a country's whose accounts have IBANs."""
    return len(letters) == COUNTRY_LETTERS and _iban_length(letters.upper()) > 0


@cache
def _iban_length(country: str) -> int:
    """By the registry of ISO 13616, as python-stdnum has it; 0 if the country has none."""
    (_, properties), *_ = numdb.get("iban").info(country)
    return sum(map(int, _COUNT.findall(properties.get("bban", "")))) + IBAN_HEAD if properties else 0


def is_iban(compact: str) -> bool:
    """Whether capital letters and digits are built as their country's IBANs are, and their check digits are right."""
    return sum(map(str.isdigit, compact)) >= FEWEST_IBAN_DIGITS and iban.is_valid(compact, check_country=False)


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


_DIGIT_RUN = re.compile(r"\d(?:[ .\-]{0,2}\d){12,}")
_DIGIT_GROUP = re.compile(r"\d+")
_CARD_SIZES = range(13, 20)
# The networks' first digits and lengths: ISO/IEC 7812's public ranges. Nobody's begin with 1, as milliseconds since
# 1970 do.
_CARD = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}(?:\d{2})?|35\d{14}"
    r"|(?:6\d|5[06-9])\d{14}(?:\d{3})?",
    re.ASCII,
)
# A card read aloud digit by digit, with its expiry and its check number after it.
MOST_SINGLE_DIGITS = 24
MOST_GROUPS = 6
MOST_PAIRS = 9


def find_cards(searched: Searched) -> Iterator[Finding]:
    """Payment card numbers whose check digit is right (Luhn), in one piece, in groups, in pairs or digit by digit."""
    text = searched.text
    for run in _DIGIT_RUN.finditer(text):
        groups = [(run.start() + g.start(), run.start() + g.end()) for g in _DIGIT_GROUP.finditer(run.group())]
        index = 0
        while index < len(groups):
            alike = _groups_alike(groups, index)
            last = _last_group_of_card(text, alike)
            if last is not None:
                start, end = alike[0][0], alike[last][1]
                # What begins with a plus sign is a telephone number.
                if text[start - 1 : start] != "+" and not (
                    is_part_of_code(text, start, end) or is_named_otherwise(text, start)
                ):
                    yield Finding(start, end, "CARD", "".join(filter(str.isdigit, text[start:end])))
                index += last + 1
            elif len(alike) > MOST_SINGLE_DIGITS:
                index += len(alike)
            else:
                index += 1


def _groups_alike(groups: list[tuple[int, int]], first: int) -> list[tuple[int, int]]:
    """The groups from the first on that can be of one card: all of one digit, all of two, or all of more."""
    size = min(groups[first][1] - groups[first][0], 3)
    alike: list[tuple[int, int]] = []
    for start, end in groups[first : first + {1: MOST_SINGLE_DIGITS + 1, 2: MOST_PAIRS}.get(size, MOST_GROUPS)]:
        if min(end - start, 3) != size:
            break
        alike.append((start, end))
    return alike


def _last_group_of_card(text: str, groups: list[tuple[int, int]]) -> int | None:
    """Index of the last group of the longest card number that begins with the first of them."""
    if not groups:
        return None
    digits, best = "", None
    for index, (start, end) in enumerate(groups):
        digits += "".join(str(int(digit)) for digit in text[start:end])
        if len(digits) > _CARD_SIZES[-1]:
            break
        if _CARD.fullmatch(digits) and has_luhn_digit(digits):
            best = index
    return best


def has_luhn_digit(digits: str) -> bool:
    """Whether the last digit is right by ISO/IEC 7812-1, as that of payment cards is; not if all are the same."""
    return luhn.is_valid(digits) and len(set(digits)) > 1
