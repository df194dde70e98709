"""Find what is personal only because of the words before it: account numbers, secrets, dates of birth."""

import re
from collections.abc import Iterator

from include.privacy.finding import Finding, Searched, word_set

# Between the label and the value: `account number: `, `is it`, `?\ncustomer: Yes, it's `.
_FILLER = (
    r"(?:is|it'?s|its|it|are|was|the|number|num|nr|no|yes|sure|ok|okay|yeah|um|uh|well|and|that'?s|that|my|here|please|bitte"
    r"|ja|also|ist|lautet|die|der|das|es|el|la|sí|si|est|le|c'est|oui|è|il|lo|é|o|sim|het|de|to|jest|är|holder|they|you|gave|sent|me|now|jetzt|ahora|adesso"
    r"|either|might|may|could|would|should|be|i|think|maybe|believe|actually)"
)
_GAP = (
    rf"[\s:#=.,?\-–\"'(]{{0,4}}(?:{_FILLER}\b[\s:#=,.\-–\"'(]{{1,3}}){{0,4}}"
    r"(?:(?:[^\n\d\x00]{0,30}\n[^\W\d][\w ]{0,20}: ?"
    r"|[^\n]{0,30}(?:[?.]|please|bitte)\s{0,3}\n\s{0,3}(?:[\w ]{1,20}: ?)?)"
    rf"(?:{_FILLER}\b[\s:#,.\-…]{{1,3}}){{0,5}})?"
)

# Numbers of persons, in the words of the languages of the bundled samples. Numbers of orders, tickets, parcels,
# invoices and bookings are not among them: they are what an analyst looks a case up by.
ACCOUNT_WORDS = word_set(
    """
    account acct a/c customer client policy member membership subscriber loyalty routing sort passport licence
    license patient contract iban meter roll kundennummer kundennr kontonummer kontonr konto vertragsnummer
    vertragsnr versicherungsnummer policennummer mitgliedsnummer reisepassnummer personalausweisnummer bankleitzahl
    numéro número numero cuenta conta compte conto codice código cliente póliza klantnummer rekeningnummer
    polisnummer klantnr kundnummer kontonummer numer
    """
)
_NUMBER = r"(?:number|num|nr|no|id|code|#)"
_ACCOUNT_LABEL = (
    rf"(?:(?:bank |checking |savings )?(?:account|acct|a/c)(?: (?:holder|{_NUMBER}))?"
    rf"|(?:customer|client|member(?:ship)?|subscriber|loyalty|policy|patient|contract|routing|roll"
    rf"|meter point)[ _]{_NUMBER}"
    rf"|policy|sort code|passport(?: {_NUMBER})?"
    rf"|(?:driv\w+ )?licen[cs]e(?: {_NUMBER})?"
    r"|(?:kunden|konto|vertrags|versicherungs|policen|mitglieds|reisepass|personalausweis)(?:nummer|nr)|konto|bankleitzahl"
    r"|num[ée]ro de (?:client|compte|contrat|police|passeport|carte d'identité)|compte n[°o]"
    r"|n[uú]mero de (?:cliente|cuenta|p[oó]liza|contrato|socio|pasaporte|conta|apólice|ag[eê]ncia)"
    r"|(?:cuenta|conta)(?: n[°º])?"
    r"|codice cliente|numero (?:cliente|di conto|polizza|contratto|del passaporto)|c[oó]digo (?:de )?cliente"
    r"|(?:klant|rekening|polis|kund)(?:nummer|nr)|numer (?:klienta|konta|umowy|polisy))"
)
_DATE = r"(?:(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./](?!00)\d{1,2}[-./](?:19|20)?\d\d)(?!\d)"
_ACCOUNT = re.compile(
    rf"{_ACCOUNT_LABEL}\b{_GAP}"
    rf"(?P<value>(?!{_DATE})(?:[A-Za-z]{{1,4}}[-/]?|(?-i:[A-Z]{{1,4}}) )?\d[\dA-Za-z]{{0,24}}"
    r"(?:[-/. ]\d[\dA-Za-z]{0,24}(?![\w:,.]\d)){0,6}(?:[-/][A-Za-z]{1,4})?"
    r"|(?=[A-Z]{0,17}\d)[A-Z0-9]{6,18})(?!\w)",
    re.IGNORECASE,
)
_ACCOUNT_BEFORE = re.compile(rf"\b{_ACCOUNT_LABEL}\b{_GAP}$", re.IGNORECASE)
_NATIONAL_ID_BEFORE = re.compile(
    r"\b(?:(?:social )?security number|social|ssn|nhs number|national insurance(?: number)?|bsn|pesel|cpf"
    rf"|aadhaar|aadhar|steuer-?(?:id|nummer)|codice fiscale)\b{_GAP}$",
    re.IGNORECASE,
)
_THING_BEFORE = re.compile(
    r"\b(?:order|serial|ticket|tracking|booking|reference|invoice|case|model|confirmation|flight|parcel|imei)"
    rf"(?: (?:number|code|id))?\b{_GAP}$",
    re.IGNORECASE,
)
FEWEST_DIGITS = 4
_LETTERS_AND_DIGITS = re.compile(r"(?=[A-Z]*\d)[A-Z0-9]{6,18}")

SECRET_WORDS = word_set(
    """
    password passwort passcode kennwort contraseña clave senha wachtwoord hasło pin cvv cvc cvv2 otp code mot parola
    şifre pwd
    """
)
_CODE_LABEL = (
    r"(?:digits on the (?:back|strip|card)"
    r"|(?:card |sim |my |your )?pin(?: code| number)?|cvv2?|cvc|otp|(?<=security )code|(?<=verification )code"
    r"|(?<=access )code|(?<=one-time )code|(?<=one time )code|(?<=login )code|(?<=sms )code"
    r"|code (?:you|they|that was) (?:sent|texted|gave)(?: me)?)"
)
_WORD_LABEL = (
    r"(?:pass(?:word|wort|code)|pwd|kennwort|contraseña|clave|senha|wachtwoord|hasło|parola|şifre|mot de passe)"
)
_CODE = re.compile(rf"{_CODE_LABEL}\b{_GAP}(?P<value>\d{{3}}[- ]\d{{3}}|\d{{3,8}})(?![\w%])(?![.,]\d)", re.IGNORECASE)
# `My PIN is 3100 or 5380`.
_OR_CODE = re.compile(
    r",? (?:or|oder|o|ou|of)(?: (?:maybe|perhaps))? (?P<value>\d{3,8})(?![\w%])(?![.,]\d)", re.IGNORECASE
)
_CODE_BEFORE = re.compile(rf"\b{_CODE_LABEL}\b{_GAP}$", re.IGNORECASE)
# A word after `password` is a secret only if no dictionary has it, or if it is quoted.
_PASSWORD = re.compile(
    rf"{_WORD_LABEL}\b{_GAP}(?:[\"'“‘]?(?P<value>(?=[^\s]{{0,40}}[\d@#$%^*_+=])[^\s\"'”’,;\x00]{{4,40}}(?<![.!?)]))"
    r"|(?<=[\"'“‘])(?P<quoted>[^\s\"'“”‘’\x00]{4,40})(?=[\"'”’]))",
    re.IGNORECASE,
)

BIRTH_WORDS = word_set(
    """
    birth birthdate birthday dob born geboren geburtsdatum né née naissance nacimiento nací nacido nacida nato nata
    nascita nascimento nasci nascido nascida geboortedatum urodzenia urodzony urodzona urodziłem urodziłam
    födelsedatum född doğum
    """
)
_MONTH = r"[^\W\d_]{3,12}\.?"
_BIRTHDATE = re.compile(
    r"[^\W\d_]+(?: date| day)?(?:(?: on| am| le| el| il| em| op| den| tarihi| im| a| o)\b)?"
    + _GAP
    + r"(?P<value>(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}"
    r"|\d{1,2}[-./ ]{1,2}\d{1,2}[-./ ]{1,2}(?:19|20)? ?\d\d(?!\d|st|nd|rd|th)"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|º|\.)?(?: of| de| di)? {_MONTH}(?: de| del|,)? (?:19|20)?\d\d"
    rf"|{_MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?,? (?:(?:19|20)\d\d|'?\d\d)"
    r"|(?:the )?\d{1,2}(?:st|nd|rd|th)?(?: (?:of|on|in))?(?: the)? \d{1,2}(?:st|nd|rd|th)(?: (?:of|in))?(?: the)?,?"
    r" (?:19|20)?\d\d)(?!\d)",
    re.IGNORECASE,
)

# The answer of the next turn, however it is said, if it is days, months and numbers: `the 27th of the 9th 1979`.
_ASKED_BIRTHDATE = re.compile(
    r"[^\n]{0,60}\n[^\W\d][\w ]{0,20}: ?(?:(?:it'?s|yes|yeah|sure|okay|uh|um|the|so|on)[ ,]+){0,4}(?P<value>"
    r"(?=[^\n]*\d)(?:(?:\d{1,8}(?:st|nd|rd|th)?|the|of|on|in|and|to|year|day|month|sorry|jan\w*|feb\w*|mar(?:ch)?|apr\w*|may|june?"
    r"|july?|aug\w*|sept?\w*|oct\w*|nov\w*|dec\w*|five|first|second|third|januar|februar|märz|mai|juni|juli|oktober|dezember"
    r"|de|del|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre"
    r"|diciembre)\b[ ,./-]{0,3}){1,10})[.!]?(?:\n|$)",
    re.IGNORECASE,
)
_MONTH_WORD = re.compile(r"(?<!\d)[^\W\d_]{3}")
_UNITS = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
_DAY = rf"(?:(?:(?:twenty|thirty)[- ])?(?:{_UNITS})|tenth|eleventh|twelfth|\w{{3,5}}teenth|twentieth|thirtieth)"
_YEAR_WORD = (
    r"(?:oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,5}teen|(?:twen|thir|for|fif|six|seven|eigh"
    r"|nine)ty|hundred|and)"
)
_SPOKEN_BIRTHDATE = re.compile(
    rf"[^\W\d_]+(?: on)?{_GAP}(?P<value>{_DAY}(?: of)? [^\W\d_]{{3,9}},? (?:nineteen|twenty|two thousand)"
    rf"(?:[ -]{_YEAR_WORD}){{1,4}})\b",
    re.IGNORECASE,
)


def account_is_named(text: str, start: int) -> bool:
    """Whether the words before a place announce an account number."""
    return bool(_ACCOUNT_BEFORE.search(_before(text, start)))


def secret_is_named(text: str, start: int) -> bool:
    """Whether the words before a place announce a PIN or a security code."""
    return bool(_CODE_BEFORE.search(_before(text, start)))


def national_id_is_named(text: str, start: int) -> bool:
    """Whether the words before a place announce a national identity number."""
    return bool(_NATIONAL_ID_BEFORE.search(_before(text, start)))


def thing_is_named(text: str, start: int) -> bool:
    """Whether the words before a place, or the question before the answer, announce the number of a thing."""
    return bool(_THING_BEFORE.search(_before(text, start)))


def _before(text: str, start: int) -> str:
    return text[max(start - 90, 0) : start]


def find_accounts(searched: Searched) -> Iterator[Finding]:
    """Numbers of accounts, customers, policies, contracts, passports and licences, where they are called so."""
    for match in _matches(searched, "account", _ACCOUNT):
        value = match["value"]
        digits = sum(map(str.isdigit, value))
        if digits >= FEWEST_DIGITS or _LETTERS_AND_DIGITS.fullmatch(value):
            yield Finding(*match.span("value"), "ACCOUNT", "".join(filter(str.isalnum, value)).upper())


def find_secrets(searched: Searched) -> Iterator[Finding]:
    """Passwords, PINs, card security codes and one-time codes, where they are called so."""
    for pattern in (_CODE, _PASSWORD):
        for match in _matches(searched, "secret", pattern):
            name = str(match.lastgroup)
            yield Finding(*match.span(name), "SECRET", match[name])
            other = _OR_CODE.match(searched.text, match.end())
            if other:
                yield Finding(*other.span("value"), "SECRET", other["value"])


def find_birthdates(searched: Searched) -> Iterator[Finding]:
    """Dates of birth, where they are called so; other dates stay."""
    for pattern in (_BIRTHDATE, _SPOKEN_BIRTHDATE, _ASKED_BIRTHDATE):
        for match in _matches(searched, "birth", pattern):
            is_short = sum(map(str.isdigit, match["value"])) < FEWEST_DIGITS and not _MONTH_WORD.search(match["value"])
            if is_short and pattern is _ASKED_BIRTHDATE:
                continue
            yield Finding(*match.span("value"), "BIRTHDATE", "".join(filter(str.isalnum, match["value"])).casefold())


def _matches(searched: Searched, name: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    for anchor in searched.anchors.get(name, ()):
        match = pattern.match(searched.text, anchor.start)
        if match:
            yield match
