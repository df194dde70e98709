"""Find the words that personal data stands beside, all in one pass over a text."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from include.privacy.rules.addresses import STREET_ENDINGS, STREET_WORDS
from include.privacy.rules.announced_addresses import ADDRESS_WORDS
from include.privacy.rules.birthdates import BIRTH_WORDS
from include.privacy.rules.correspondence import THANKS_WORDS
from include.privacy.rules.emails import AT_WORDS
from include.privacy.rules.labelled_values import ACCOUNT_WORDS, SECRET_WORDS
from include.privacy.rules.name_lists import SHOPS, given_in_small_letters, given_names
from include.privacy.rules.name_places import SPELLING_WORDS
from include.privacy.rules.national_ids import ID_WORDS
from include.privacy.rules.people import NAME_WORDS
from include.privacy.rules.searched import Anchor
from include.privacy.rules.small_letter_names import SMALL_WORDS
from include.privacy.rules.spoken_numbers import DIGIT_WORDS

_QUOTES = ('"', "“", "”", "„", "«", "»")
# Shorter ones are abbreviations: HAMP, ALMA.
_FEWEST_CAPITALS = 4
# Of a longer word nothing is kept in mind.
_LONGEST_KNOWN = 40
_DIGITS_AND_LETTER = re.compile(r"\d+[^\W\d_]")
_POSSESSIVES = ("'s", "’s")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def _searches_by_word() -> dict[str, tuple[str, ...]]:
    searches: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for name, words in (
        ("account", ACCOUNT_WORDS),
        ("secret", SECRET_WORDS),
        ("birth", BIRTH_WORDS),
        ("national_id", ID_WORDS),
        ("spelt", SPELLING_WORDS),
        ("spoken_email", AT_WORDS),
        ("spoken_number", DIGIT_WORDS),
        ("street", STREET_WORDS),
        ("address", ADDRESS_WORDS),
    ):
        for word in dict.fromkeys(words):
            searches[word] += (name,)
    for words_of_names in (NAME_WORDS, dict.fromkeys(THANKS_WORDS, "thanks"), SMALL_WORDS):
        for word, name in words_of_names.items():
            searches[word] += (name,)
    return dict(searches)


_SEARCHES = _searches_by_word()


class _Word(NamedTuple):
    """What a word is searched for wherever it stands, and where it is no piece of an id; `small` in small letters."""

    small: str
    always: tuple[str, ...]
    outside_code: tuple[str, ...]


def find_anchors(text: str) -> Mapping[str, Sequence[Anchor]]:
    """Anchors by the name of the search that they concern, in the order of the text."""
    anchors: dict[str, list[Anchor]] = {}
    for match in _WORD.finditer(text):
        said = match.group()
        small, always, outside_code = _word(said) if len(said) <= _LONGEST_KNOWN else _word.__wrapped__(said)
        for search in always:
            anchors.setdefault(search, []).append(Anchor(*match.span(), small))
        if outside_code and not _is_in_code(text, match):
            for search in outside_code:
                if search != "given_name" or said in given_names() or not _is_shop(text, match):
                    anchors.setdefault(search, []).append(Anchor(*match.span(), small))
    return anchors


@lru_cache(maxsize=1 << 14)
def _word(said: str) -> _Word:
    small, names, in_small = said.lower(), given_names(), given_in_small_letters()
    searches = _SEARCHES.get(small, ())
    if "a" <= said[0] <= "z":
        return _Word(small, (*searches, "small_name") if said in in_small else searches, ())
    forms = {
        "given_name": said in names or (said[-2:] in _POSSESSIVES and said[:-2] in names),
        "small_name": len(said) > _FEWEST_CAPITALS and said.isupper() and small in in_small,
        "street": small.endswith(STREET_ENDINGS) and "street" not in searches,
    }
    return _Word(small, searches, tuple(search for search, has_form in forms.items() if has_form))


def _is_in_code(text: str, match: re.Match[str]) -> bool:
    """Whether letters are a piece of an id, such as `X9Kim5ewb`; `Susan1985` is a nickname."""
    is_behind_digit = text[max(match.start() - 1, 0) : match.start()].isdigit()
    return is_behind_digit or _DIGITS_AND_LETTER.match(text, match.end()) is not None


def _is_shop(text: str, match: re.Match[str]) -> bool:
    """Whether a name with `'s` is a shop's: a known one, or one in quotation marks by itself."""
    is_quoted = text[match.start() - 1 : match.start()] in _QUOTES and text[match.end() : match.end() + 1] in _QUOTES
    return is_quoted or match.group().lower().replace("’", "'") in SHOPS
