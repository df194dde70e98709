"""What a name looks like: capitalised words, initials and particles in a row, none of them a word of no name."""

import re
from typing import NamedTuple

from include.privacy.rules.name_lists import brands_and_figures, given_names, is_a_company, is_in_a_list, may_be_a_name
from include.privacy.rules.word_lists import word_set, words_of

_WORDS = words_of("name_forms")

# No names, however they are written.
NO_NAME = word_set(_WORDS["no_name"])
PARTICLES = word_set(_WORDS["particles"])
# Le Guennec, La Rocca; at the end of a name they are none.
_CAPITAL_PARTICLES = word_set(_WORDS["capital_particles"])
# No name has more parts; without an end to them a line of hyphens would be read again from each of them on.
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+){0,5}")
_INITIAL = re.compile(r"[^\W\d_]\.")
# `I'm`, `I'll`, `can't` are no names; `j'ai` and `l'app` neither, but O'Connor and D'Angelo are.
_CONTRACTION = re.compile(
    r"[^\W\d_]+(?:['’](?:m|ve|ll|re|d|t)|n['’]t)|[^\W\d_]{1,2}['’](?-i:[a-zß-öø-ÿ]).*", re.IGNORECASE
)
POSSESSIVE = re.compile(r"(?<=[^\W\d_]{2})['’]s$", re.IGNORECASE)
MOST_WORDS = 4
FEWEST_LETTERS = 3

# `Dr. Martens` and `Mr. Robot` are no persons.
_NOBODY_WITH_TITLE = word_set("martens oetker pepper scholl who dre strange robot bean clean men potato muscle kipling")


class Name(NamedTuple):
    """Where a name stands, and its words."""

    start: int
    end: int
    words: tuple[str, ...]


def name_at(text: str, position: int) -> Name | None:
    """The capitalised words, initials and particles at a place that can be a name; none if it begins otherwise."""
    start, end = position, position
    words: list[str] = []
    waiting: list[str] = []
    while len(words) + len(waiting) < MOST_WORDS + 1:
        initial = _INITIAL.match(text, position)
        word = initial or WORD.match(text, position)
        if word is None:
            break
        said = POSSESSIVE.sub("", word.group())
        if words and (said in _CAPITAL_PARTICLES or (said.casefold() in PARTICLES and not said[0].isupper())):
            waiting.append(said)
        elif _can_be_of_a_name(said) and not text.startswith(("_", "@"), word.end()):
            words += [*waiting, said]
            waiting, end = [], word.start() + len(said)
        else:
            break
        if not text.startswith(" ", word.start() + len(said)):
            break
        position = word.end() + 1
    is_name = any(len(word.rstrip(".")) > 1 for word in words)
    if not is_name or "_".join(words).casefold() in brands_and_figures():
        return None
    return Name(start, end, tuple(words))


def titled_name_at(text: str, position: int) -> Name | None:
    """The same after a title such as `Dr.`."""
    name = name_at(text, position)
    return None if name and name.words[0].casefold() in _NOBODY_WITH_TITLE else name


def word_at(text: str, position: int) -> Name | None:
    """One word in any case of letters that can be a name, for speech is written down without capitals."""
    word = WORD.match(text, position)
    said = POSSESSIVE.sub("", word.group()) if word else ""
    if len(said) < FEWEST_LETTERS or said.casefold() in NO_NAME or _CONTRACTION.fullmatch(said) or _is_mask(said):
        return None
    return Name(position, position + len(said), (said,))


def _can_be_of_a_name(said: str) -> bool:
    is_word = said.casefold() in NO_NAME or _CONTRACTION.fullmatch(said) is not None
    return said[0].isupper() and not is_word and not _is_mask(said)


def _is_mask(said: str) -> bool:
    """Whether somebody took the name out before: `XXXX`."""
    return len(said) > 1 and len(set(said.casefold())) == 1


_OF_A_COMPANY = word_set(_WORDS["of_a_company"])


def plausible(name: Name | None) -> Name | None:
    """A name in which a word is in a list of names, or none is a word or a company."""
    if name is None or any(map(is_a_company, name.words)) or _OF_A_COMPANY & {word.casefold() for word in name.words}:
        return None
    long = [word for word in name.words if len(word) > 1 and not word.endswith(".")]
    is_known = any(map(is_in_a_list, long))
    is_unknown = all(map(may_be_a_name, long)) and not (name.words[0].isupper() and len(name.words[0]) < 6)
    return name if is_known or is_unknown else None


def given_in_small_letters(text: str, position: int) -> Name | None:
    """A given name of the list in small letters, as chats and transcripts have it."""
    word = word_at(text, position)
    is_given = word and word.words[0].islower() and word.words[0].capitalize() in given_names()
    return word if word and is_given and may_be_a_name(word.words[0]) else None
