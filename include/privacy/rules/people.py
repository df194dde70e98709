"""Find names of persons: by what people say before them, by where they stand, and by lists of given names.

No language model reads the text, so a rare name that nothing announces stays. What is found once in a record is found
everywhere in it.
"""

import re
from collections.abc import Iterator, Mapping

from include.privacy.engine import Finding
from include.privacy.rules.correspondence import CLOSINGS, GREETINGS, greeted, signed, thanked
from include.privacy.rules.introductions import INTRODUCTIONS, SELF, answering, asked_speaker, introduced, said_of_self
from include.privacy.rules.name_forms import (
    FEWEST_LETTERS,
    PARTICLES,
    WORD,
    Name,
    given_in_small_letters,
    name_at,
    titled_name_at,
    word_at,
)
from include.privacy.rules.name_lists import is_in_a_list, may_be_a_name
from include.privacy.rules.name_places import correspondents, introduced_without_capitals, signatures, speakers, spelt
from include.privacy.rules.name_things import is_a_thing
from include.privacy.rules.searched import Anchor, Searched
from include.privacy.rules.small_letter_names import TURKISH, called_small, small_name, titled_small
from include.privacy.rules.speakers import words_of_speaker
from include.privacy.rules.word_lists import word_set, words_of
from include.privacy.search_text import UNSPACED

_WORDS = words_of("people")

_TITLES = word_set(_WORDS["titles"])
# These are titles in small letters too.
_LOWER_TITLES = word_set(_WORDS["lower_titles"])
# After these a name may begin with a small letter, as in speech that a machine wrote down.
# These are words of other languages, so what follows must be in a list.
_TITLES_THAT_ARE_WORDS = word_set("bay pan don hr ing dra fru")
_SPOKEN_TITLES = word_set("mr mrs ms mister missus mevrouw meneer dhr")
_RELATIVES = word_set("son daughter wife husband mother father brother sister colleague partner femme mari fille fils")
_OWNER_BEFORE = re.compile(r"\b(?:my|his|her|our|your|mon|ma) $", re.IGNORECASE)
# A capitalised word after one of these is a name if a list has it.
_COMPANIONS = {
    **dict.fromkeys(word_set("speaking spoke spoken talked talking chatted"), r"[^\W\d_]+ (?:to|with) "),
    "ask": r"ask for ",
    **dict.fromkeys(word_set(_WORDS["companions"]), r"[^\W\d_]+,? "),
}
NAME_WORDS = {
    **dict.fromkeys(SELF, "self"),
    **dict.fromkeys(INTRODUCTIONS, "introduction"),
    **dict.fromkeys(_TITLES, "title"),
    **dict.fromkeys(_COMPANIONS, "companion"),
    **dict.fromkeys(GREETINGS, "greeting"),
    **dict.fromkeys(CLOSINGS, "closing"),
    "apparat": "answering",
}
_ACCOMPANIED = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in _COMPANIONS.items()}
# So many around a word tell its language; the whole text each time would take long.
_LANGUAGE_CHARACTERS = 200
_AFTER_TITLE = re.compile(r"[^\W\d_]+\.?(?:(?:ssa|ra|na|ri|ª)\.?)? (?:(?:Dr|Prof)\. )?")


def find_people(searched: Searched) -> Iterator[Finding]:
    """Names of persons; those that the record has shown before are found again wherever they stand."""
    text = searched.text
    names = [
        *speakers(text),
        *correspondents(text),
        *signatures(text),
        *spelt(text, searched.anchors.get("spelt", ())),
        *introduced_without_capitals(text),
    ]
    for anchor_name, anchors in searched.anchors.items():
        find = _FINDERS.get(anchor_name)
        if find is not None:
            found = filter(None, [find(text, anchor) for anchor in anchors])
            names += [name for name in found if anchor_name not in _ONLY_LISTED or not is_a_thing(text, name)]
    words: set[str] = set()
    for name in sorted(names, key=lambda name: -len(name.words)):
        _remember(searched.people, name.words, text, words)
    if not names and not searched.people:
        return
    for name in names:
        yield Finding(name.start, name.end, "PERSON", _key(searched.people, name.words))
    yield from _known(text, searched.people)


def person_in_column(name: str, people: dict[str, str]) -> str:
    """The key of the person whose name is all that a column holds.

    Args:
        name: such as `Dana Whitlock`, or a nickname.
        people: of the record; added to, so that texts redacted later lack the name too.
    """
    whole = name_at(name, 0)
    if whole is None or whole.end != len(name):
        return people.get(name, name.casefold())
    key = _key(people, whole.words)
    for word in whole.words:
        # `Will` may be a person, but in a reply it is hardly ever this one.
        if len(word) >= FEWEST_LETTERS and word.casefold() not in PARTICLES and may_be_a_name(word):
            people.setdefault(word, key)
    return key


def know_speaker(name: str, people: dict[str, str]) -> str:
    """The key of the person whom a format names as a speaker; the words of the name are then known in the record.

    Args:
        name: as it stands in the label, without a role.
        people: of the record; added to.
    """
    key = person_in_column(name, people)
    for word in words_of_speaker(name):
        people.setdefault(word, key)
        if word.islower() or (word.isupper() and len(word) > FEWEST_LETTERS):
            people.setdefault(word.capitalize(), key)
    return key


def _known(text: str, people: Mapping[str, str]) -> Iterator[Finding]:
    """Words of known names; those of one person that stand side by side are one finding."""
    last: Finding | None = None
    for word in WORD.finditer(text):
        said = word.group()
        key = people.get(said)
        if key is None and said[-2:] in ("'s", "’s"):
            said = said[:-2]
            key = people.get(said)
        if key is None:
            continue
        end = word.start() + len(said)
        if last and last.key == key and text[last.end : word.start()] == " ":
            last = last._replace(end=end)
            continue
        if last:
            yield last
        last = Finding(word.start(), end, "PERSON", key)
    if last:
        yield last
    # Within a line of Chinese no word stands by itself.
    for name, key in people.items():
        if UNSPACED.search(name):
            for place in re.finditer(re.escape(name), text):
                yield Finding(*place.span(), "PERSON", key)


def _remember(people: dict[str, str], words: tuple[str, ...], text: str, no_names: set[str]) -> None:
    key = _key(people, words)
    for word in words:
        if word in people or word in no_names or len(word) < FEWEST_LETTERS or word.casefold() in PARTICLES:
            continue
        # `Venue` was somebody's answer, but where `venue` is said too, it is a word.
        if word[0].isupper() and not is_in_a_list(word) and f" {word.casefold()} " in text:
            no_names.add(word)
            continue
        people[word] = key
        if not word[0].isupper() and may_be_a_name(word):
            people.setdefault(word.capitalize(), key)


def _key(people: dict[str, str], words: tuple[str, ...]) -> str:
    """The same for the whole name and for a part of it that stands alone."""
    first = people.get(words[0])
    return first if first and (len(words) == 1 or " " not in first) else " ".join(words).casefold()


def _titled(text: str, anchor: Anchor) -> Name | None:
    if not text[anchor.start].isupper() and anchor.word not in _LOWER_TITLES:
        return None
    title = _AFTER_TITLE.match(text, anchor.start)
    if title is None:
        return None
    name = titled_name_at(text, title.end())
    if anchor.word in _TITLES_THAT_ARE_WORDS:
        return name if name and any(map(is_in_a_list, name.words)) else None
    return name or (word_at(text, title.end()) if anchor.word in _SPOKEN_TITLES else None)


def _accompanied(text: str, anchor: Anchor) -> Name | None:
    answer = asked_speaker(text, anchor)
    said = _ACCOMPANIED[anchor.word].match(text, anchor.start)
    name = name_at(text, said.end()) if said else None
    if answer is not None or said is None:
        return answer
    if name is None:
        return given_in_small_letters(text, said.end())
    is_relative = (
        may_be_a_name(name.words[0])
        and anchor.word in _RELATIVES
        and _OWNER_BEFORE.search(text, max(anchor.start - 6, 0), anchor.start)
    )
    return name if is_relative or is_in_a_list(name.words[0]) else None


def _given(text: str, anchor: Anchor) -> Name | None:
    is_in_a_word = text[anchor.start - 1 : anchor.start] == "-" and text[anchor.start - 2 : anchor.start - 1].isalpha()
    name = None if is_in_a_word else name_at(text, anchor.start)
    if name is None:
        return None
    # `Otto-Werbespot`, but `Marie-Claire`.
    if "-" in name.words[0] and not all(map(is_in_a_list, name.words[0].split("-"))):
        return None
    # A Turk says `ben` of himself.
    start, end = max(name.start - _LANGUAGE_CHARACTERS, 0), name.end + _LANGUAGE_CHARACTERS
    is_turkish = name.words[0] == "Ben" and TURKISH.search(text, start, end)
    return None if is_turkish else name


# What these find is known by the lists alone.
_ONLY_LISTED = frozenset({"given_name", "small_name"})
_FINDERS = {
    "introduction": introduced,
    "title": _titled,
    "self": said_of_self,
    "companion": _accompanied,
    "answering": answering,
    "greeting": greeted,
    "closing": signed,
    "given_name": _given,
    "thanks": thanked,
    "small_name": small_name,
    "called_small": called_small,
    "titled_small": titled_small,
}
