"""Find names in small letters, as calls that a machine wrote down and hasty chats have them.

A given name that is no word of any language is found wherever it stands; a word of no list where it is said of whom
one speaks: `this is kayode from`, `ask for xiomara`, `ms ocampo`.
"""

import re

from include.privacy.rules.name_forms import FEWEST_LETTERS, NO_NAME, WORD, Name, word_at
from include.privacy.rules.name_lists import given_in_small_letters, is_in_a_list, may_be_a_name
from include.privacy.rules.searched import Anchor
from include.privacy.rules.word_lists import word_set, words_of

_WORDS = words_of("small_letter_names")

_FILLER = r"(?:(?:uh|um|er|erm|eh|ähm|euh|like|a certain|some|some guy called|someone called) )?"
_CALLER_END = r"(?= (?:from|here|again|calling|speaking|on the (?:line|phone))\b)"
_END = r"(?= (?:from|here|again|calling|speaking|with|in|at|how|may|please|today|about|she|he)\b|[.,!?\n]|$)"
_RELATIVES = word_set(_WORDS["relatives"])
# After the word, up to the name; whether something must stand behind the name; whether a list must have it.
_CALLED = {
    word: (called["before"], called["needs_end"], called["needs_list"])
    for called in _WORDS["called"]
    for word in word_set(called["words"])
}
_CALLED |= dict.fromkeys(_RELATIVES, (r"(?:(?<=my )|(?<=her )|(?<=his ))\S+ ", False, False))
_TITLED = {
    **dict.fromkeys(word_set("ms miss mr mrs mister missus doctor dr auntie"), False),
    **dict.fromkeys(word_set(_WORDS["titles_of_other_languages"]), True),
}
_PARTICLE = re.compile(r"(?:(?:ó|ní|el|al|van|der|den|ter|von|zu|de|da|do|dos|di|bin|ibn|abu|ould|mac|mc) ){1,3}")
# Who says so before a title says a name behind it.
_INTRODUCED = re.compile(
    r"\b(?:hier ist|hier spricht|c['’]est|ici|met|con|soy|sono|sou|aqui é|här är|mit)"
    r" (?:de |la |el |a |o |il )?$"
)
_FOLLOWS = re.compile(_END)
_FOLLOWS_CALLER = re.compile(_CALLER_END)
_FOLLOWS_RELATIVE = re.compile(r" (?:is|was|and|has|had|who|he|she|said|called|on)\b|['’]s\b|[.,!?\n]|$")
_CALLERS = frozenset({"this", "it's", "it’s"})
# Of an address, a host, a nickname, an id such as `ba7-ebba-4122`.
_PART_BEFORE = re.compile(r"[@/_#\d]-?$|\w\.$")
_PART_AFTER = re.compile(r"[@/_#]|-?\d|\.\w")
_UNIT = re.compile(r"\d ?$")
_WORD_BEFORE = re.compile(r"(?<![^\s(\"])([a-z]{4,}) $")
_PATTERNS = {word: re.compile(before + _FILLER, re.IGNORECASE) for word, (before, _, _) in _CALLED.items()}
_TITLE = re.compile(r"[^\W\d_]+\.? ")
_OWNED = re.compile(r"\b(?:meine?|ihre?|seine?|eine?|die|der|une|la|ma|ta) $")
SMALL_WORDS = {
    **dict.fromkeys(_CALLED, "called_small"),
    **dict.fromkeys(_TITLED, "titled_small"),
}
TURKISH = re.compile(r"[ğışİŞĞ]")
_MOST_WORDS = 3
# What callers in other languages say behind a name, without a letter beyond ASCII.
_OTHER_WORDS = word_set(_WORDS["other_words"])


def small_name(text: str, anchor: Anchor) -> Name | None:
    """A given name of the list, the family name behind it, and the given name of no list before it: `kiela martell`."""
    if _PART_BEFORE.search(text, max(anchor.start - 2, 0), anchor.start) or _PART_AFTER.match(text, anchor.end):
        return None
    name = with_family_name(text, anchor.start)
    if name is None or not text.isascii() or name.words[0].isupper():
        return name
    given = _WORD_BEFORE.search(text, max(name.start - 20, 0), name.start)
    if given is None or not may_be_a_name(given[1]) or word_at(text, given.start(1)) is None:
        return name
    return Name(given.start(1), name.end, (given[1], *name.words))


def with_family_name(text: str, position: int) -> Name | None:
    """The word at a place and up to two behind it that may be family names."""
    word = word_at(text, position)
    if word is None:
        return None
    words, end = [word.words[0]], word.end
    while len(words) < _MOST_WORDS and text.startswith(" ", end):
        particle = _PARTICLE.match(text, end + 1)
        following = WORD.match(text, particle.end() if particle else end + 1)
        is_next = following and (
            is_family_name(following.group(), text) or (particle and _is_behind_particle(following.group()))
        )
        if following is None or not is_next:
            break
        words.append(following.group())
        end = following.end()
    return Name(position, end, tuple(words))


def called_small(text: str, anchor: Anchor) -> Name | None:
    """`this is kayode from`, `my husband jean-baptiste`, `the surname's ó súilleabháin`."""
    _, needs_end, needs_list = _CALLED[anchor.word]
    said = _PATTERNS[anchor.word].match(text, anchor.start)
    if said is None:
        return None
    particle = _PARTICLE.match(text, said.end())
    start = particle.end() if particle else said.end()
    name = with_family_name(text, start) if _is_name(text, start, needs_list) else None
    if (
        anchor.word in _RELATIVES
        and name
        and not is_known(name.words[0])
        and not _FOLLOWS_RELATIVE.match(text, name.end)
    ):
        return None
    end = _FOLLOWS_CALLER if anchor.word in _CALLERS and name and not is_known(name.words[0]) else _FOLLOWS
    if name is None or (needs_end and not end.match(text, name.end)):
        return None
    return name._replace(start=said.end())


def titled_small(text: str, anchor: Anchor) -> Name | None:
    """`ms ocampo`, `mevrouw el bouazzaoui`."""
    title = _TITLE.match(text, anchor.start)
    if title is None or not text[anchor.start].islower() or _UNIT.search(text, max(anchor.start - 2, 0), anchor.start):
        return None
    is_introduced = _INTRODUCED.search(text, max(anchor.start - 24, 0), anchor.start)
    needs_list = _TITLED[anchor.word] and not is_introduced
    if needs_list and _OWNED.search(text, max(anchor.start - 6, 0), anchor.start):
        return None
    particle = _PARTICLE.match(text, title.end())
    start = particle.end() if particle else title.end()
    name = with_family_name(text, start) if _is_name(text, start, needs_list and not particle) else None
    return name._replace(start=title.end()) if name else None


def _is_behind_particle(said: str) -> bool:
    return said.islower() and said not in NO_NAME | _OTHER_WORDS and may_be_a_name(said)


def is_known(said: str) -> bool:
    """Whether a list has a name that is written in small letters."""
    return any(is_in_a_list(form) for form in (said, said.capitalize(), said.title()))


def _is_name(text: str, position: int, needs_list: bool) -> bool:
    word = word_at(text, position)
    if word is None or not word.words[0].islower():
        return False
    said = word.words[0]
    is_listed = said in given_in_small_letters() or is_known(said)
    return may_be_a_name(said) and (is_listed or "-" in said or not needs_list)


def is_family_name(said: str, text: str) -> bool:
    """Whether a word may be a family name behind a given one.

    Of texts with other letters than those of English no list tells what is no name.
    """
    if not said.islower():
        return False
    if said in given_in_small_letters():
        return True
    is_word = said in _OTHER_WORDS or said in NO_NAME or len(said) < FEWEST_LETTERS or "'" in said
    is_readable = text.isascii() or not (said.isascii() or TURKISH.search(said))
    return is_readable and not is_word and may_be_a_name(said)
