"""Find names by where they stand in a transcript or a mail."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from include.privacy.rules.name_forms import WORD, Name, name_at
from include.privacy.rules.name_lists import is_a_company, is_in_a_list, may_be_a_name
from include.privacy.rules.searched import Anchor
from include.privacy.rules.word_lists import one_of, word_set, words_of

_WORDS = words_of("name_places")

LINE_END = re.compile(r"[.,! ]{0,2}(?:\n|$)")
_ADDRESS_IN_BRACKETS = re.compile(r" ?[<(\[]\x00")
_MAIL_HEAD = re.compile(rf"^[> ]{{0,6}}{one_of(_WORDS['mail_heads'])}: ", re.MULTILINE)
_SPEAKER = re.compile(
    r"^(?:[*\[(>]{0,3}\d{0,2}[:\d]{0,6}[\])]? ?-? ?)(?P<name>[*\[]{0,2}[^\W\d_][^\n:\d<>]{1,40}?)[*\])]{0,3}: ?",
    re.MULTILINE,
)
# One line that begins so is a heading; two of a name are two turns, three of a word that no list has.
FEWEST_TURNS = 2
FEWEST_TURNS_OF_UNKNOWN = 3
ROLES = re.compile(
    r"(?:customer|agent|caller|client|user|support|rep|kunde|kundin|cliente|agente|klant|medewerker|kund|klient"
    r"|konsultant|müşteri|temsilci|operatore|atendente)"
)
_ROLE_LABEL = re.compile(rf"^[\W\d]{{0,12}}{ROLES.pattern}\b[^:\n]{{0,20}}:", re.IGNORECASE | re.MULTILINE)


def correspondents(text: str) -> Iterator[Name]:
    """Names right before an e-mail address in brackets, and in the head of a quoted mail."""
    for address in _ADDRESS_IN_BRACKETS.finditer(text):
        line = text.rfind("\n", max(address.start() - 60, 0), address.start()) + 1 or max(address.start() - 60, 0)
        for word in WORD.finditer(text, line, address.start()):
            name = name_at(text, word.start())
            if name and name.end == address.start():
                yield name
                break
    if ":" not in text:
        return
    for head in _MAIL_HEAD.finditer(text):
        name = name_at(text, head.end())
        if name and LINE_END.match(text, name.end):
            yield name


def speakers(text: str) -> Iterator[Name]:
    """Names before a colon at the beginning of a line, as transcripts and chats have them: `[10:22] Agent (Adam): `."""
    if ":" not in text:
        return
    labels = [(line, _last_name(text, *line.span("name"))) for line in _SPEAKER.finditer(text)]
    turns = Counter(name.words for _, name in labels if name)
    # Where one speaker is called `Customer`, a label of no list is another's name sooner.
    few = FEWEST_TURNS if _ROLE_LABEL.search(text) else FEWEST_TURNS_OF_UNKNOWN
    for _, name in labels:
        if name is None:
            continue
        is_listed = is_in_a_list(name.words[0])
        is_unknown = all(map(may_be_a_name, name.words)) and turns[name.words] >= few
        if (is_listed and (len(name.words) > 1 or turns[name.words] >= FEWEST_TURNS)) or is_unknown:
            yield name


def _last_name(text: str, start: int, end: int) -> Name | None:
    """The name at the end of a label: `Agent (Adam)` and `Agent Adam` are Adam."""
    for word in WORD.finditer(text, start, end):
        name = name_at(text, word.start())
        if name and name.end <= end and not text[name.end : end].strip("*)]"):
            return name
    return None


# A dash, and nothing behind the name but the end: `Great app! - Deshawn`; or a line by itself at the end.
_SIGNED = re.compile(r"(?:^|\n|[.!?)] {0,2})[-~]{1,3} ?\n?")
_SIGNATURE_CHARACTERS = 80


def signatures(text: str) -> Iterator[Name]:
    """A name behind a dash at the end of a text, or on the last line of several."""
    start = max(len(text) - _SIGNATURE_CHARACTERS, 0)
    for dash in _SIGNED.finditer(text, start):
        name = name_at(text, dash.end())
        if name and LINE_END.match(text, name.end) and _is_signature(name):
            yield name
    line = text.rfind("\n") + 1
    name = name_at(text, line) if line > start else None
    if name and LINE_END.match(text, name.end):
        is_listed = len(name.words) > 1 and any(map(is_in_a_list, name.words))
        if is_listed or (text.endswith("\n\n", 0, line) and _is_signature(name)):
            yield name


def _is_signature(name: Name) -> bool:
    is_unknown = all(map(may_be_a_name, name.words))
    return not is_a_company(name.words[0]) and (is_unknown or any(map(is_in_a_list, name.words)))


# `k o w a l s k i`, `K-O-W-A-L-S-K-I`, as it comes after a question for it or after `spelt`.
SPELLING_WORDS = word_set(_WORDS["spelling_words"])
_LETTERS = re.compile(r"(?<!\w)[^\W\d_]{1,2}(?:[ .,-]{1,2}[^\W\d_]{1,2}(?!\w)){2,40}")
_NEXT_TURN = re.compile(r"[^\n]{0,80}\n[^\n:]{1,24}: (?P<answer>[^\n]{1,120})")
_SPELT_NAME = re.compile(r"name\b|\b(?:that|it|yourself)\b", re.IGNORECASE)
_REACH = 40
_RADIO_ALPHABET = word_set(_WORDS["radio_alphabet"])
MOST_LETTERS = 2


def spelt(text: str, anchors: Sequence[Anchor]) -> Iterator[Name]:
    """Names that are spelt letter by letter, behind words such as `spelt` or in the answer to them."""
    for word in anchors:
        line_end = text.find("\n", word.end, word.end + _REACH)
        for letters in _LETTERS.finditer(text, word.end, line_end if line_end >= 0 else word.end + _REACH):
            yield _spelt_name(letters)
        turn = _NEXT_TURN.match(text, word.end)
        if turn and _SPELT_NAME.search(text, word.end, turn.start("answer")):
            yield from _spelt_answer(text, *turn.span("answer"))


def _spelt_answer(text: str, start: int, end: int) -> Iterator[Name]:
    """The whole answer if most of it is letters, for a machine that wrote it down heard words among them."""
    words = text[start:end].split()
    letters_said = sum(len(word) <= MOST_LETTERS or word.casefold() in _RADIO_ALPHABET for word in words)
    if 2 * letters_said >= len(words) > MOST_LETTERS:
        yield Name(start, end, ("".join(words).casefold(),))
        return
    for letters in _LETTERS.finditer(text, start, end):
        yield _spelt_name(letters)


def _spelt_name(letters: re.Match[str]) -> Name:
    return Name(*letters.span(), ("".join(filter(str.isalpha, letters.group())).casefold(),))


# Scripts without capitals: Arabic, Hebrew, Hindi, Chinese, Japanese, Korean.
_WITHOUT_CAPITALS = re.compile(
    r"(?:اسمي|اسمى|שמי|मेरा नाम|मेरा नाम है) (?P<two>[^\W\d_a-zA-Z]{2,20}(?: [^\W\d_a-zA-Z]{2,20})?)"
    r"|(?:我叫|我的名字是|我是)(?P<han>[\u4e00-\u9fff]{2,4})(?=[,，。.!！ \n]|$)"
    r"|(?:私の名前は|名前は|私は)(?P<kana>[\u3040-\u30ff\u4e00-\u9fff]{1,8}?)(?:です|と申します|といいます)"
    r"|(?:제 이름은|저는) (?P<hangul>[\uac00-\ud7a3]{2,4}?)(?:입니다|이에요|예요|라고)"
)


def introduced_without_capitals(text: str) -> Iterator[Name]:
    """Names that are introduced in a script that has no capitals."""
    if text.isascii():
        return
    for said in _WITHOUT_CAPITALS.finditer(text):
        group = str(said.lastgroup)
        yield Name(*said.span(group), tuple(said[group].split(" ")))
