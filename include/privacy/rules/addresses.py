"""Find postal addresses: a street with a house number, and what follows it; post office boxes.

A street alone, a town or a postcode alone stays: it says where something was, not where somebody lives. The forms are
those of English, German, Dutch, Swedish, French, Spanish, Italian, Portuguese, Polish and Turkish addresses.
"""

import re
from collections.abc import Iterator

from include.privacy.engine import Finding
from include.privacy.rules.announced_addresses import find_announced_addresses
from include.privacy.rules.searched import Anchor, Searched, found_at
from include.privacy.rules.word_lists import one_of, word_set, words_of

_WORDS = words_of("addresses")

# English street names end in one of these.
_ENGLISH = word_set(_WORDS["english"])
# Turkish ones too, but the number follows.
_TURKISH = word_set("sokak sokağı sok sk caddesi cadde cad cd bulvarı blv bulvar mahallesi mah")
# Romance ones begin with one of these.
_ROMANCE = word_set(_WORDS["romance"])
# So short that they may be anything, unless the address has its postcode.
_SHORT_ROMANCE = ("c", "r", "al", "os", "pl")
_LONG_NUMBER = re.compile(r"\d{5}|\d{4}-\d{3}|\d\d-\d{3}")
_GERMANIC_ENDINGS = word_set(_WORDS["germanic_endings"])
# Alone they are words: a rank, a path, a piece of jewellery. English has words that end in `ring`.
_NO_STREET_ALONE = ("platz", "weg", "ring", "damm", "ufer", "plein", "dijk", "kade")
_ENGLISH_RING = re.compile(r"(?:sp|st|b|[a-z]{2,}e|[a-z]{2,}o|[a-z]{2,}u|[a-z]+[aeiour])ring", re.IGNORECASE)
_BEFORE_STREET = re.compile(
    r"(?<!\w)(?:(?:[^\W\d_a-zß-öø-ÿ][\w-]+(?:er|en|s)|[Aa](?:m|n der)|[Aa]uf dem|[Ii]m|[Zz]u[mr])"
    r"(?: [^\W\d_a-zß-öø-ÿ]\w+en)?) $"
)
# In the tables of words, by the search that they concern.
STREET_WORDS = _ENGLISH | _TURKISH | _ROMANCE | {"box"}
STREET_ENDINGS = (*(ending for ending in _GERMANIC_ENDINGS if len(ending) > 3), "str", "weg")

_CAP = r"[^\W\d_a-zß-öø-ÿ][\w'’.-]*"
_UK_POSTCODE = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
_STATE_AND_CODE = r"[A-Z]{2},? \d{5}(?:-\d{4})?|(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT),? \d{4}"
_COUNTRY_POSTCODE = rf"(?:{_STATE_AND_CODE}|(?:[A-Z]{{2}},? )?[A-Z]\d[A-Z] ?\d[A-Z]\d|{_UK_POSTCODE})"
_UNIT_BEFORE = re.compile(
    r"\b(?:flat|apartment|apt|unit|suite|room|lot|level)\.? ?[\w/]{1,6},?[ \n/-]{0,2}$", re.IGNORECASE
)
_UNIT = r"(?:[, ]{1,2}(?i:apt|apartment|flat|unit|suite|ste|floor)\.? ?#?\w{1,6})"
# The flat, in all languages: `3.º B`, `ap. 31`, `Daire: 5`, `m. 14`, `2e étage`, `lgh 1102`.
_FLAT = (
    rf"(?:,? ?(?:,|\n| |-)(?:(?i:{one_of(_WORDS['flats'])})\b[.:°º]{{0,2}} ?#?\w{{1,5}}"
    r"|\d{1,2}[.]?[ºª°](?: ?(?:[A-Z\d]{1,4}|izda|dcha|izq|der|[Dd]to|[Ee]sq|[Dd]ir)\b\.?)?|(?:bajo|ático|\d tr)\b"
    r"|\d{1,2}(?:e|er|ème|\.) (?:étage|verdieping|OG|Stock|piso)|(?:zi\.|\#)\w{1,5})){0,3}"
)
_ENGLISH_TAIL = re.compile(
    rf"{_UNIT}?(?:,?[ \n]{{1,2}}{_CAP}(?: {_CAP}){{0,2}}(?=,?[ \n]{{1,2}}{_COUNTRY_POSTCODE}))?"
    rf"(?:,?[ \n]{{1,2}}{_COUNTRY_POSTCODE})?(?!\w)"
)
# Between the house number and the word for the street: one to four words of a name.
_ENGLISH_HEAD = re.compile(
    r"(?<![\w.,#/-])\d{1,5}[A-Za-z]?,? "
    rf"(?P<name>(?:(?:[NSEW]\.? )?(?:{_CAP} ){{1,4}}|(?:(?:[NSEW]{{1,2}}|North|South|East"
    rf"|West)\.? )?\d{{1,3}}(?:st|nd|rd|th) ))$"
)
_NO_STREET = word_set(_WORDS["no_street"])
_TOWN_WORD = r"[^\W\d_a-zß-öø-ÿ][\w'’-]*"
_TOWN = rf"{_TOWN_WORD}(?: (?:de |la |am |an der )?{_TOWN_WORD}){{0,2}}"
_POSTCODE_AND_TOWN = (
    rf"(?:(?:,| -)?[ \n]{{0,2}}(?:[A-Z]{{1,2}}-)?(?:\d{{3}} \d\d|\d{{5}}-\d{{3}}|\d{{4,5}}(?:-\d{{3}})?"
    rf"|\d\d-\d{{3}})(?!\d)(?: [A-Z]{{2}}\b)?"
    rf"(?: {_TOWN}(?:/{_TOWN_WORD})?)?)"
)
_POSTCODE = re.compile(r"[, ]\d{5}\b")
_GERMANIC_TAIL = re.compile(
    rf"\.? \d{{1,4}}(?: ?[a-zA-Z](?![\w.] ?\d| \d)|(?:[-/]\d{{1,4}}){{1,3}}|(?:-| )(?i:hs|huis|bis"
    rf"|[iv]{{1,3}})\b)?(?![\w.,:/]\d)(?!\w){_FLAT}{_POSTCODE_AND_TOWN}?"
)
_SMALL = r"(?:de|da|do|das|dos|del|della|delle|dei|di|la|las|los|le|les|l'|d'|des|du|e|y|et|von|van)"
_STREET_NAME = rf"(?:{_SMALL}[ ]?){{0,3}}{_CAP}(?: (?:{_SMALL} ){{0,2}}{_CAP}){{0,4}}"
_NUMBER_FIRST = re.compile(r"(?<![\w.,#/-])\d{1,4}(?: ?(?:bis|ter|quater|[A-D]))?,? $", re.IGNORECASE)
_NAME_AFTER = re.compile(rf"[^\W\d_]+\.? {_STREET_NAME}{_FLAT}{_POSTCODE_AND_TOWN}?")
_NUMBER_AFTER = re.compile(
    rf"[^\W\d_]+(?:[./] ?| ){_STREET_NAME},? (?:n[.º°]{{1,2}} ?|nº |número |num\. ?)?"
    rf"\d{{1,4}}(?: ?[A-Za-z](?![\w.] ?\d| \d))?(?:/(?:\d{{1,4}}[a-z]?|[A-Z]))?(?![\w:/]|\.\d)"
    rf"{_FLAT}{_POSTCODE_AND_TOWN}?"
)
# `Menekşe Sokak No: 8 Daire: 5, 34710 Kadıköy/İstanbul`
_TURKISH_HEAD = re.compile(rf"(?<![\w.])(?:{_CAP} ){{1,3}}(?:Mah(?:allesi|\.)?,? (?:{_CAP} |\d{{1,4}}\.? ){{1,3}})?$")
_TURKISH_TAIL = re.compile(
    rf"\.?,? ?(?:(?:{_CAP} |\d{{1,4}}\.? ){{1,3}}(?:[Ss]o?k(?:ak|ağı)?|[Cc]ad(?:desi)?"
    rf"|[Bb]ulvarı)\.?,? ?)?(?:[Nn](?:o|umara)[.:]{{0,2}} ?)?"
    rf"\d{{1,4}}(?:/?[A-Za-z])?(?:/\d{{1,4}})?(?![\w:]|\.\d){_FLAT}(?:{_POSTCODE_AND_TOWN}"
    rf"|,? {_TOWN}/{_TOWN_WORD}|,?(?: {_TOWN_WORD}){{1,2}}(?=[.]?(?:\n|$)))?"
)
# A street without a word for one, known by the postcode that follows: `5 Quarry Bank, Sheffield S11 8PL`,
# `Im Bühl 7, 79100 Freiburg`.
_CODE = re.compile(
    rf"(?P<english>(?<![\w-])(?:{_COUNTRY_POSTCODE}))(?![\w-])"
    r"|(?P<other>(?<![\w.,/-])(?:[A-Z]{1,2}-)?(?:\d{4} [A-Z]{2}\b|\d{5}(?:-\d{3})?|\d{4}-\d{3}|\d\d-\d{3}|\d{3} \d\d)"
    rf" (?={_TOWN_WORD}))"
)
_NUMBER_AND_NAME = re.compile(
    rf"(?<![\w.,#/-])\d{{1,5}}[A-Za-z]? (?:{_CAP} ){{0,3}}{_CAP}(?:,? ?\n?{_FLAT}"
    rf"|),?[ \n]{{1,2}}(?:{_CAP}[ ]?){{1,3}},?[ \n]$"
)
_NAME_AND_NUMBER = re.compile(
    rf"(?<![\w.,#/-])(?:(?:{_SMALL}|(?i:am|im|an|auf|der|dem|den|zum|zur|in)) ?){{0,3}}{_CAP}(?: (?:(?:{_SMALL}"
    rf"|der|dem|den) ){{0,2}}{_CAP}){{0,3}},? "
    rf"(?:n[.º°]{{1,2}} ?|nº )?\d{{1,4}}(?: ?[A-Za-z])?(?:/\d{{1,4}})?{_FLAT}(?:,[ \n]{{0,2}}|\n)$"
)
_CODE_HINT = re.compile(r"\d ?\d{2}|\d[A-Z]{2}\b|\d[A-Z]\d")
_TOWN_AFTER = re.compile(rf"{_TOWN}")
_NUMBERED = word_set(_WORDS["numbered"])
# In small letters, as speech is written down, it counts only where somebody says that it is an address.
_NUMBER_SAID = one_of(_WORDS["numbers_said"])
_SPOKEN_HEAD = re.compile(
    rf"(?<![\w.,#/-])(?:\d{{1,5}}[a-z]?|(?:(?:{_NUMBER_SAID}|oh)[ -]){{0,4}}{_NUMBER_SAID}),? "
    r"(?P<name>(?:[^\W\d_][\w'’-]+ ){1,3})$",
    re.IGNORECASE,
)
_SPOKEN_TOWN = re.compile(
    r",? (?:in )?[^\W\d_]{3,20}(?: [^\W\d_]{3,20})?(?:,? [A-Z]{2}(?: \d{5})?)?(?=[.,]?(?:\n|$))", re.IGNORECASE
)
_ADDRESS_BEFORE = re.compile(rf"\b{one_of(_WORDS['announced'])}\b[^\x00]{{0,60}}$", re.IGNORECASE)
_POST_BOX = re.compile(rf"(?i:box):? \d{{1,6}}(?:,[ \n][^\W\d_][\w .'-]{{1,30}}?,?[ \n]{_COUNTRY_POSTCODE})?(?!\w)")
_POST_OFFICE_BEFORE = re.compile(r"\bP\.? ?O\.? $", re.IGNORECASE)
LONGEST_NAME = 60
LONGEST_BEFORE_CODE = 100
UNIT_CHARACTERS = 18
ADDRESS_CHARACTERS = 100


def find_addresses(searched: Searched) -> Iterator[Finding]:
    """Postal addresses: the street with its number, and the flat, postcode and town that follow it."""
    text = searched.text
    for anchor in searched.anchors.get("street", ()):
        before = text[max(anchor.start - LONGEST_NAME, 0) : anchor.start]
        span = _post_box(text, anchor.start, before) if anchor.word == "box" else None
        if anchor.word in _TURKISH:
            span = _turkish(text, anchor, before)
        if span is None and anchor.word in _ROMANCE:
            span = _romance(text, anchor, before)
        if span is None and anchor.word in _ENGLISH:
            span = _english(text, anchor.start, anchor.end, before)
        if span is None and anchor.word.endswith(STREET_ENDINGS) and text[anchor.start].isupper():
            span = _germanic(text, anchor, before)
        if span is not None:
            yield found_at(text, span, "ADDRESS")
    for match in _CODE.finditer(text) if _CODE_HINT.search(text) else ():
        span = _by_postcode(text, match)
        if span is not None:
            yield found_at(text, span, "ADDRESS")
    yield from find_announced_addresses(searched)


def _by_postcode(text: str, code: re.Match[str]) -> tuple[int, int] | None:
    first = max(code.start() - LONGEST_BEFORE_CODE, 0)
    before = text[first : code.start()]
    is_english = code.lastgroup == "english"
    head = (_NUMBER_AND_NAME if is_english else _NAME_AND_NUMBER).search(before)
    if head is None or any(word.strip(".,").casefold() in _NUMBERED for word in head.group().split()):
        return None
    town = None if is_english else _TOWN_AFTER.match(text, code.end())
    return first + head.start(), town.end() if town else code.end()


def _turkish(text: str, anchor: Anchor, before: str) -> tuple[int, int] | None:
    head = _TURKISH_HEAD.search(before)
    tail = _TURKISH_TAIL.match(text, anchor.end) if head else None
    return (anchor.start - len(head.group()), tail.end()) if head and tail else None


def _english(text: str, start: int, end: int, before: str) -> tuple[int, int] | None:
    head = _ENGLISH_HEAD.search(before) if text[start].isupper() else None
    if head is None:
        return _spoken(text, start, end, before)
    if any(word.casefold() in _NO_STREET for word in head["name"].split()):
        return None
    end += text[end : end + 1] == "."
    tail = _ENGLISH_TAIL.match(text, end)
    first = start - len(before) + head.start()
    unit = _UNIT_BEFORE.search(text, max(first - UNIT_CHARACTERS, 0), first)
    return unit.start() if unit else first, tail.end() if tail else end


def _spoken(text: str, start: int, end: int, before: str) -> tuple[int, int] | None:
    head = _SPOKEN_HEAD.search(before)
    first = start - len(before) + head.start() if head else start
    if head is None or any(word.casefold().rstrip("s") in _NO_STREET for word in head["name"].split()):
        return None
    if not _ADDRESS_BEFORE.search(text, max(first - ADDRESS_CHARACTERS, 0), first):
        return None
    town = _SPOKEN_TOWN.match(text, end)
    return first, town.end() if town else end


def _germanic(text: str, anchor: Anchor, before: str) -> tuple[int, int] | None:
    tail = _GERMANIC_TAIL.match(text, anchor.end)
    if tail is None or (_ENGLISH_RING.fullmatch(anchor.word) and not _POSTCODE.search(tail.group())):
        return None
    head = _BEFORE_STREET.search(before)
    if anchor.word in _NO_STREET_ALONE and head is None:
        return None
    is_alone = anchor.word in _NO_STREET_ALONE or anchor.word in ("straße", "strasse", "str", "allee", "gasse")
    return anchor.start - len(head.group()) if head and is_alone else anchor.start, tail.end()


def _romance(text: str, anchor: Anchor, before: str) -> tuple[int, int] | None:
    start = anchor.start
    number = _NUMBER_FIRST.search(before)
    if number:
        found = _NAME_AFTER.match(text, start)
        if found and anchor.word in _SHORT_ROMANCE and not _LONG_NUMBER.search(found.group()):
            return None
        return (start - len(before) + number.start(), found.end()) if found else None
    found = _NUMBER_AFTER.match(text, start)
    if found and anchor.word in _SHORT_ROMANCE and not _LONG_NUMBER.search(found.group()):
        return None
    is_abbreviated = text[anchor.end : anchor.end + 1] == "."
    return found.span() if found and (text[start].isupper() or is_abbreviated) else None


def _post_box(text: str, start: int, before: str) -> tuple[int, int] | None:
    office, box = _POST_OFFICE_BEFORE.search(before), _POST_BOX.match(text, start)
    return (start - len(before) + office.start(), box.end()) if office and box else None
