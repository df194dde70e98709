"""Find names of persons: by what people say before them, by where they stand, and by lists of given names.

No language model reads the text, so a rare name that nothing announces stays. What is found once in a record is found
everywhere in it.
"""

import re
from collections.abc import Iterator, Mapping

from include.privacy.finding import Anchor, Finding, Searched, word_set
from include.privacy.name_forms import FEWEST_LETTERS, PARTICLES, WORD, Name, name_at, titled_name_at, word_at
from include.privacy.name_lists import ambiguous_given_names, given_names, is_in_a_list
from include.privacy.name_places import LINE_END, correspondents, speakers

# What is followed by the speaker's name, in any case of letters; the word before that these need, if any.
_INTRODUCTIONS = {
    "name": r"name(?: is| was| ist|:) ",
    "name's": r"name's ",
    "name’s": r"name’s ",
    "nombre": r"nombre (?:es )",
    "nom": r"nom (?:est |c'est |de )",
    "nome": r"nome (?:é |è |e' |de |di )",
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
    "holder": r"holder(?: is|:)? ",
    "behalf": r"behalf of ",
}
# The question for a name, and what comes before it in the next speaker's answer.
_ANSWER = (
    r"[^\n?.]{0,30}[?.]?[ ]?\n[^\n:]{1,24}: ?"
    r"(?:(?:yes|yeah|yep|sure|hi|hello|okay|ok|um|uh|it's|it’s|it is|this is|that's|my name is|the name is|i'm|i am|ja"
    r"|sí|oui|sì|sim|c'est|es|soy|sono|ist|ich bin|hier ist|is)[,.]? ){0,4}"
)
_NAME_ASKED = re.compile(r"(?:name|nombre|nom|nome|naam)" + _ANSWER, re.IGNORECASE)
_SPEAKER_ASKED = re.compile(r"(?:speaking|talking)(?: with| to)?" + _ANSWER, re.IGNORECASE)
_ANSWER_END = re.compile(r"[.,!?]|\s*\n|$")
# Whoever says one of these may go on with the own name.
_SELF = {
    **dict.fromkeys(("i'm", "i’m", "sono", "soy", "sou", "suis", "bin", "ben", "it's", "it’s"), r"\S+ "),
    "am": r"(?<=i )am ",
    "main": r"main ",
    "this": r"this is ",
}
_SAID_SELF = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in _SELF.items()}
_SELF_END = re.compile(r"[.!]? ?(?:\n|$)|,? (?:here|speaking|calling|from|again)\b|[.,] ")
_LINE_BEFORE = re.compile(r"(?:^|\n)[> ]*(?:[^\n:]{1,24}: ?)?$")
_TURN_BEFORE = re.compile(r"(?:^|\n)[^\n:]{1,24}: [^\n]{0,30}$")
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
    mme mevrouw meneer dhr mevr pan pani bay bayan mister missus senhor senhora
    """
)
# These are titles in small letters too.
_LOWER_TITLES = word_set(
    "mr mrs mister missus sig dott mme monsieur madame mevrouw meneer señor señora senhor senhora signora"
)
# After these a name may begin with a small letter, as in speech that a machine wrote down.
_SPOKEN_TITLES = word_set("mr mrs ms mister missus mevrouw meneer dhr")
_RELATIVES = word_set("son daughter wife husband mother father brother sister colleague partner femme mari fille fils")
_OWNER_BEFORE = re.compile(r"\b(?:my|his|her|our|your|mon|ma) $", re.IGNORECASE)
# A capitalised word after one of these is a name if a list has it.
_COMPANIONS = {
    **dict.fromkeys(("speaking", "spoke", "spoken", "talked", "talking", "chatted"), r"[^\W\d_]+ (?:to|with) "),
    "ask": r"ask for ",
    **dict.fromkeys(
        (
            *("driver", "courier", "technician", "engineer", "advisor", "adviser", "representative", "rep", "agent"),
            *("fahrer", "mitarbeiter", "mitarbeiterin", "livreur", "conseiller", "conseillère", "repartidor"),
            *("entregador", "motorista", "corriere", "bezorger", "kurier"),
        ),
        r"[^\W\d_]+ ",
    ),
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
    merci danke gracias grazie obrigado obrigada dziękuję bedankt tack mvh mfg dhanyavaad dhanyavad shukriya
    """
)
NAME_WORDS = {
    **dict.fromkeys(_SELF, "self"),
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
_AFTER_CLOSING = re.compile(
    r"[^\W\d_]+(?: you| again| in advance| very much| a lot){0,2}(?P<gap>[,.!\-–— ]{0,3}\s{0,4})"
)


def find_people(searched: Searched) -> Iterator[Finding]:
    """Names of persons; those that the record has shown before are found again wherever they stand."""
    text = searched.text
    names = [*speakers(text), *correspondents(text)]
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
    for word in WORD.finditer(text):
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
        if len(word) >= FEWEST_LETTERS and word.casefold() not in PARTICLES:
            people.setdefault(word, key)


def _key(people: dict[str, str], words: tuple[str, ...]) -> str:
    """The same for the whole name and for a part of it that stands alone."""
    return (people.get(words[0]) if len(words) == 1 else None) or " ".join(words).casefold()


def _introduced(text: str, anchor: Anchor) -> Name | None:
    answer = _answer(text, _NAME_ASKED.match(text, anchor.start))
    if answer is not None:
        return answer
    if anchor.word in _NEED_OWNER and not _OWNER.search(text, max(anchor.start - 20, 0), anchor.start):
        return None
    said = _INTRODUCED[anchor.word].match(text, anchor.start)
    return name_at(text, said.end()) or word_at(text, said.end()) if said else None


def _answer(text: str, asked: re.Match[str] | None) -> Name | None:
    """A name that is the whole answer to the question for it, in any case of letters."""
    if asked is None:
        return None
    name, end = name_at(text, asked.end()), asked.end()
    words: list[Name] = []
    if name is not None:
        return name
    while len(words) < 3 and (word := word_at(text, end)):
        words.append(word)
        end = word.end + 1
        if not text.startswith(" ", word.end):
            break
    if not words or not _ANSWER_END.match(text, words[-1].end):
        return None
    return Name(words[0].start, words[-1].end, tuple(word.words[0] for word in words))


def _said_of_self(text: str, anchor: Anchor) -> Name | None:
    """`i'm jamal` by the lists, in any case of letters; `It's Farida Hosseinzadeh.` at the beginning of a turn."""
    said = _SAID_SELF[anchor.word].match(text, anchor.start)
    if said is None:
        return None
    word = word_at(text, said.end())
    if word and not word.words[0][0].isupper():
        return word if word.words[0].capitalize() in given_names() else None
    name = name_at(text, said.end())
    is_turn = _TURN_BEFORE.search(text, max(anchor.start - 60, 0), anchor.start)
    return name if name and is_turn and len(name.words) > 1 and _SELF_END.match(text, name.end) else None


def _titled(text: str, anchor: Anchor) -> Name | None:
    if not text[anchor.start].isupper() and anchor.word not in _LOWER_TITLES:
        return None
    title = _AFTER_TITLE.match(text, anchor.start)
    if title is None:
        return None
    name = titled_name_at(text, title.end())
    return name or (word_at(text, title.end()) if anchor.word in _SPOKEN_TITLES else None)


def _accompanied(text: str, anchor: Anchor) -> Name | None:
    answer = _answer(text, _SPEAKER_ASKED.match(text, anchor.start))
    said = _ACCOMPANIED[anchor.word].match(text, anchor.start)
    name = name_at(text, said.end()) if said else None
    if answer is not None or name is None:
        return answer
    is_relative = anchor.word in _RELATIVES and _OWNER_BEFORE.search(text, max(anchor.start - 6, 0), anchor.start)
    return name if is_relative or is_in_a_list(name.words[0]) else None


def _answering(text: str, anchor: Anchor) -> Name | None:
    """Who answers a German telephone: `Schneider am Apparat`."""
    said = _ANSWERED_BY.search(text, max(anchor.start - 30, 0), anchor.start)
    return name_at(text, said.start()) if said else None


def _greeted(text: str, anchor: Anchor) -> Name | None:
    """A greeting that is a line by itself may greet anybody; within a line, a name of the lists."""
    name = name_at(text, anchor.end + 1)
    if name and _LINE_BEFORE.search(text, max(anchor.start - 30, 0), anchor.start) and "\n" in text[name.end :][:3]:
        return name
    word = word_at(text, anchor.end + 1)
    is_greeted = word and word.words[0] in ambiguous_given_names() and text[word.end : word.end + 1] in ",!\n"
    return word if is_greeted else None


def _signed(text: str, anchor: Anchor) -> Name | None:
    """A name that is all there is on the line after a closing, or behind its comma at the end of the line."""
    closing = _AFTER_CLOSING.match(text, anchor.start)
    name = name_at(text, closing.end()) if closing else None
    if closing is None or name is None or not LINE_END.match(text, name.end):
        return None
    is_on_own_line = "\n" in closing["gap"]
    return name if is_on_own_line or ("," in closing["gap"] and any(map(is_in_a_list, name.words))) else None


def _given(text: str, anchor: Anchor) -> Name | None:
    return name_at(text, anchor.start)


_FINDERS = {
    "introduction": _introduced,
    "title": _titled,
    "self": _said_of_self,
    "companion": _accompanied,
    "answering": _answering,
    "greeting": _greeted,
    "closing": _signed,
    "given_name": _given,
}
