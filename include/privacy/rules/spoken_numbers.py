"""Find numbers that were read aloud: `oh seven seven double zero, nine double zero, one two three`."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from include.privacy.engine import Finding
from include.privacy.rules.labelled_values import (
    account_is_named,
    iban_is_named,
    national_id_is_named,
    secret_is_named,
    thing_is_named,
)
from include.privacy.rules.number_words import ANDS, NUMBER_WORDS, TIMES, ZEROS, digits_said
from include.privacy.rules.payment import has_luhn_digit, is_country_with_iban, is_iban
from include.privacy.rules.searched import Anchor, Searched, is_named_otherwise
from include.privacy.rules.word_lists import one_of, word_set, words_of

_WORDS = words_of("spoken_numbers")

# These begin no number, because they say something else more often.
_BEGIN_NONE = word_set(_WORDS["begin_none"])
# Among English words they are no numbers.
_NOT_ENGLISH = word_set("on once cent do un um")
_ENGLISH = word_set(_WORDS["english"])
DIGIT_WORDS = (*(word for word in NUMBER_WORDS if word not in {"o", "do", "char", *_NOT_ENGLISH}), *TIMES)
_TOKEN = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r"[ ,.…\-\u2013]{1,3}")
FEWEST_WORDS = 3
FEWEST_PHONE_DIGITS = 7
MOST_PHONE_DIGITS = 15
# Longer runs are a game with digits.
MOST_TOKENS = 60
LONGEST_FIGURE = 4
MOST_LETTERS = 12
FEWEST_SPELT_DIGITS = 3
FEWEST_IBAN_CHARACTERS = 15
MOST_IBAN_CHARACTERS = 34
CHECK_DIGITS_OF_IBAN = 2
LARGEST_BYTE = 255
LARGEST_DIGIT = 9
# A number with tens is a sum or a year as often as not.
FEWEST_DIGITS_WITH_TENS = 8
_COUNTED_AFTER = re.compile(rf"[ -]{one_of(_WORDS['counted'])}\b", re.IGNORECASE)
_AREA_CODE_BEFORE = re.compile(r"\b(?:area|country|dialling|dialing) code,? $", re.IGNORECASE)
# Letters that are spelt before a number or in the midst of it.
_LETTERS_BEFORE = re.compile(r"(?<![\w'’])(?:[^\W\d_][ ,.\-]{1,2}){1,8}$")
_LETTER = re.compile(r"[ ,.\-]{1,2}([^\W\d_])(?![\w'’])")
_POINT = re.compile(r",? (?:dot|point|punkt|punto|ponto|punt|kropka|nokta|prick) ", re.IGNORECASE)
_IP_BEFORE = re.compile(r"\bip\b[^\n]{0,40}(?:\n[^\n]{0,40})?$", re.IGNORECASE)
IP_GROUPS = 4
CHARACTERS_BEFORE = 90


def find_spoken_numbers(searched: Searched) -> Iterator[Finding]:
    """Cards (with a right check digit), IBANs, IP addresses, telephone numbers; accounts and secrets by name."""
    position = 0
    anchors = searched.anchors.get("spoken_number", ())
    if len(anchors) < FEWEST_WORDS:
        return
    for anchor in anchors:
        if anchor.start < position:
            continue
        tokens = _run(searched.text, anchor)
        position = tokens[-1].end
        address = _ip(searched.text, tokens)
        if address:
            position = address.end
            yield address
            continue
        found = _number(searched, tokens)
        if found:
            position = max(position, found.end)
            yield found


def _number(searched: Searched, tokens: list[Anchor]) -> Finding | None:
    while tokens and tokens[-1].word in (*TIMES, *ANDS):
        tokens = tokens[:-1]
    while tokens and tokens[0].word in _BEGIN_NONE - {"oh"}:
        tokens = tokens[1:]
    if not tokens:
        return None
    spelt = _spelt(searched, tokens)
    if spelt:
        return spelt
    if sum(not token.word.isdigit() for token in tokens) < FEWEST_WORDS:
        return None
    words = [token.word for token in tokens]
    digits = digits_said(words)
    kind = _kind(searched, tokens, digits)
    if kind is None:
        return None
    start = tokens[0].start
    area = _AREA_CODE_BEFORE.search(searched.text, max(start - CHARACTERS_BEFORE, 0), start)
    return Finding(area.start() if area else start, tokens[-1].end, kind, digits)


def _run(text: str, first: Anchor) -> list[Anchor]:
    """All numbers said in a row from the first on; figures among them too."""
    tokens = [first]
    while len(tokens) < MOST_TOKENS:
        gap = _BETWEEN.match(text, tokens[-1].end)
        token = _TOKEN.match(text, gap.end()) if gap else None
        if token is None:
            break
        word, before = token.group().casefold(), tokens[-1].word
        if word in ANDS:
            # It joins a ten and a unit; `two and three` are two numbers.
            if before not in NUMBER_WORDS or before in _ENGLISH:
                break
        elif (word in _NOT_ENGLISH and (before in _ENGLISH or before.isdecimal())) or not (
            word in NUMBER_WORDS or word in TIMES or word in ZEROS or (word.isdecimal() and len(word) <= LONGEST_FIGURE)
        ):
            break
        tokens.append(Anchor(token.start(), token.end(), word))
    return tokens


def _spelt(searched: Searched, tokens: Sequence[Anchor]) -> Finding | None:
    """A number with letters among its digits, `p l seven seven four one nine`, where it is named, or an IBAN."""
    text = searched.text
    start, end = tokens[0].start, tokens[-1].end
    before = _LETTERS_BEFORE.search(text, max(start - 2 * MOST_LETTERS, 0), start)
    start = before.start() if before else start
    compact = "".join(filter(str.isalpha, before.group())) if before else ""
    if not compact and not _LETTER.match(text, end):
        return None
    is_secret, is_account = secret_is_named(searched, start), account_is_named(searched, start)
    is_iban_named = iban_is_named(searched, start)
    digits = digits_said([token.word for token in tokens])
    may_be_iban = is_country_with_iban(compact) and len(digits) >= CHECK_DIGITS_OF_IBAN
    if not (is_secret or is_account or is_iban_named or may_be_iban):
        return None
    compact += digits
    count = len(tokens)
    while count < MOST_TOKENS and len(compact) <= MOST_IBAN_CHARACTERS and (letter := _LETTER.match(text, end)):
        compact, end, count = compact + letter[1], letter.end(), count + 1
        following = _BETWEEN.match(text, end)
        token = _TOKEN.match(text, following.end()) if following else None
        if token and (token.group().casefold() in NUMBER_WORDS or token.group().isdecimal()):
            more = _run(text, Anchor(token.start(), token.end(), token.group().casefold()))
            compact, end, count = compact + digits_said([one.word for one in more]), more[-1].end, count + len(more)
    compact = compact.upper()
    if not any(map(str.isalpha, compact)) or sum(map(str.isdigit, compact)) < FEWEST_SPELT_DIGITS:
        return None
    if is_iban(compact) or (len(compact) >= FEWEST_IBAN_CHARACTERS and is_iban_named):
        return Finding(start, end, "IBAN", compact)
    kind = "SECRET" if is_secret else "ACCOUNT"
    return Finding(start, end, kind, compact) if is_secret or is_account else None


def _ip(text: str, tokens: Sequence[Anchor]) -> Finding | None:
    """An IPv4 address, `eighty one dot two dot sixty nine dot one`, where it is called so; versions are said so too."""
    groups, run = [], list(tokens)
    while True:
        groups.append(digits_said([token.word for token in run]))
        point = _POINT.match(text, run[-1].end) if len(groups) < IP_GROUPS else None
        token = _TOKEN.match(text, point.end()) if point else None
        if token is None:
            break
        word = token.group().casefold()
        if word not in NUMBER_WORDS and word not in TIMES and not word.isdecimal():
            break
        run = _run(text, Anchor(token.start(), token.end(), word))
    start = tokens[0].start
    is_address = len(groups) == IP_GROUPS and all(group and int(group) <= LARGEST_BYTE for group in groups)
    if is_address and _IP_BEFORE.search(text, max(start - CHARACTERS_BEFORE, 0), start):
        return Finding(start, run[-1].end, "IP", ".".join(groups))
    return None


def _kind(searched: Searched, tokens: Sequence[Anchor], digits: str) -> str | None:
    text, start = searched.text, tokens[0].start
    if secret_is_named(searched, start):
        return "SECRET"
    if is_named_otherwise(text, start) or thing_is_named(text, start) or _is_count(tokens, digits):
        return None
    if national_id_is_named(text, start):
        return "NATIONAL_ID" if len(digits) >= FEWEST_PHONE_DIGITS else None
    if account_is_named(searched, start):
        return "ACCOUNT" if len(digits) > FEWEST_WORDS else None
    if _COUNTED_AFTER.match(text, tokens[-1].end):
        return None
    if 13 <= len(digits) <= 19 and has_luhn_digit(digits):
        return "CARD"
    has_tens = any(NUMBER_WORDS.get(token.word, 0) > LARGEST_DIGIT for token in tokens)
    fewest = FEWEST_DIGITS_WITH_TENS if has_tens else FEWEST_PHONE_DIGITS
    return "PHONE" if fewest <= len(digits) <= MOST_PHONE_DIGITS else None


def _is_count(tokens: Sequence[Anchor], digits: str) -> bool:
    """Whether somebody counts up or down, or says the same again and again."""
    said = [NUMBER_WORDS.get(token.word, -1) for token in tokens]
    for values in (said, list(map(int, digits))):
        steps = {after - before for before, after in pairwise(values)}
        if len(steps) == 1 and steps <= {-1, 0, 1}:
            return True
    return False
