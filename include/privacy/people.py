"""Find names of persons: by what people say before them, by where they stand, and by lists of given names.

No language model reads the text, so a rare name that nothing announces stays. What is found once in a record is found
everywhere in it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from include.privacy.finding import Anchor, Finding, Searched, word_set
from include.privacy.name_lists import ambiguous_given_names, given_names, is_in_a_list, surnames

# What is followed by the speaker's name, in any case of letters; the word before that these need, if any.
_INTRODUCTIONS = {
    "name": r"name(?: is| was| ist|:) ",
    "name's": r"name's ",
    "name’s": r"name’s ",
    "nombre": r"nombre (?:es )",
    "nom": r"nom (?:est |c'est )",
    "nome": r"nome (?:é |è |e' )",
    "naam": r"naam (?:is )?",
    "namn": r"namn är ",
    "nama": r"nama saya (?:adalah )?",
    "adım": r"adım ",
    "llamo": r"llamo ",
    "m'appelle": r"m'appelle ",
    "m’appelle": r"m’appelle ",
    "chiamo": r"chiamo ",
    "chamo": r"chamo ",
    "heiße": r"heiße ",
    "heisse": r"heisse ",
    "heet": r"heet ",
    "heter": r"heter ",
    "nazywam": r"nazywam się ",
    "зовут": r"зовут ",
}
_ANSWERED_BY = re.compile(r"[^\W\d_]+(?= am $)")
_NEED_OWNER = word_set("name name's name’s nombre nom nome naam namn adım chamo heet")
_OWNER = re.compile(
    r"(?:my|his|her|their|full|mein|ihr|sein|dein|mi|su|mon|son|meu|seu|il mio|mio|mijn|zijn|haar|mera|mitt|benim|me"
    r"|ik)(?: full| last| first| voller)? $",
    re.IGNORECASE,
)
_TITLES = word_set(
    """
    mr mrs ms miss mx dr prof herr herrn frau señor señora señorita sr sra srta sig signor signora monsieur madame
    mme mevrouw meneer dhr mevr pan pani bay bayan
    """
)
_LOWER_TITLES = frozenset({"mr", "mrs", "sig", "dott", "mme"})
# A capitalised word after one of these is a name if a list has it.
_COMPANIONS = {
    **dict.fromkeys(("speaking", "spoke", "spoken", "talked", "talking", "chatted"), r"[^\W\d_]+ (?:to|with) "),
    "ask": r"ask for ",
    **dict.fromkeys(
        (
            *("son", "daughter", "wife", "husband", "mother", "father", "brother", "sister", "colleague", "partner"),
            *("mann", "sohn", "tochter", "mutter", "vater", "kollege", "kollegin", "kollegen", "mari", "femme", "fils"),
            *("fille", "marido", "esposa", "esposo", "hijo", "hija", "moglie", "marito", "figlio", "figlia", "filho"),
        ),
        r"[^\W\d_]+,? ",
    ),
}
_GREETINGS = word_set(
    """
    hi hello dear hey hallo liebe lieber hola bonjour ciao cher chère estimado estimada olá
    """
)
_CLOSINGS = word_set(
    """
    regards wishes cheers thanks thank sincerely faithfully yours best grüße grüßen gruß grüssen gruss cordialement
    salutations saludo saludos saluti groet groeten atenciosamente abraços pozdrawiam hälsning hälsningar
    """
)
NAME_WORDS = {
    **dict.fromkeys(_INTRODUCTIONS, "introduction"),
    **dict.fromkeys(_TITLES, "title"),
    **dict.fromkeys(_COMPANIONS, "companion"),
    **dict.fromkeys(_GREETINGS, "greeting"),
    **dict.fromkeys(_CLOSINGS, "closing"),
    "apparat": "answering",
}
_INTRODUCED = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in _INTRODUCTIONS.items()}
_ACCOMPANIED = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in _COMPANIONS.items()}
_AFTER_TITLE = re.compile(r"[^\W\d_]+\.? (?:(?:Dr|Prof)\. )?")
_AFTER_CLOSING = re.compile(r"[^\W\d_]+(?P<gap>[,.!\-–— ]{0,3}\s{0,4})")
_LINE_END = re.compile(r"[.,! ]{0,2}(?:\n|$)")
_SPEAKER = re.compile(r"^(?P<name>[^\W\d_][^\n:\d<>]{1,40}): ", re.MULTILINE)

# No names, however they are written.
_NO_NAME = word_set(
    """
    a an the i we you he she it they my our your his her their this that these those and or but not no yes in on at
    of for from with to as is are was be been has have had do does did will would can could should all any some
    every customer customers client service support team sir madam madame monsieur ladies gentlemen gents folks
    friends guys everyone everybody anyone someone nobody there happy unhappy very sorry new old good great best
    please thanks thank hi hello hey dear regards developer developers dev devs app company help desk care sales
    billing manager management department office accounting hr ceo owner staff agent ltd inc gmbh llc bv sa monday
    tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december misspelled spelled wrong correct incorrect same also only just still now then here
    when what why how who where which one two three number email mail phone address account order ticket sent
    subject re fw fwd date tel mobile und oder aber nicht der die das ein eine ich wir sie ihr mein kundin kunde
    kunden damen herren team service el la los las un una yo y o le les des je nous vous et ou il lo gli io noi e
    non os um uma eu não mas de het een ik wij niet en maar si se que hai hain hoon aur telefonum falsch richtig
    """
)
_PARTICLES = word_set(
    """
    de da do dos das del della di la le van von der den ten ter zu zur al el bin ibn
    """
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_INITIAL = re.compile(r"[^\W\d_]\.")
MOST_WORDS = 4
FEWEST_LETTERS = 3


class _Name(NamedTuple):
    start: int
    end: int
    words: tuple[str, ...]


def find_people(searched: Searched) -> Iterator[Finding]:
    """Names of persons; those that the record has shown before are found again wherever they stand."""
    text = searched.text
    names = list(_speakers(text))
    for anchor_name, find in _FINDERS.items():
        names += filter(None, (find(text, anchor) for anchor in searched.anchors.get(anchor_name, ())))
    for name in sorted(names, key=lambda name: -len(name.words)):
        _remember(searched.people, name.words)
    if not searched.people:
        return
    for name in names:
        yield Finding(name.start, name.end, "PERSON", _key(searched.people, name.words))
    yield from _known(text, searched.people)


def _known(text: str, people: Mapping[str, str]) -> Iterator[Finding]:
    """Words of known names; those of one person that stand side by side are one finding."""
    last: Finding | None = None
    for word in _WORD.finditer(text):
        key = people.get(word.group())
        if key is None:
            continue
        if last and last.key == key and text[last.end : word.start()] == " ":
            last = last._replace(end=word.end())
            continue
        if last:
            yield last
        last = Finding(*word.span(), "PERSON", key)
    if last:
        yield last


def _remember(people: dict[str, str], words: tuple[str, ...]) -> None:
    key = _key(people, words)
    for word in words:
        if len(word) >= FEWEST_LETTERS and word.casefold() not in _PARTICLES:
            people.setdefault(word, key)


def _key(people: dict[str, str], words: tuple[str, ...]) -> str:
    """The same for the whole name and for a part of it that stands alone."""
    return (people.get(words[0]) if len(words) == 1 else None) or " ".join(words).casefold()


def _introduced(text: str, anchor: Anchor) -> _Name | None:
    if anchor.word in _NEED_OWNER and not _OWNER.search(text, max(anchor.start - 20, 0), anchor.start):
        return None
    said = _INTRODUCED[anchor.word].match(text, anchor.start)
    if said is None:
        return None
    name = _name_at(text, said.end())
    if name is None:
        word = _WORD.match(text, said.end())
        if word and len(word.group()) >= FEWEST_LETTERS and word.group().casefold() not in _NO_NAME:
            name = _Name(*word.span(), (word.group(),))
    return name


def _titled(text: str, anchor: Anchor) -> _Name | None:
    if not text[anchor.start].isupper() and anchor.word not in _LOWER_TITLES:
        return None
    title = _AFTER_TITLE.match(text, anchor.start)
    return _name_at(text, title.end()) if title else None


def _accompanied(text: str, anchor: Anchor) -> _Name | None:
    said = _ACCOMPANIED[anchor.word].match(text, anchor.start)
    name = _name_at(text, said.end()) if said else None
    return name if name and is_in_a_list(name.words[0]) else None


def _answering(text: str, anchor: Anchor) -> _Name | None:
    """Who answers a German telephone: `Schneider am Apparat`."""
    said = _ANSWERED_BY.search(text, max(anchor.start - 30, 0), anchor.start)
    return _name_at(text, said.start()) if said else None


def _greeted(text: str, anchor: Anchor) -> _Name | None:
    word = _WORD.match(text, anchor.end + 1)
    if word is None or word.group() not in ambiguous_given_names() or text[word.end() : word.end() + 1] not in ",!\n":
        return None
    return _Name(*word.span(), (word.group(),))


def _signed(text: str, anchor: Anchor) -> _Name | None:
    """A name that is all there is on the line after a closing, or behind its comma at the end of the line."""
    closing = _AFTER_CLOSING.match(text, anchor.start)
    name = _name_at(text, closing.end()) if closing else None
    if closing is None or name is None or not _LINE_END.match(text, name.end):
        return None
    is_on_own_line = "\n" in closing["gap"]
    return name if is_on_own_line or ("," in closing["gap"] and any(map(is_in_a_list, name.words))) else None


def _given(text: str, anchor: Anchor) -> _Name | None:
    return _name_at(text, anchor.start)


_FINDERS = {
    "introduction": _introduced,
    "title": _titled,
    "companion": _accompanied,
    "answering": _answering,
    "greeting": _greeted,
    "closing": _signed,
    "given_name": _given,
}


def _speakers(text: str) -> Iterator[_Name]:
    """Names before a colon at the beginning of a line, as transcripts have them."""
    if ":" not in text:
        return
    for line in _SPEAKER.finditer(text):
        name = _name_at(text, line.start("name"))
        if name and name.end == line.end("name") and len(name.words) > 1:
            first, last = name.words[0], name.words[-1]
            if first in given_names() or first in ambiguous_given_names() or last in surnames():
                yield name


def _name_at(text: str, position: int) -> _Name | None:
    """The capitalised words, initials and particles at a place that can be a name; none if it begins otherwise."""
    start, end = position, position
    words: list[str] = []
    waiting: list[str] = []
    while len(words) + len(waiting) < MOST_WORDS + 1:
        initial = _INITIAL.match(text, position)
        word = initial or _WORD.match(text, position)
        if word is None:
            break
        said = word.group()
        if said.casefold() in _PARTICLES and words and not said[0].isupper():
            waiting.append(said)
        elif said[0].isupper() and said.casefold() not in _NO_NAME and not text.startswith(("_", "@"), word.end()):
            words += [*waiting, said]
            waiting, end = [], word.end()
        else:
            break
        if not text.startswith(" ", word.end()):
            break
        position = word.end() + 1
    is_name = any(len(word.rstrip(".")) > 1 for word in words)
    return _Name(start, end, tuple(words)) if is_name else None
