"""Find the words that personal data stands beside, all in one pass over a text."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

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


def find_anchors(text: str) -> Mapping[str, Sequence[Anchor]]:
    """Anchors by the name of the search that they concern, in the order of the text."""
    anchors: dict[str, list[Anchor]] = {}
    names, small = given_names(), given_in_small_letters()
    for match in _WORD.finditer(text):
        said = match.group()
        word = said.lower()
        for search in _SEARCHES.get(word, ()):
            anchors.setdefault(search, []).append(Anchor(*match.span(), word))
        if said[0] < "a" or said[0] > "z":
            if _is_in_code(text, match):
                continue
            if said in names or (said[-2:] in _POSSESSIVES and said[:-2] in names and not _is_shop(text, match)):
                anchors.setdefault("given_name", []).append(Anchor(*match.span(), word))
            if len(said) > _FEWEST_CAPITALS and said.isupper() and word in small:
                anchors.setdefault("small_name", []).append(Anchor(*match.span(), word))
            if word.endswith(STREET_ENDINGS) and "street" not in _SEARCHES.get(word, ()):
                anchors.setdefault("street", []).append(Anchor(*match.span(), word))
        elif said in small:
            anchors.setdefault("small_name", []).append(Anchor(*match.span(), word))
    return anchors


def _is_in_code(text: str, match: re.Match[str]) -> bool:
    """Whether letters are a piece of an id, such as `X9Kim5ewb`; `Susan1985` is a nickname."""
    is_behind_digit = text[max(match.start() - 1, 0) : match.start()].isdigit()
    return is_behind_digit or _DIGITS_AND_LETTER.match(text, match.end()) is not None


def _is_shop(text: str, match: re.Match[str]) -> bool:
    """Whether a name with `'s` is a shop's: a known one, or one in quotation marks by itself."""
    is_quoted = text[match.start() - 1 : match.start()] in _QUOTES and text[match.end() : match.end() + 1] in _QUOTES
    return is_quoted or match.group().lower().replace("’", "'") in SHOPS
