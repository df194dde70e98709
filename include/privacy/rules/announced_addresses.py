"""Find addresses in small letters or spoken where they are announced: `the address is seventeen larkfield road`.

The words after such a label are read as a row of letters that stand for their classes, so that one pattern serves
figures and numbers in words, and all languages.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from include.privacy.engine import Finding
from include.privacy.rules.number_words import ANDS, NUMBER_WORDS
from include.privacy.rules.searched import Searched, found_at
from include.privacy.rules.word_lists import word_set, words_of

_WORDS = words_of("announced_addresses")

# A noun announces an address before and after the next turn; a verb only what follows right away.
_NOUNS = word_set(_WORDS["nouns"])
_VERBS = word_set(_WORDS["verbs"])
ADDRESS_WORDS = _NOUNS | _VERBS
# Of a mail, a machine or a page.
_OTHER_BEFORE = re.compile(
    r"(?:e-?mail|mail|ip|mac|web|url|email|correo|elektroniczn\w*|eposta|e-posta|email-|of)[ -]?$", re.IGNORECASE
)
_BEFORE_STREETS = word_set(_WORDS["before_streets"])
_AFTER_STREETS = word_set(_WORDS["after_streets"])
_TURKISH_STREETS = word_set("sokak sokağı sokakta caddesi cadde caddesinde bulvarı mahallesi mah")
_STREET_ENDINGS = tuple(word_set(_WORDS["street_endings"]))
_ENDINGS_OF_WORDS = word_set("weg ring platz damm ufer always spring during bring string fjordring")
_UNITS = word_set(_WORDS["units"])
_NUMBER_WORDS_BEFORE = word_set("number no numero número num nº nummer numara numer nr n")
_FILLERS = word_set(_WORDS["fillers"])
_STOPS = word_set(_WORDS["stops"])
_LATER_ARTICLES = word_set("de la las los le les des du del della dei da do das dos di e y san santa saint")
# What a number counts.
_COUNTED = word_set(_WORDS["counted"])
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*\.?")
_END = re.compile(r"[?!;:\x00\n]|\.(?= [^\W\d]|\n|$)")
_FIGURE = re.compile(r"\d{1,4}[a-z]?|\d{1,4}")
# The halves of a postcode of the United Kingdom.
_OUTWARD_CODE = re.compile(r"[a-z]{1,2}\d[a-z\d]?")
_INWARD_CODE = re.compile(r"\d[a-z]{2}")
_POSTCODE = re.compile(r"\d{5}")
# Classes: n number, s word after a street's name, t the same in Turkish, r word before it, g name with a street's
# ending, u flat, o `number`, l letter, q and v a postcode's halves, p postcode, w other word, x what ends an address.
_UNIT = r"(?:u[nl]{1,4}|n?u)"
_ADDRESS = re.compile(
    rf"(?:{_UNIT})?(?:n{{1,5}}l?w{{1,3}}s|n{{1,5}}l?w{{1,6}}(?=qv)|n{{1,5}}l?r[wsg]{{1,5}}|w?g[o]?n{{1,3}}l?|w{{1,3}}t(?:w{{1,3}}t)?o?n{{1,4}}l?"
    rf"|r[wsg]{{1,4}}o?n{{1,4}}l?|[wg]{{1,3}}n{{1,4}}l?(?={_UNIT}|w?p))"
)
_TAIL = re.compile(
    rf"(?:{_UNIT}){{0,3}}(?P<town>w{{0,3}})(?P<code>(?:p|qv|[ln]{{5,8}})?)(?P<last>w{{0,3}})(?P<end>[xo]|$)?"
)
WINDOW_CHARACTERS = 240
MOST_TOKENS = 26
# Between the label and the address.
MOST_FILLERS = 9


class _Token(NamedTuple):
    start: int
    end: int
    kind: str


def find_announced_addresses(searched: Searched) -> Iterator[Finding]:
    """Addresses after `address`, `live at` and their like, also in the answer to the question for one."""
    text, position = searched.text, 0
    for anchor in searched.anchors.get("address", ()):
        if anchor.start < position or _OTHER_BEFORE.search(text, max(anchor.start - 14, 0), anchor.start):
            continue
        span = _in_line(text, anchor.end)
        if span is None:
            line_end = text.find("\n", anchor.end, anchor.end + WINDOW_CHARACTERS // 2)
            span = _in_line(text, _after_speaker(text, line_end + 1)) if line_end >= 0 else None
        if span is not None:
            position = span[1]
            yield found_at(text, span, "ADDRESS")


def _after_speaker(text: str, start: int) -> int:
    colon = text.find(":", start, start + 25)
    return colon + 1 if colon >= 0 else start


def _in_line(text: str, start: int) -> tuple[int, int] | None:
    tokens = _tokens(text, start)
    kinds = "".join(token.kind for token in tokens)
    skipped = 0
    while skipped < min(MOST_FILLERS, len(tokens)):
        found = _ADDRESS.match(kinds, skipped)
        if found:
            return tokens[skipped].start, _end(tokens, kinds, found.end())
        # Where an address may begin, nothing but words that lead to it may stand.
        word = text[tokens[skipped].start : tokens[skipped].end].casefold()
        if word not in _FILLERS:
            return None
        skipped += 1
    return None


def _end(tokens: list[_Token], kinds: str, count: int) -> int:
    """Where an address ends: after the flat, and the town or the postcode if nothing else is said after them."""
    tail = _TAIL.match(kinds, count)
    if tail is None:
        return tokens[count - 1].end
    if tail["end"] is not None or (tail["code"] and not tail["last"]):
        last = tail.end("last")
    elif tail["code"]:
        last = tail.end("code") + 1
    else:
        last = tail.start("town")
    return tokens[last - 1].end


def _tokens(text: str, start: int) -> list[_Token]:
    ended = _END.search(text, start, min(start + WINDOW_CHARACTERS, len(text)))
    # `the address? ` and `address: ` lead to the next sentence.
    if ended and ended.start() <= start + 1 and ended.group() in "?:":
        start = ended.end()
        ended = _END.search(text, start, min(start + WINDOW_CHARACTERS, len(text)))
    end = ended.start() if ended else min(start + WINDOW_CHARACTERS, len(text))
    tokens: list[_Token] = []
    for match in _TOKEN.finditer(text, start, end):
        tokens.append(
            _Token(match.start(), match.end() - match.group().endswith("."), _kind(text, match.group(), tokens))
        )
        if tokens[-1].kind == "c" or len(tokens) > MOST_TOKENS:
            break
    return tokens


def _kind(text: str, said: str, before: list[_Token]) -> str:
    word = said.casefold().rstrip(".")
    after = before[-1].kind if before else ""
    if _POSTCODE.fullmatch(word) or (len(word) == 4 and word.isdecimal() and after not in ("", "x")):
        return "p" if len(word) == 5 else "n"
    if _FIGURE.fullmatch(word) or word == "hundred":
        return "n"
    if word in _UNITS:
        return "u"
    if word in _NUMBER_WORDS_BEFORE and after in ("w", "t", "s", "g"):
        return "o"
    if word in ("bis", "ter", "quater") and after == "n":
        return "l"
    if word in NUMBER_WORDS and not (word in _LATER_ARTICLES or word in ("un", "on", "sei", "en")):
        return "n"
    if word == "and" and before and text[before[-1].start : before[-1].end].casefold() == "hundred":
        return "n"
    if _OUTWARD_CODE.fullmatch(word) and len(before) > 1:
        return "q"
    if _INWARD_CODE.fullmatch(word) and after == "q":
        return "v"
    if word in ANDS and after == "n" and not text[before[-1].start].isdigit():
        return "n"
    if word == "i" and any(token.kind == "g" for token in before):
        return "w"
    if len(word) == 1 and after == "l":
        return "l"
    if word in _COUNTED:
        return "c"
    if word in _STOPS and word not in _FILLERS | _LATER_ARTICLES:
        return "x"
    if word in _STOPS and before and after in ("n", "l", "p", "s", "g"):
        return "x"
    if word in _BEFORE_STREETS and after in ("", "n", "l", "w"):
        return "s" if word in _AFTER_STREETS and after == "w" else "r"
    if word in _TURKISH_STREETS:
        return "t"
    if word in _AFTER_STREETS:
        return "s"
    if word.endswith(_STREET_ENDINGS) and word not in _ENDINGS_OF_WORDS:
        return "g"
    return "l" if len(word) == 1 else "w"
