"""Find what is personal only because of the words before it: account numbers, secrets."""

import re
from bisect import bisect_left
from collections.abc import Iterator

from include.privacy.engine import Finding
from include.privacy.rules.number_words import NUMBER_WORDS
from include.privacy.rules.searched import Anchor, Searched
from include.privacy.rules.word_lists import one_of, word_set, words_of

_WORDS = words_of("labelled_values")

# Between the label and the value: `account number: `, `is it`, `?\ncustomer: Yes, it's `.
_FILLER = one_of(_WORDS["fillers"])
GAP = (
    rf"[\s:#=.,?\-–\"'(]{{0,4}}(?:{_FILLER}\b[\s:#=,.\-–\"'(]{{1,3}}){{0,4}}"
    r"(?:(?:[^\n\d\x00]{0,40}\n[^\W\d][\w ]{0,20}: ?"
    r"|[^\n]{0,30}(?:[?.]|please|bitte)\s{0,3}\n\s{0,3}(?:[\w ]{1,20}: ?)?)"
    rf"(?:{_FILLER}\b[\s:#,.\-…]{{1,3}}){{0,5}})?"
)

# Numbers of persons, in the words of the languages of the bundled samples. Numbers of orders, tickets, parcels,
# invoices and bookings are not among them: they are what an analyst looks a case up by.
ACCOUNT_WORDS = word_set(_WORDS["account_words"])
_ACCOUNT_LABEL = one_of(_WORDS["account_labels"])
_DATE = r"(?:(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./](?!00)\d{1,2}[-./](?:19|20)?\d\d)(?!\d)"
_ACCOUNT = re.compile(
    rf"{_ACCOUNT_LABEL}\b{GAP}"
    rf"(?P<value>(?!{_DATE})(?:[A-Za-z]{{1,4}}[-/]?|(?-i:[A-Z]{{1,4}}) )?\d[\dA-Za-z]{{0,24}}"
    r"(?:[-/. ]\d[\dA-Za-z]{0,24}(?![\w:,.]\d)){0,6}(?:[-/][A-Za-z]{1,4})?"
    r"|(?=[A-Z]{0,17}\d)[A-Z0-9]{6,18})(?!\w)",
    re.IGNORECASE,
)
_ACCOUNT_NAME = re.compile(rf"{_ACCOUNT_LABEL}\b{GAP}", re.IGNORECASE)
_NATIONAL_ID_BEFORE = re.compile(rf"\b{one_of(_WORDS['national_ids'])}\b{GAP}$", re.IGNORECASE)
_THING_BEFORE = re.compile(rf"\b{one_of(_WORDS['things'])}(?: (?:number|code|id))?\b{GAP}$", re.IGNORECASE)
_IBAN_NAME = re.compile(r"iban(?: number|-?nummer|-?numer)?\b[^\n]{0,40}(?:\n[^\n]{0,30})?", re.IGNORECASE)
FEWEST_DIGITS = 4
CHARACTERS_BEFORE = 90
_LETTERS_AND_DIGITS = re.compile(r"(?=[A-Z]*\d)[A-Z0-9]{6,18}")

SECRET_WORDS = word_set(_WORDS["secret_words"])
# Words that name a secret only with another after them.
_QUALIFIERS = word_set(_WORDS["qualifiers"])
_QUALIFIED = re.compile(
    r"[ _-]{0,2}(?:code|pass|pin|time|door|gate|word|phrase|answer|key|token|on|ş|kod)", re.IGNORECASE
)
_ROMANCE_CODE = rf"(?:de |di |da |do |d'|à |del )?{one_of(_WORDS['romance_codes'])}"
_CODE_LABEL = rf"(?:{one_of(_WORDS['code_labels'])}|(?:code|código|codigo|codice) {_ROMANCE_CODE})"
_WORD_LABEL = one_of(_WORDS["word_labels"])
# `My PIN is 3100 or 5380`.
_OR_CODE = re.compile(
    r",? (?:or|oder|o|ou|of)(?: (?:maybe|perhaps))? (?P<value>\d{3,8})(?![\w%])(?![.,]\d)", re.IGNORECASE
)
# `The password for the shared folder is`, `la contraseña temporal`.
_WORDS_OF_LABEL = (
    rf"(?:(?: {one_of(_WORDS['adjectives'])}){{1,2}}"
    rf"|(?: {one_of(_WORDS['of_what'])}(?: [\w'’-]{{1,20}}){{1,5}}? (?:is|was|ist|es|est|è|é|jest|to|är)\b))?"
)
_SECRET_NAME = re.compile(rf"(?:{_CODE_LABEL}|{_WORD_LABEL})\b{_WORDS_OF_LABEL}{GAP}", re.IGNORECASE)
_CODE = re.compile(
    rf"{_CODE_LABEL}\b{_WORDS_OF_LABEL}{GAP}(?P<value>\d{{3}}[- ]\d{{3}}|\d{{3,8}})(?![\w%])(?![.,]\d)", re.IGNORECASE
)
# A word after `password` is a secret only if no dictionary has it, or if it is quoted.
_PASSWORD = re.compile(
    rf"{_WORD_LABEL}\b{_WORDS_OF_LABEL}{GAP}"
    r"(?:[\"'“‘]?(?P<value>(?=[^\s]{0,40}[\d@#$%^*_+=])[^\s\"'”’,;\x00]{4,40}(?<![.!?)]))"
    r"|(?<=[\"'“‘])(?P<quoted>[^\s\"'“”‘’\x00]{4,40})(?=[\"'”’]))",
    re.IGNORECASE,
)
# What is asked to prove who somebody is: any word is the secret.
_MEMORABLE = re.compile(
    r"(?:memorable|security|secret|safe) (?:word|phrase|answer)(?:(?: is|:| would be| was)+ "
    r"|(?: please)?\??\n[^\W\d][\w ]{0,20}: ?(?:(?:it's|its|yes|yeah|sure|um|uh|the|that's|okay)[ ,]{1,2}){0,4})"
    r"(?P<value>(?!not|wrong|incorrect|too|the|a|an|my|your|in|on|that|what|never|also|always|still)"
    r"[^\W\d_][\w'’-]{2,30})",
    re.IGNORECASE,
)
# A password that is spelt: `capital q w seven seven plum`. A letter is alone and a number said, or a capital.
_NUMBER_SAID = "|".join(sorted((word for word in NUMBER_WORDS if len(word) > 2 or word == "oh"), key=len, reverse=True))
_SIGN_SAID = one_of(_WORDS["signs"])
_CASE_SAID = rf"(?:all |in )?{one_of(_WORDS['cases'])}(?: letter)?"
_SPELT_SIGN = rf"(?:{_CASE_SAID}|{_NUMBER_SAID}|{_SIGN_SAID}|[^\W_]|\d{{1,4}})"
_SPELT_PASSWORD = re.compile(
    rf"(?:{_WORD_LABEL}|{_CODE_LABEL})\b{_WORDS_OF_LABEL}{GAP}"
    rf"(?P<value>(?:[^\W\d_]{{3,12}} )?{_SPELT_SIGN}(?:[ ,.\-]{{1,2}}{_SPELT_SIGN}(?!\w)){{2,24}}"
    r"(?: [^\W\d_]{3,12}(?=[.,!?]?(?:\n|$)))?)(?!\w)",
    re.IGNORECASE,
)
_IS_SPELT = re.compile(
    rf"(?=.*(?:(?<![\w'’])[^\W\d_](?![\w'’])|\b{_CASE_SAID}\b)).*(?:\d|\b(?:{_NUMBER_SAID})\b|\b{_CASE_SAID}\b)",
    re.IGNORECASE | re.DOTALL,
)
# `K7Q2-MM9D`: capitals and digits.
_MIXED_CODE = re.compile(
    rf"(?:{_CODE_LABEL}|{_WORD_LABEL})\b{GAP}"
    r"(?P<value>(?=[A-Za-z-]{0,12}\d)(?=[\d-]{0,12}[A-Za-z])(?-i:[A-Z\d]{2,12}(?:-[A-Z\d]{2,8}){0,5}))(?![\w%])",
    re.IGNORECASE,
)


def account_is_named(searched: Searched, start: int) -> bool:
    """Whether the words before a place announce an account number."""
    return _is_named(searched, "account", _ACCOUNT_NAME, start)


def secret_is_named(searched: Searched, start: int) -> bool:
    """Whether the words before a place announce a PIN, a password or a security code."""
    return _is_named(searched, "secret", _SECRET_NAME, start)


def iban_is_named(searched: Searched, start: int) -> bool:
    """Whether the words before a place announce an IBAN."""
    return _is_named(searched, "account", _IBAN_NAME, start)


def _is_named(searched: Searched, name: str, label: re.Pattern[str], start: int) -> bool:
    """Whether a label reaches from one of the anchors of a search to a place."""
    anchors = searched.anchors.get(name, ())
    index = bisect_left(anchors, start, key=lambda anchor: anchor.start) - 1
    while index >= 0 and anchors[index].start >= start - CHARACTERS_BEFORE:
        if label.fullmatch(searched.text, anchors[index].start, start):
            return True
        index -= 1
    return False


def national_id_is_named(text: str, start: int) -> bool:
    """Whether the words before a place announce a national identity number."""
    return bool(_NATIONAL_ID_BEFORE.search(_before(text, start)))


def thing_is_named(text: str, start: int) -> bool:
    """Whether the words before a place, or the question before the answer, announce the number of a thing."""
    return bool(_THING_BEFORE.search(_before(text, start)))


def _before(text: str, start: int) -> str:
    return text[max(start - CHARACTERS_BEFORE, 0) : start]


def _may_name_secret(text: str, anchor: Anchor) -> bool:
    # `9PW-dx0` is a piece of an id.
    if text[max(anchor.start - 1, 0) : anchor.start].isdigit():
        return False
    return anchor.word not in _QUALIFIERS or _QUALIFIED.match(text, anchor.end) is not None


def find_accounts(searched: Searched) -> Iterator[Finding]:
    """Numbers of accounts, customers, policies, contracts, passports and licences, where they are called so."""
    for match in _matches(searched, "account", _ACCOUNT):
        value = match["value"]
        digits = sum(map(str.isdigit, value))
        if digits >= FEWEST_DIGITS or _LETTERS_AND_DIGITS.fullmatch(value):
            yield Finding(*match.span("value"), "ACCOUNT", "".join(filter(str.isalnum, value)).upper())


def find_secrets(searched: Searched) -> Iterator[Finding]:
    """Passwords, PINs, card security codes and one-time codes, where they are called so."""
    anchors = [one for one in searched.anchors.get("secret", ()) if _may_name_secret(searched.text, one)]
    if not anchors:
        return
    searched = searched._replace(anchors={"secret": anchors})
    for pattern in (_CODE, _MIXED_CODE, _PASSWORD, _SPELT_PASSWORD, _MEMORABLE):
        for match in _matches(searched, "secret", pattern):
            if pattern is _SPELT_PASSWORD and not _IS_SPELT.match(match["value"]):
                continue
            name = str(match.lastgroup)
            yield Finding(*match.span(name), "SECRET", match[name])
            other = _OR_CODE.match(searched.text, match.end())
            if other:
                yield Finding(*other.span("value"), "SECRET", other["value"])


def _matches(searched: Searched, name: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    for anchor in searched.anchors.get(name, ()):
        match = pattern.match(searched.text, anchor.start)
        if match:
            yield match
