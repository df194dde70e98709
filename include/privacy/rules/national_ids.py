"""Find national identity numbers whose form or check digits tell them from other numbers.

The check digits are python-stdnum's. A number of digits alone could be anything, so it counts only after its name.
"""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

from include.privacy.engine import Finding
from include.privacy.rules.searched import Searched, is_named_otherwise
from include.privacy.rules.word_lists import word_set, words_of

_WORDS = words_of("national_ids")

WORDS_BEFORE = 60


class _Form(NamedTuple):
    """One country's number: how it is written, its check (None: the form is clear), the names it needs before it."""

    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool] | None = None
    names: re.Pattern[str] | None = None


def _form(pattern: str, check: str = "", names: str = "") -> _Form:
    return _Form(
        re.compile(rf"(?<![\w\-]){pattern}(?![\w\-])", re.IGNORECASE),
        import_module(f"stdnum.{check}").is_valid if check else None,
        re.compile(rf"\b(?:{names})\b", re.IGNORECASE) if names else None,
    )


_FORMS = tuple(_form(**form) for form in _WORDS["forms"])
# No number above that needs no name has fewer digits, but India's PAN.
_DIGITS = re.compile(r"\d(?:\D{0,2}\d){5}|[A-Za-z]\d{4}[A-Za-z]")
_FEW_DIGITS = re.compile(r"\d(?:\D{0,2}\d){3}")
_CLEAR_FORMS = tuple(form for form in _FORMS if form.names is None)
_NAMED_FORMS = tuple(form for form in _FORMS if form.names is not None)
# The first words of those names.
ID_WORDS = word_set(_WORDS["id_words"])


def find_national_ids(searched: Searched) -> Iterator[Finding]:
    """Identity, tax, health and social security numbers of persons, in the forms above."""
    text = searched.text
    forms = _CLEAR_FORMS if _DIGITS.search(text) else ()
    if searched.anchors.get("national_id") and _FEW_DIGITS.search(text):
        forms += _NAMED_FORMS
    for form in forms:
        for match in form.pattern.finditer(text):
            before = text[max(match.start() - WORDS_BEFORE, 0) : match.start()]
            is_named = form.names is None or form.names.search(before)
            if form.names is None and is_named_otherwise(text, match.start()):
                continue
            if is_named and (form.is_valid is None or form.is_valid(match.group())):
                yield Finding(*match.span(), "NATIONAL_ID", "".join(filter(str.isalnum, match.group())).upper())
