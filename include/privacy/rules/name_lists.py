"""Lists of names, and of words that are none; see `names/` and the README for where they come from."""

from functools import cache
from pathlib import Path

from include.privacy.rules.word_lists import word_set, words_of

_WORDS = words_of("name_lists")


_FOLDER = Path(__file__).parent / "names"
_FEWEST_SMALL_LETTERS = 4
# People speak with them, are helped by them and thank them, but they are nobody.
_COMPANIES = word_set(_WORDS["companies"])

# With an apostrophe they are shops and what is bought there.
SHOPS = word_set(_WORDS["shops"])


@cache
def given_names() -> frozenset[str]:
    """Given names that are hardly anything else in the languages of the lists, as they are written."""
    return _read("given")


@cache
def ambiguous_given_names() -> frozenset[str]:
    """Given names that are words, places or brands too, such as Mark, Paris and Mercedes."""
    return _read("ambiguous_given")


@cache
def common_words() -> frozenset[str]:
    """Words of the languages of the samples, in small letters."""
    return _read("common_words")


@cache
def brands_and_figures() -> frozenset[str]:
    """Brands, figures and public persons that are called like persons, small, with `_` between words."""
    return frozenset(line.replace(" ", "_") for line in _read("brands_and_figures"))


@cache
def given_in_small_letters() -> frozenset[str]:
    """Given names that are known for such in small letters too, since they are no words."""
    names = frozenset(name.casefold() for name in given_names() if len(name) >= _FEWEST_SMALL_LETTERS)
    return names - common_words() - _COMPANIES


def is_in_a_list(word: str) -> bool:
    """Whether a word is a given name, be it something else as well."""
    return word in given_names() or word in ambiguous_given_names()


def may_be_a_name(word: str) -> bool:
    """Whether a word is in no list of names, but no word of a language and no company either, as far as is known."""
    plain = word.casefold()
    return plain not in _COMPANIES and common_words().isdisjoint(plain.split("-"))


def is_a_company(word: str) -> bool:
    """Whether a word is the name of a company or product that people write about."""
    return word.casefold() in _COMPANIES


@cache
def _read(name: str) -> frozenset[str]:
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
