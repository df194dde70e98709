"""Find numbers that were read aloud: `oh seven seven double zero, nine double zero, one two three`."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from include.privacy.finding import Anchor, Finding, Searched, is_named_otherwise
from include.privacy.labelled_values import (
    account_is_named,
    national_id_is_named,
    secret_is_named,
    thing_is_named,
)
from include.privacy.payment import has_luhn_digit

_BY_LANGUAGE = (
    "zero one two three four five six seven eight nine",
    "null eins zwei drei vier fünf sechs sieben acht neun",
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "zero uno due tre quattro cinque sei sette otto nove",
    "zero um dois três quatro cinco seis sete oito nove",
    "nul een twee drie vier vijf zes zeven acht negen",
    "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
    "noll ett två tre fyra fem sex sju åtta nio",
    "shunya ek do teen char paanch chhe saat aath nau",
)
_DIGITS = {word: str(digit) for line in _BY_LANGUAGE for digit, word in enumerate(line.split())}
_DIGITS |= {"oh": "0", "o": "0", "zwo": "2", "één": "1", "meia": "6"}
# `nine hundred` said digit by digit.
_ZEROS = {"hundred": "00", "thousand": "000"}
_TIMES = {"double": 2, "triple": 3, "doppel": 2}
# These begin no number, because they say something else more often.
_BEGIN_NONE = frozenset({"o", "oh", "un", "um", "een", "sei", "meia", "do", "char", "teen", "ett", "sex"})
DIGIT_WORDS = tuple(word for word in _DIGITS if word not in {"o", "do", "char"}) + tuple(_TIMES)
_TOKEN = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r"[ ,.…\-\u2013]{1,3}")
FEWEST_WORDS = 3
FEWEST_PHONE_DIGITS = 7
MOST_PHONE_DIGITS = 15
# Longer runs are a game with digits.
MOST_TOKENS = 60


def find_spoken_numbers(searched: Searched) -> Iterator[Finding]:
    """Payment cards (with a right check digit), account numbers and secrets where they are named, telephone numbers."""
    position = 0
    anchors = searched.anchors.get("spoken_number", ())
    if len(anchors) < FEWEST_WORDS:
        return
    for anchor in anchors:
        if anchor.start < position:
            continue
        tokens = _run(searched.text, anchor)
        position = tokens[-1].end
        while tokens[-1].word in _TIMES and len(tokens) > 1:
            tokens.pop()
        while tokens and tokens[0].word in _BEGIN_NONE - {"oh"}:
            tokens = tokens[1:]
        words = sum(not token.word.isdigit() for token in tokens)
        if words < FEWEST_WORDS:
            continue
        digits = _digits(tokens)
        kind = _kind(searched, tokens[0].start, digits)
        if kind:
            yield Finding(tokens[0].start, tokens[-1].end, kind, digits)


def _run(text: str, first: Anchor) -> list[Anchor]:
    """All digits said in a row from the first on; figures among them too."""
    tokens = [first]
    while len(tokens) < MOST_TOKENS:
        gap = _BETWEEN.match(text, tokens[-1].end)
        token = _TOKEN.match(text, gap.end()) if gap else None
        if token is None:
            break
        word = token.group().casefold()
        if (
            word not in _DIGITS
            and word not in _TIMES
            and word not in _ZEROS
            and not (word.isdecimal() and len(word) <= 4)
        ):
            break
        tokens.append(Anchor(token.start(), token.end(), word))
    return tokens


def _digits(tokens: Sequence[Anchor]) -> str:
    digits, times = "", 1
    for token in tokens:
        if token.word in _TIMES:
            times = _TIMES[token.word]
        else:
            digits += (_ZEROS.get(token.word) or _DIGITS.get(token.word, token.word)) * times
            times = 1
    return digits


def _kind(searched: Searched, start: int, digits: str) -> str | None:
    if secret_is_named(searched.text, start):
        return "SECRET"
    if is_named_otherwise(searched.text, start) or thing_is_named(searched.text, start) or _is_count(digits):
        return None
    if national_id_is_named(searched.text, start):
        return "NATIONAL_ID" if len(digits) >= FEWEST_PHONE_DIGITS else None
    if account_is_named(searched.text, start):
        return "ACCOUNT" if len(digits) > FEWEST_WORDS else None
    if 13 <= len(digits) <= 19 and has_luhn_digit(digits):
        return "CARD"
    return "PHONE" if FEWEST_PHONE_DIGITS <= len(digits) <= MOST_PHONE_DIGITS else None


def _is_count(digits: str) -> bool:
    """Whether somebody counts up or down, or says the same again and again."""
    steps = {int(after) - int(before) for before, after in pairwise(digits)}
    return len(steps) == 1 and steps <= {-1, 0, 1}
