"""Find payment cards and IBANs: numbers with check digits.

Every search is linear in the length of the text, whatever the text is.
"""

import re
from collections.abc import Iterator

from include.privacy.rules.finding import Finding, Searched, is_named_otherwise, is_part_of_code

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
_IBAN_START = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=IBAN)|(?<=iban))[A-Za-z]{2}[0-9]{2}")
# Only then is it worth to look.
_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z]{2}[0-9]{2}")
_IBAN_SEPARATORS = " -."
_ASCII_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def find_ibans(searched: Searched) -> Iterator[Finding]:
    """IBANs of their country's length whose check digits are right (modulo 97)."""
    text = searched.text
    for start in _IBAN_START.finditer(text) if _LETTERS_AND_DIGITS.search(text) else ():
        length = _IBAN_LENGTHS.get(start.group()[:2].upper())
        if length is None:
            continue
        end, compact = _alphanumerics(text, start.start(), length)
        ends_there = end == len(text) or text[end] not in _ASCII_ALPHANUMERIC
        if ends_there and is_iban(compact):
            yield Finding(start.start(), end, "IBAN", compact)


def is_country_with_iban(letters: str) -> bool:
    """Whether two letters are a country's whose accounts have IBANs."""
    return letters.upper() in _IBAN_LENGTHS


def is_iban(compact: str) -> bool:
    """Whether capital letters and digits have the length and the check digits of an IBAN."""
    return compact.isascii() and len(compact) == _IBAN_LENGTHS.get(compact[:2]) and _has_iban_check_digits(compact)


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
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


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
    plain = sum(map(int, digits[-1::-2]))
    doubled = sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return (plain + doubled) % 10 == 0 and len(set(digits)) > 1
