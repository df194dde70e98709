"""Numbers in words of ten languages, as they are read aloud: `cincuenta y cinco veintitrés` is 5523."""

from collections.abc import Sequence
from typing import NamedTuple

from include.privacy.rules.word_lists import words_of

_WORDS = words_of("number_words")


class _Words(NamedTuple):
    """Numbers in the words of a language.

    Args:
        small: zero to nineteen, or as far as the language has words of their own.
        tens: twenty to ninety.
        hundred: what makes a hundred of the number before it.
        joined: the pattern of `twenty one` in one word, for a ten and a unit; empty if it is two words.
    """

    small: str
    tens: str
    hundred: str = ""
    joined: str = ""


_LANGUAGES = tuple(_Words(**language) for language in _WORDS["languages"])
_HINDI = "shunya ek do teen char paanch chhe saat aath nau"


def _joined(words: _Words) -> dict[str, int]:
    units, found = words.small.split()[1:10], {}
    for ten_number, ten in enumerate(words.tens.split(), 2):
        for unit_number, unit in enumerate(units, 1):
            value = 10 * ten_number + unit_number
            if words.joined == "veinti{unit}" and ten_number > 2:
                continue
            said = words.joined.format(ten=ten, unit=unit.removesuffix("s") if unit == "eins" else unit)
            found[said] = value
            if words.hundred == "cento":
                # `ventuno`, `ventotto`, `ventitré`.
                found[ten[:-1] + unit if unit[0] in "uo" else f"{ten}tré" if unit == "tre" else said] = value
            if words.hundred == "honderd" and unit[-1] == "e":
                found[f"{unit}ën{ten}"] = value
    return found


_VALUES: dict[str, int] = {}
for _words in _LANGUAGES:
    _VALUES |= {word: value for value, word in enumerate(_words.small.split())}
    _VALUES |= {word: 10 * value for value, word in enumerate(_words.tens.split(), 2)}
    if _words.hundred:
        _VALUES[_words.hundred] = 100
    if _words.joined:
        _VALUES |= _joined(_words)
_VALUES |= {word: value for value, word in enumerate(_HINDI.split())}
_VALUES |= {word: int(value) for value, words in _WORDS["other_forms"].items() for word in words.split()}
NUMBER_WORDS = _VALUES
HUNDREDS = frozenset(words.hundred for words in _LANGUAGES if words.hundred)
# `nine hundred` said digit by digit.
ZEROS = {"hundred": "00", "thousand": "000"}
TIMES = {"double": 2, "triple": 3, "doppel": 2}
# Between a ten and a unit, in whichever order the language has them.
ANDS = frozenset({"y", "e", "et", "und", "en"})
_UNITS_FIRST = frozenset({"und", "en"})


def digits_said(words: Sequence[str]) -> str:
    """The digits of a run of number words and figures.

    Args:
        words: in lower case; all of them in `NUMBER_WORDS`, `HUNDREDS`, `ZEROS`, `TIMES` or `ANDS`, or figures.
    """
    digits, index, times = "", 0, 1
    while index < len(words):
        word = words[index]
        if word in TIMES:
            times = TIMES[word]
        elif word in ZEROS:
            digits += ZEROS[word]
        elif word in NUMBER_WORDS:
            value, index = _number(words, index)
            digits += str(value) * times
            times = 1
            continue
        elif word.isdecimal():
            digits += word * times
            times = 1
        index += 1
    return digits


def _number(words: Sequence[str], index: int) -> tuple[int, int]:
    """The value of the number that begins at an index, and the index behind it."""
    value = NUMBER_WORDS[words[index]]
    following = [NUMBER_WORDS.get(word, -1) for word in words[index + 1 : index + 3]] + [-1, -1]
    after = words[index + 1] if index + 1 < len(words) else ""
    if (after in HUNDREDS and 0 < value <= 9) or value >= 100:
        value, index = (value, index + 1) if value >= 100 else (100 * value, index + 2)
        if index < len(words) and words[index] in ANDS:
            index += 1
        if index < len(words) and 0 < NUMBER_WORDS.get(words[index], 0) < 100:
            rest, index = _number(words, index)
            return value + rest, index
        return value, index
    if value == 4 and following[0] == 20 and after in ("vingt", "vingts"):
        return _french(80, words, index + 2)
    if value == 60 and words[index] == "soixante":
        return _french(60, words, index + 1)
    if 0 < value < 10 and after in _UNITS_FIRST and following[1] % 10 == 0 and 20 <= following[1] <= 90:
        return following[1] + value, index + 3
    if (value % 10 == 0 and 20 <= value <= 90) or words[index] == "on":
        if 0 < following[0] < 10:
            return value + following[0], index + 2
        if after in ANDS and 0 < following[1] < 10:
            return value + following[1], index + 3
    return value, index + 1


def _french(value: int, words: Sequence[str], index: int) -> tuple[int, int]:
    """`soixante-dix-sept`, `soixante et onze`, `quatre-vingt-douze`."""
    if index < len(words) and words[index] == "et":
        index += 1
    rest = NUMBER_WORDS.get(words[index], 0) if index < len(words) else 0
    if not 0 < rest < 17:
        return value, index
    more = NUMBER_WORDS.get(words[index + 1], 0) if rest == 10 and index + 1 < len(words) else 0
    return (value + 10 + more, index + 2) if 7 <= more <= 9 else (value + rest, index + 1)
