"""Find names in greetings, in thanks and under closings of letters, in ten languages."""

import re

from include.privacy.rules.name_forms import Name, given_in_small_letters, name_at, plausible, word_at
from include.privacy.rules.name_lists import ambiguous_given_names, is_in_a_list, may_be_a_name
from include.privacy.rules.name_places import LINE_END
from include.privacy.rules.searched import Anchor
from include.privacy.rules.word_lists import word_set, words_of

_WORDS = words_of("correspondence")

_AND = re.compile(r" (?:&|and|und|et|y|e|en|och|ve)\b| & ")
_LINE_BEFORE = re.compile(r"(?:^|\n)[> ]*(?:[^\n:]{1,24}: ?)?$")
GREETINGS = word_set(_WORDS["greetings"])
CLOSINGS = word_set(_WORDS["closings"])
# Behind these and a comma anybody may stand: `Thanks, Support`.
_THANKS = word_set("thanks thank thx merci danke gracias grazie obrigado obrigada dziękuję bedankt tack cheers best")
THANKS_WORDS = word_set("thanks thank thx merci danke gracias grazie obrigado obrigada cheers")
_THANKED = re.compile(r"\S+(?: you)?(?: (?:so much|very much|a lot|again))?(?:,| to| a)? ")
_THANKED_FOR = re.compile(r"[!.,)\n]|$| (?:and|for|at|from|in|you|und|für|et|pour|y|por|e|per|pela|pelo|en|voor|&)\b")
_LINE_START = re.compile(r"(?:^|\n)(?:[^\W\d_]+ ){0,2}$")
# Behind a name that is signed: the company, the place, the telephone number.
_SIGNED_END = re.compile(r"[.,! ]{0,2}(?:\n|$)|,? ?[|/•·(\x00–-]")
_CONTACT = re.compile(r"[,.]? ?[|\x00]")
_TEXT_END = re.compile(r"[.! ]{0,2}\s{0,4}$")
_AFTER_CLOSING = re.compile(
    r"[^\W\d_]+(?: you| again| in advance| very much| a lot){0,2}(?P<gap>[,.!\-–— ]{0,3}\s{0,4})"
)


def greeted(text: str, anchor: Anchor) -> Name | None:
    """A greeting that is a line by itself may greet anybody; within a line, a name of the lists."""
    name = name_at(text, anchor.end + 1)
    if name and _LINE_BEFORE.search(text, max(anchor.start - 30, 0), anchor.start) and "\n" in text[name.end :][:3]:
        return name
    if name and _AND.match(text, name.end) and _LINE_BEFORE.search(text, max(anchor.start - 30, 0), anchor.start):
        return plausible(name)
    word = word_at(text, anchor.end + 1)
    # A Turk says `ben` of himself.
    if word and word.words[0] == "ben" and anchor.word in ("merhaba", "selam"):
        return None
    is_greeted = word and word.words[0] in ambiguous_given_names() and text[word.end : word.end + 1] in ",!\n"
    return word if is_greeted else given_in_small_letters(text, anchor.end + 1)


def signed(text: str, anchor: Anchor) -> Name | None:
    """A name that is all there is on the line after a closing, or behind its comma at the end of the line."""
    closing = _AFTER_CLOSING.match(text, anchor.start)
    is_alone = closing is not None and "\n" in closing["gap"]
    small = _signed_in_small_letters if is_alone or anchor.word not in _THANKS else given_in_small_letters
    name = (name_at(text, closing.end()) or small(text, closing.end())) if closing else None
    if closing is None or name is None:
        return None
    if "\n" in closing["gap"] and not name.words[0][0].isupper():
        return name if _TEXT_END.match(text, name.end) else None
    if "\n" in closing["gap"]:
        return name if _SIGNED_END.match(text, name.end) else None
    if not (LINE_END.match(text, name.end) or _CONTACT.match(text, name.end)):
        return None
    if not name.words[0][0].isupper():
        return name if LINE_END.match(text, name.end) else None
    is_last = _LINE_START.search(text, max(anchor.start - 30, 0), anchor.start) and _TEXT_END.match(text, name.end)
    is_regards = (anchor.word not in _THANKS or is_last) and plausible(name) is not None
    is_set_off = not {",", "-", "–"}.isdisjoint(closing["gap"])
    return name if is_set_off and (is_regards or any(map(is_in_a_list, name.words))) else None


def _signed_in_small_letters(text: str, position: int) -> Name | None:
    """`regards musa` at the end of a text."""
    word = word_at(text, position)
    if word is None or not word.words[0].islower() or not _TEXT_END.match(text, word.end):
        return given_in_small_letters(text, position)
    return word if may_be_a_name(word.words[0]) else None


def thanked(text: str, anchor: Anchor) -> Name | None:
    """`thanks Siobhán and Tariq at the branch`."""
    said = _THANKED.match(text, anchor.start)
    if said is None:
        return None
    name = plausible(name_at(text, said.end())) or given_in_small_letters(text, said.end())
    return name if name and _THANKED_FOR.match(text, name.end) else None
