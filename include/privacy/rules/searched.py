"""What all searches look at, and what several of them ask of a place in a text."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from include.privacy.engine import Finding
from include.privacy.rules.word_lists import one_of, words_of

WORDS_BEFORE = 40
LETTERS_OF_CODE = 9
# What stands right before a number that a business gave to a thing, not to a person.
_NAMED_OTHERWISE = re.compile(
    rf"(?:\b|_){one_of(words_of('searched')['things'])}"
    r"(?:[ _]*(?:number|num|nr|no|n[°º]|id|code))?(?:[ _]+(?:is|was|ist|est|es|è|é))?[\s.:=#\"']{0,4}$"
    r"|(?:[$€£¥₹]|\b(?:usd|eur|gbp|inr|idr|rp|rs|vnd)\.?) ?$",
    re.IGNORECASE,
)
_DIGIT_AND_LETTERS = re.compile(r"\d[^\W\d_]+$")
# As in `ec98-3704-4692-ba03`.
_GROUP_WITH_LETTER = re.compile(r"-\d{0,7}[^\W\d_]")
_LETTERS_AND_DIGIT = re.compile(r"[^\W\d_]+\d")


class Anchor(NamedTuple):
    """A word that personal data may stand beside, such as `account` or `Street`; in lower case."""

    start: int
    end: int
    word: str


class Searched(NamedTuple):
    """A text that is searched.

    Args:
        text: with `engine.TAKEN` for what was found already; before the value of a column stands the column's name.
        anchors: by the name of the search that they concern, in the order of the text.
        people: parts of the names that the record has shown so far, and the key of the person; added to.
    """

    text: str
    anchors: Mapping[str, Sequence[Anchor]]
    people: dict[str, str]


Search = Callable[[Searched], Iterable[Finding]]


def found_at(text: str, span: tuple[int, int], kind: str) -> Finding:
    """What stands at a place, with letters and digits alone as its key: spaces, dots and capitals differ."""
    return Finding(*span, kind, "".join(filter(str.isalnum, text[slice(*span)])).casefold())


def words_before(text: str, start: int) -> str:
    """What stands right before a place in a text."""
    return text[max(start - WORDS_BEFORE, 0) : start]


def is_named_otherwise(text: str, start: int) -> bool:
    """Whether the words before a number say that it is no personal one: an order's, a parcel's, a sum of money."""
    return bool(_NAMED_OTHERWISE.search(words_before(text, start)))


def is_part_of_code(text: str, start: int, end: int) -> bool:
    """Whether digits stand in the midst of letters and other digits, as in a hash."""
    before, after = text[max(start - LETTERS_OF_CODE, 0) : start], text[end : end + LETTERS_OF_CODE]
    is_between_letters = before[-1:].isalpha() and (after[:1].isalpha() or bool(_GROUP_WITH_LETTER.match(after)))
    return bool(is_between_letters or _DIGIT_AND_LETTERS.search(before) or _LETTERS_AND_DIGIT.match(after))
