"""Who is named as a speaker by the format of a transcript or chat: a role, which stays, or a person, who does not.

A voice tag, a field `speaker` and the name before a colon hold nothing but a role or a name, so what is no word of a
language is a name here: `王小明`, `tjorven.q`, `Qvarnholt, Tjorven (Lamps Ltd)`.
"""

import re

from include.privacy.rules.name_forms import FEWEST_LETTERS, PARTICLES, WORD
from include.privacy.rules.name_lists import ambiguous_given_names, given_names, may_be_a_name
from include.privacy.rules.name_places import ROLES
from include.privacy.rules.word_lists import word_set, words_of
from include.privacy.search_text import UNSPACED

_WORDS = words_of("speakers")

# What formats and offices call those who speak, beside the words that `common_words.txt` has.
_OFFICES = word_set(_WORDS["offices"])
# As machines number those whom they tell apart: `spk_0`, `Speaker 2`, `Teilnehmer 3`.
_NUMBERED = re.compile(r"[^\W\d_]{1,14}[ _#-]?\d{1,4}")
_IN_BRACKETS = re.compile(r" ?[(\[][^()\[\]]{0,40}[)\]]$")


def person_of_speaker(label: str) -> tuple[int, int] | None:
    """Where in a label the person stands; None if it is a role. `Agent Qvarnholt (EU)` is an agent, and a person."""
    end = len(label)
    if (brackets := _IN_BRACKETS.search(label)) and not _names(label[brackets.start() :]):
        end = brackets.start()
    names = _names(label[:end])
    if not names or (_NUMBERED.fullmatch(label) and not _is_given(names[0].group())):
        return None
    start = names[0].start()
    # An initial belongs to the name that follows it.
    for word in WORD.finditer(label, 0, start):
        if len(word.group()) == 1:
            start = word.start()
            break
    return start, end


def words_of_speaker(name: str) -> list[str]:
    """The words of a person's name by which he is known in the rest of the record."""
    words = [word.group() for word in _names(name)]
    return [word for word in words if UNSPACED.search(word) or len(word) >= FEWEST_LETTERS]


def _names(label: str) -> list[re.Match[str]]:
    return [word for word in WORD.finditer(label) if _is_name(word.group())]


def _is_name(word: str) -> bool:
    plain = word.casefold()
    if ROLES.fullmatch(plain) or plain in PARTICLES or plain in _OFFICES:
        return False
    # `Hyun-woo` is no word, although `woo` is one.
    parts = [part for part in plain.split("-") if len(part) > 1]
    return _is_given(word) or any(map(may_be_a_name, parts))


def _is_given(word: str) -> bool:
    return word.capitalize() in given_names() or word.capitalize() in ambiguous_given_names()
