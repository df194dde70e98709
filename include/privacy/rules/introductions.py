"""Find names that are introduced: `my name is Dana`, `this is Dana speaking`, or the answer to the question for it."""

import re

from include.privacy.rules.name_forms import Name, name_at, plausible, word_at
from include.privacy.rules.name_lists import (
    ambiguous_given_names,
    given_names,
    is_a_company,
    is_in_a_list,
    may_be_a_name,
)
from include.privacy.rules.searched import Anchor
from include.privacy.rules.small_letter_names import is_family_name
from include.privacy.rules.word_lists import one_of, word_set, words_of

_WORDS = words_of("introductions")

# What is followed by the speaker's name, in any case of letters; the word before that these need, if any.
INTRODUCTIONS = {
    **{word: rf"{word}(?: is|:| ist| es| est| è| é| to| är) " for word in word_set(_WORDS["parts_of_names"])},
    **{word: f"{word} " for word in word_set(_WORDS["said_before_names"])},
    # These only ask.
    **dict.fromkeys(word_set("chiama heißen nazywa adınız isminiz appelez llama quién"), r"(?!)"),
    **_WORDS["up_to_the_name"],
}
# The question for a name, and what comes before it in the next speaker's answer.
_ANSWER = rf"[^\n?.]{{0,30}}[?.]?[ ]?\n[^\n:]{{1,24}}: ?(?:{one_of(_WORDS['before_answers'])}[,.]? ){{0,4}}"
_THING = rf"(?! (?:of|for) (?:the|your|this|that|our) {one_of(_WORDS['things'])})"
_ASKED = one_of(_WORDS["asked"])
_NAME_ASKED = re.compile(_ASKED + _THING + _ANSWER, re.IGNORECASE)
_SPEAKER_ASKED = re.compile(r"(?:speaking|talking)(?: with| to)?" + _ANSWER, re.IGNORECASE)
# The answer may be spelt: `o c a m p o`.
_LETTERS = re.compile(r"[^\W\d_](?:[ .,-]{1,2}[^\W\d_]){2,30}(?!\w)")
_ANSWER_END = re.compile(r"[.,!?]|\s*\n|$")
# Whoever says one of these may go on with the own name.
SELF = {
    **dict.fromkeys(("i'm", "i’m", "sono", "soy", "sou", "suis", "bin", "ben", "it's", "it’s"), r"\S+ "),
    "am": r"(?<=i )am ",
    "main": r"main ",
    "this": r"this is ",
}
_SAID_SELF = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in SELF.items()}
_SELF_END = re.compile(r"[.!]? ?(?:\n|$)|,? (?:here|speaking|calling|from|again)\b|[.,] ")
_SPEAKING_END = re.compile(r",? (?:here|speaking|calling|from)\b")
_SENTENCE_BEFORE = re.compile(r"(?:^|[.!?\n]) ?(?:I )?$")
_HERE_END = re.compile(r",? (?:here|speaking|calling|from|and)\b|[.,!]?\n|[.,!] ")
_GREETING_BEFORE = re.compile(
    r"\b(?:hi|hello|hey|hallo|hola|bonjour|ciao|olá|morning|afternoon|evening)(?: there)?[,.! ]{1,2}$", re.IGNORECASE
)
_TURN_BEFORE = re.compile(r"(?:^|\n)[^\n:]{1,24}: [^\n]{0,30}$")
# `Mikołajewski, first name Ray`
_PART_BEFORE = re.compile(r"\b(?:first|last|family|given|middle|maiden) $", re.IGNORECASE)
_TURN_START = re.compile(r"(?:^|\n)[^\n:]{1,24}: $")
_ANSWERED_BY = re.compile(r"[^\W\d_]+(?= am $)")
_NEED_OWNER = word_set("name name's name’s nombre nom nome naam namn adım chamo heet")
_OWNER = re.compile(
    rf"{one_of(_WORDS['owners'])}(?: \w+['’]s)?"
    r"(?: full| last| first| voller| maiden| middle| family| legal| married| real)? $",
    re.IGNORECASE,
)
_INTRODUCED = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in INTRODUCTIONS.items()}


def introduced(text: str, anchor: Anchor) -> Name | None:
    """`My name is Dana`, `account holder: Dana`, or the answer to the question for it."""
    answer = _answer(text, _NAME_ASKED.match(text, anchor.start))
    if answer is not None:
        return answer
    is_turkish_turn = anchor.word == "adım" and _TURN_START.search(text, max(anchor.start - 26, 0), anchor.start)
    if (
        anchor.word in _NEED_OWNER
        and not is_turkish_turn
        and not _OWNER.search(text, max(anchor.start - 20, 0), anchor.start)
    ):
        return None
    said = _INTRODUCED[anchor.word].match(text, anchor.start)
    if said is None:
        is_part = anchor.word == "name" and _PART_BEFORE.search(text, max(anchor.start - 8, 0), anchor.start)
        return plausible(name_at(text, anchor.end + 1)) if is_part else None
    name = name_at(text, said.end()) or _in_small_letters(text, said.end())
    is_a_firm = name and anchor.word in ("behalf", "holder") and is_a_company(name.words[0])
    return None if is_a_firm else name


def asked_speaker(text: str, anchor: Anchor) -> Name | None:
    """The answer to `Who am I speaking to?`."""
    return _answer(text, _SPEAKER_ASKED.match(text, anchor.start))


def said_of_self(text: str, anchor: Anchor) -> Name | None:
    """`i'm jamal` by the lists, in any case of letters; `It's Farida Hosseinzadeh.` at the beginning of a turn."""
    said = _SAID_SELF[anchor.word].match(text, anchor.start)
    if said is None:
        return None
    word = word_at(text, said.end())
    if word and not word.words[0][0].isupper():
        return _in_small_letters(text, said.end()) if word.words[0].capitalize() in given_names() else None
    name = plausible(name_at(text, said.end()))
    if name is None or not _SELF_END.match(text, name.end):
        return None
    is_turn = _TURN_BEFORE.search(text, max(anchor.start - 60, 0), anchor.start)
    is_after_greeting = _GREETING_BEFORE.search(text, max(anchor.start - 24, 0), anchor.start)
    is_known = len(name.words) > 1 or name.words[0] in ambiguous_given_names()
    if anchor.word == "this" and _SPEAKING_END.match(text, name.end):
        return name
    is_sentence = anchor.word != "this" and _SENTENCE_BEFORE.search(text, max(anchor.start - 4, 0), anchor.start)
    is_announced = is_turn or is_after_greeting or is_sentence or _SPEAKING_END.match(text, name.end)
    return name if (is_known and is_announced) or (is_after_greeting and _HERE_END.match(text, name.end)) else None


def answering(text: str, anchor: Anchor) -> Name | None:
    """Who answers a German telephone: `Schneider am Apparat`."""
    said = _ANSWERED_BY.search(text, max(anchor.start - 30, 0), anchor.start)
    return name_at(text, said.start()) if said else None


def _answer(text: str, asked: re.Match[str] | None) -> Name | None:
    """A name that is the whole answer to the question for it, in any case of letters, or begins it with a capital."""
    if asked is None:
        return None
    name, end = name_at(text, asked.end()), asked.end()
    words = [] if name is None else [name]
    while sum(len(part.words) for part in words) < 4:
        if words:
            if not text.startswith(" ", words[-1].end):
                break
            end = words[-1].end + 1
        word = word_at(text, end)
        if word is None:
            break
        words.append(word)
    said = tuple(word for part in words for word in part.words)
    is_name = any(is_in_a_list(word.capitalize()) or may_be_a_name(word) for word in said)
    letters = _LETTERS.match(text, asked.end())
    if letters:
        return Name(*letters.span(), ("".join(filter(str.isalpha, letters.group())).casefold(),))
    if is_name and _ANSWER_END.match(text, words[-1].end):
        return Name(words[0].start, words[-1].end, said)
    return name if name and any(is_in_a_list(word) or may_be_a_name(word) for word in name.words) else None


def _in_small_letters(text: str, position: int) -> Name | None:
    """One to three words of no language that the samples have, or a given name and what such words follow it."""
    words: list[Name] = []
    while len(words) < 3 and (word := word_at(text, position)):
        said = word.words[0]
        is_next = is_family_name(said, text) if words else may_be_a_name(said) or is_in_a_list(said.capitalize())
        if not is_next:
            break
        words.append(word)
        if not text.startswith(" ", word.end):
            break
        position = word.end + 1
    return Name(words[0].start, words[-1].end, tuple(word.words[0] for word in words)) if words else None
