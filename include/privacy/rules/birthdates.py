"""Find dates of birth, in figures and in words, where they are called so; other dates stay."""

import re
from collections.abc import Iterator

from babel.dates import get_month_names

from include.privacy.engine import Finding
from include.privacy.rules.labelled_values import GAP
from include.privacy.rules.number_words import NUMBER_WORDS, digits_said
from include.privacy.rules.searched import Searched, found_at
from include.privacy.rules.word_lists import one_of, word_set, words_of

_WORDS = words_of("birthdates")

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "tr")
# They announce a date whatever words stand between.
_NOUNS = word_set(_WORDS["nouns"])
BIRTH_WORDS = _NOUNS | word_set(_WORDS["birth_words"])
# Short forms are other words too, unless a point says that they are short, or `date` stands before them.
_SHORT = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in _WORDS["short"].items()}
_BIRTHDAYS = word_set("birthday geburtstag födelsedag verjaardag cumpleaños anniversaire compleanno")
_ALWAYS_AFTER_THE_DATE = word_set("doğumlu doğumluyum doğdum")
# `am 3. April 1978 geboren`
_AFTER_THE_DATE = _ALWAYS_AFTER_THE_DATE | {"geboren"}
_MONTH_NAMES = frozenset(
    name.casefold().rstrip(".")
    for language in LANGUAGES
    for width in ("wide", "abbreviated")
    for context in ("format", "stand-alone")
    for name in get_month_names(width, context, language).values()
)
_MONTH = r"[^\W\d_]{3,12}\.?"
_BIRTHDATE = re.compile(
    r"[^\W\d_]+(?: date| day)?(?:(?: on| am| le| el| il| em| op| den| tarihi| im| a| o)\b)?"
    + GAP
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
    rf"(?=[^\n]*\d)(?:{one_of(_WORDS['answers'])}\b[ ,./-]{{0,3}}){{1,10}})[.!]?(?:\n|$)",
    re.IGNORECASE,
)
_MONTH_WORD = re.compile(r"(?<!\d)[^\W\d_]{3}")
_FIGURES = (
    r"(?:(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2} ?[-./] ?\d{1,2} ?[-./] ?(?:(?:18|19|20)\d\d|\d\d)"
    r"|\d{2} \d{2} (?:19|20)\d\d"
    r"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d)(?!\d)"
)
# Between a noun and the date: words, perhaps the end of a turn, but no other number.
_NOUN_AND_FIGURES = re.compile(
    rf"[^\W\d_]+[^\n\d\x00]{{0,50}}(?:\n[^\n\d\x00]{{0,40}})?(?<![\w.,/-])(?P<value>{_FIGURES})", re.IGNORECASE
)
# `né à Lyon le 5.6.1970`: a few words.
_BORN_AND_FIGURES = re.compile(rf"[^\W\d_]+(?: [^\W\d_]{{1,15}}){{0,3}},? (?P<value>{_FIGURES})", re.IGNORECASE)
# `dob 010385`
_SIX_DIGITS = re.compile(r"[^\W\d_]+(?:[.:=]| is)? ?(?P<value>\d{6}|\d{8})(?![\w]|[-.,]\d)", re.IGNORECASE)
_DATE_BEFORE = re.compile(
    rf"(?<![\w.,/-])(?P<value>{_FIGURES}|\d{{1,2}}\.? [^\W\d_]{{3,9}} (?:(?:19|20)\d\d|\d\d))"
    r"(?:['’]?\w{1,3})?(?: tarihinde)? $",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_]+")
_JOINTS = re.compile(r"[ ,.'’/\-–…]{1,3}")
_FIGURE = re.compile(r"\d{1,4}(?:st|nd|rd|th|er|e|ste|de|º|ª|a)?", re.IGNORECASE)
_CONNECTORS = word_set(_WORDS["connectors"])
_ORDINAL = re.compile(one_of(_WORDS["ordinals"]))
_THOUSANDS = word_set(
    "hundred thousand mil mille mila duemila tausend duizend tusen bin tysiąc tysiące dwa dwutysięczn"
)
# `neunzehnhundertachtundsiebzig`, `negentienzevenenvijftig`, `millenovecentottanta`.
_PIECES = sorted(
    {word for word in (*NUMBER_WORDS, *_THOUSANDS) if len(word) > 2} | {"und", "en", "ën", "ottanta", "otto", "ein"},
    key=len,
    reverse=True,
)
_COMPOUND = re.compile(rf"(?:{'|'.join(_PIECES)}){{1,7}}(?:te[nr]?|st)?")
LONGEST_WORD = 40
_ARTICLE_BEFORE = re.compile(r"(?<!\w)(?:the|le|el|il|der|den|o) $", re.IGNORECASE)
LONGEST_ARTICLE = 5
WINDOW_CHARACTERS = 170
LONGEST_DATE = 45
MOST_DATE_WORDS = 16
# Words between the label and the date, after a noun and after another label.
MOST_WORDS_BETWEEN = 12
FEW_WORDS_BETWEEN = 1
FEWEST_DATE_WORDS = 3
FEWEST_DIGITS = 4
DIGITS_OF_DATES = range(5, 9)


def find_birthdates(searched: Searched) -> Iterator[Finding]:
    """Dates of birth, where they are called so; other dates stay."""
    text = searched.text
    for anchor in searched.anchors.get("birth", ()):
        start, end = anchor.start, anchor.end
        if anchor.word in _SHORT:
            short = _SHORT[anchor.word].match(text, start)
            if short is None:
                continue
            # The patterns begin with a word: the last letter is one.
            end = short.end() - (not text[short.end() - 1].isalpha())
            start = end - 1
        in_words = _in_words(text, end, anchor.word in _NOUNS)
        for span in (*_in_figures(text, start, anchor.word), *([in_words] if in_words else [])):
            yield found_at(text, span, "BIRTHDATE")


def _in_figures(text: str, start: int, word: str) -> Iterator[tuple[int, int]]:
    if word in _AFTER_THE_DATE:
        first = max(start - LONGEST_DATE, 0)
        match = _DATE_BEFORE.search(text[first:start])
        if match:
            yield first + match.start("value"), first + match.end("value")
    if word in _ALWAYS_AFTER_THE_DATE:
        return
    by_words = _NOUN_AND_FIGURES if word in _NOUNS else None if word in _BIRTHDAYS else _BORN_AND_FIGURES
    for pattern in (_BIRTHDATE, _ASKED_BIRTHDATE, _SIX_DIGITS, by_words):
        match = pattern.match(text, start) if pattern else None
        if match:
            is_short = sum(map(str.isdigit, match["value"])) < FEWEST_DIGITS and not _MONTH_WORD.search(match["value"])
            if not (is_short and pattern is _ASKED_BIRTHDATE):
                yield match.span("value")


def _in_words(text: str, start: int, is_noun: bool) -> tuple[int, int] | None:
    """The first run of days, months and years after a label, in this turn or the next."""
    window_end = min(start + WINDOW_CHARACTERS, len(text))
    for _ in range(2):
        line_end = text.find("\n", start, window_end)
        span = _date_in_line(text, start, line_end if line_end >= 0 else window_end, is_noun)
        if span or line_end < 0:
            return span
        # In the answer the first words may be any.
        is_noun = True
        colon = text.find(":", line_end, min(line_end + 25, window_end))
        start = (colon if colon >= 0 else line_end) + 1
    return None


def _date_in_line(text: str, start: int, end: int, is_noun: bool) -> tuple[int, int] | None:
    most = MOST_WORDS_BETWEEN if is_noun else FEW_WORDS_BETWEEN
    run: list[re.Match[str]] = []
    words = 0
    for token in _TOKEN.finditer(text, start, end):
        is_next = bool(run) and _JOINTS.fullmatch(text[run[-1].end() : token.start()])
        if run and not is_next and _is_date(run, is_noun):
            break
        if run and not is_next:
            run = []
        word = token.group().casefold()
        if _is_part(word) or (run and word in _CONNECTORS):
            run.append(token)
            if len(run) > MOST_DATE_WORDS:
                break
        elif run and _is_date(run, is_noun):
            break
        else:
            words += (word not in _CONNECTORS) + len(run)
            run = []
            if words > most:
                return None
    # `oitenta e um` ends in a number.
    while run and run[-1].group().casefold() in _CONNECTORS and [one.group() for one in run[-2:]] != ["e", "um"]:
        run.pop()
    # `on` is ten in Turkish, before another number.
    if len(run) > 1 and run[0].group().casefold() == "on" and run[1].group().casefold() not in NUMBER_WORDS:
        run = run[1:]
    if not _is_date(run, is_noun):
        return None
    article = _ARTICLE_BEFORE.search(text, max(run[0].start() - LONGEST_ARTICLE, start), run[0].start())
    return article.start() if article else run[0].start(), run[-1].end()


def _is_part(word: str) -> bool:
    return len(word) <= LONGEST_WORD and bool(
        word in _MONTH_NAMES
        or word in NUMBER_WORDS
        or word in _THOUSANDS
        or _FIGURE.fullmatch(word)
        or _ORDINAL.fullmatch(word)
        or (len(word) > 5 and _COMPOUND.fullmatch(word))
    )


def _is_date(run: list[re.Match[str]], is_noun: bool) -> bool:
    """Whether there is a month and a number, or, as in `the fifth of the ninth seventy nine`, a day and more."""
    words = [token.group().casefold() for token in run if token.group().casefold() not in _CONNECTORS]
    months = sum(word in _MONTH_NAMES for word in words)
    if months and len(words) > months:
        return True
    if len(words) >= FEWEST_DATE_WORDS and all(word in NUMBER_WORDS for word in words):
        # `oh four eleven eighty two`
        return is_noun and len(digits_said(words)) in DIGITS_OF_DATES
    return len(words) >= FEWEST_DATE_WORDS and any(_ORDINAL.fullmatch(word) for word in words)
