"""Tell names of persons that nothing announces from what is called like a person: brands, places, works, goods."""

import re

from include.privacy.rules.name_forms import POSSESSIVE, WORD, Name
from include.privacy.rules.name_lists import brands_and_figures
from include.privacy.rules.word_lists import one_of, word_set, words_of

_WORDS = words_of("name_things")

# A town is called so, or a king in a game, or a storm; `the Victoria sofa`, `chez Jules`, `I play as Mario`.
_BEFORE = re.compile(
    rf"(?:\b{one_of(_WORDS['before'])}|\b(?:via|rue|calle|rua|avenida|plaza|piazza|place|ulica|ul\.)) $", re.IGNORECASE
)
_AFTER = word_set(_WORDS["after"])
_REACH = 16
_FIRM = re.compile(
    r" (?:&|and|und|et|y|e|en|och) [^\W\d_]+(?:['’]s\b| (?:Ltd|LLC|Inc|GmbH|Co|PLC|plc|LLP|AG|Partner)\b)"
)
_OF_A_FIRM = re.compile(r"[^\W\d_]+ (?:& $|(?:and|und|et) $)")
_FIRM_END = re.compile(r"['’]s\b| (?:Ltd|LLC|Inc|GmbH|Co|PLC|plc|LLP|AG|Partner)\b")
_TRAVEL = re.compile(r" (?:to|nach) [A-ZÄÖÜ][a-zäöü]+ (?:in|by|on|for|and|was|with|flight|route)\b")
_CHARACTER = re.compile(
    r"[^.!?\n]{0,40}?\b(?:personaggi|personagg\w+|characters?|personajes?|personagens|personnages?|npcs?|spielfigur\w*)\b",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"(?<![^\W\d_])([^\W\d_]+) $")


def is_a_thing(text: str, name: Name) -> bool:
    """Whether a name that only a list knows is said of a thing, a place or a figure."""
    start = max(name.start - _REACH, 0)
    if len(name.words) == 1 and _BEFORE.search(text, start, name.start):
        return True
    before = _LAST_WORD.search(text, max(name.start - 20, 0), name.start)
    if before and f"{before[1]}_{'_'.join(name.words)}".casefold() in brands_and_figures():
        return True
    after = WORD.match(text, name.end + 1)
    words = {*map(str.casefold, name.words[1:]), POSSESSIVE.sub("", after.group()).casefold() if after else ""}
    if words & _AFTER or _FIRM.match(text, name.end) or _TRAVEL.match(text, name.end):
        return True
    if _FIRM_END.match(text, name.end) and _OF_A_FIRM.search(text, max(name.start - 20, 0), name.start):
        return text[name.start - 2] == "&" or not text.startswith(("'", "’"), name.end)
    return bool(_CHARACTER.match(text, name.end))
