"""Find telephone numbers, and leave alone what also has many digits: dates, prices, versions, order numbers.

A number counts as a telephone number when it has a form that some country writes one in. The search is linear in the
length of the text.
"""

import re
from collections.abc import Iterator

from include.privacy.engine import Finding
from include.privacy.rules.searched import Searched, is_named_otherwise, is_part_of_code
from include.privacy.rules.word_lists import one_of, words_of

_WORDS = words_of("phone_numbers")

# Sizes of the groups of numbers that begin with neither `+` nor 0, and who writes them so. Longer ones first.
_SHAPES: list[str] = _WORDS["shapes"]
_GAP = r"[ .\-]"
_WIDE_GAP = r"[ .()/\-]{1,3}"


def _shape(sizes: str) -> str:
    head, *groups = sizes.split("-")
    country = ""
    if head == "1":
        country, head = rf"\d{_GAP}?", groups.pop(0)
    area = rf"(?:\(\d{{{head}}}\){_GAP}{{0,2}}|\d{{{head}}}{_GAP}{{1,2}})"
    return country + area + _GAP.join(rf"\d{{{size}}}" for size in groups)


_CANDIDATE = re.compile(
    r"(?<!\d)(?<!\d[.,])(?:"
    # Dates come first, so that none is taken for the beginning of a number.
    r"(?P<date>(?:19|20)\d\d([-/.])\d{1,2}\2\d{1,2}(?!\d)|\d{1,2}([-/.])\d{1,2}\3(?:19|20)\d\d(?!\d)"
    r"|\d{1,2}([-/.])\d{1,2}\4\d\d(?![-/. ]?\d))"
    rf"|(?P<international>(?:\+|00)[1-9]\d{{0,14}}(?!\d)(?:{_WIDE_GAP}\d{{1,4}}(?!\d))?(?:{_WIDE_GAP}\d{{2,8}}(?!\d)){{0,6}})"
    rf"|(?P<national>\(?0\d{{1,5}}(?!\d)(?:{_WIDE_GAP}\d{{2,8}}(?!\d)){{1,6}})"
    rf"|(?P<pairs>(?<!\d{_GAP})\d\d({_GAP})\d\d\8\d\d\8\d\d(?!{_GAP}?\d))"  # Denmark, Norway
    rf"|(?P<shaped>(?:{'|'.join(map(_shape, _SHAPES))})(?!\d|[.\-]\d))"
    r"|(?P<plain>(?<![\w#/\-])\d{9,12}(?!\w|[.,\-]\d)))"
)
# A number without its area code counts only where it is called a telephone's.
_CALLED = re.compile(
    rf"\b{one_of(_WORDS['called'])}\b\.?"
    r"(?: is| at| on| to| under| unter| al| au| ist| will be| would be)*[\s:#.]{1,3}"
    r"(?P<number>\d{3}[ .\-]\d{2}[ .\-]?\d{2})(?![\w.,\-/]\d|\w)",
    re.IGNORECASE,
)
# Only there is it worth to look.
_SEVEN_DIGITS = re.compile(r"\d{3}[ .\-]\d{2}[ .\-]?\d{2}")
_MANY_DIGITS = re.compile(r"\d(?:\W{0,4}\d){6,}")
_DIGIT_GROUP = re.compile(r"\d+")
# Fewest and most digits.
_LENGTHS = {"international": (8, 15), "national": (9, 12)}
MOST_DIGITS = 15
NORTH_AMERICAN_DIGITS = 11
# Seconds since 1970.
EPOCH_DIGITS = 10
# With and without the country's code it is the same number.
SAME_LAST_DIGITS = 9

_CURRENCY_AFTER = re.compile(
    r" ?(?:[$€£¥₹%]|(?:usd|eur|gbp|inr|idr|vnd|euros?|dollars?|pounds|rupees|million|bytes)\b)", re.IGNORECASE
)


def find_phone_numbers(searched: Searched) -> Iterator[Finding]:
    """Telephone numbers in the forms above."""
    text, position = searched.text, 0
    for region in _MANY_DIGITS.finditer(text):
        position = max(position, region.start() - 2)
        # Two characters more, because what follows a number says whether it is one.
        while match := _CANDIDATE.search(text, position, region.end() + 2):
            position, digits = _whole_number(text, match)
            has_plus = text[match.start()] == "+"
            if digits and (has_plus or not _is_something_else(text, match, position, digits)):
                yield Finding(match.start(), position, "PHONE", digits[-SAME_LAST_DIGITS:])
    for match in _CALLED.finditer(text) if _SEVEN_DIGITS.search(text) else ():
        if not is_named_otherwise(text, match.start("number")):
            yield Finding(*match.span("number"), "PHONE", "".join(filter(str.isdigit, match["number"])))


def _whole_number(text: str, match: re.Match[str]) -> tuple[int, str]:
    """(end, digits) of the number at the beginning of a match; no digits if there is none.

    Groups after a space may belong to another number, so they are taken only as far as a number can be long.
    """
    form, end, digits = str(match.lastgroup), match.end(), ""
    if form == "date":
        return end, ""
    fewest, most = _LENGTHS.get(form, (0, MOST_DIGITS))
    prefix = 2 if form == "international" and match.group().startswith("00") else 0
    for group in _DIGIT_GROUP.finditer(text, match.start(), match.end()):
        if form == "international" and digits[prefix:].startswith("1"):
            most = NORTH_AMERICAN_DIGITS
        if digits and len(digits) + group.end() - group.start() > most + prefix:
            # A number of another kind goes on without a space, such as 028-1234567-1234567.
            if text[group.start() - 1] in ".-":
                return match.end(), ""
            break
        digits += group.group()
        end = group.end()
    return end, digits if fewest <= len(digits) - prefix <= most else ""


def _is_something_else(text: str, match: re.Match[str], end: int, digits: str) -> bool:
    start = match.start()
    if match.lastgroup == "plain" and len(digits) == EPOCH_DIGITS and digits[0] == "1":
        return True
    # A sum such as 150 000 000; (555) 123-4000 is none.
    is_sum = digits[0] != "0" and text[end - 3 : end] == "000" and "-" not in match.group()
    if is_sum or is_part_of_code(text, start, end):
        return True
    return bool(is_named_otherwise(text, start) or _CURRENCY_AFTER.match(text, end))
