"""Find national identity numbers whose form or check digits tell them from other numbers.

The check digits are python-stdnum's. A number of digits alone could be anything, so it counts only after its name.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer

from include.privacy.finding import Finding, Searched

WORDS_BEFORE = 60


class _Form(NamedTuple):
    """One country's number: how it is written, its check (None: the form is clear), the names it needs before it."""

    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool] | None = None
    names: re.Pattern[str] | None = None


def _form(pattern: str, is_valid: Callable[[str], bool] | None = None, names: str = "") -> _Form:
    return _Form(
        re.compile(rf"(?<![\w\-]){pattern}(?![\w\-])", re.IGNORECASE),
        is_valid,
        re.compile(rf"\b(?:{names})\b", re.IGNORECASE) if names else None,
    )


_FORMS = (
    _form(r"\d{3}-\d{2}-\d{4}"),  # United States
    _form(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"),  # United Kingdom: NINO
    _form(r"\d{3}[ -]?\d{3}[ -]?\d{4}", nhs.is_valid, "nhs"),
    _form(r"\d{3}[ -]?\d{3}[ -]?\d{3}", sin.is_valid, "sin|social insurance"),  # Canada
    _form(r"\d{2}\.?\d{3}\.?\d{3}[ -]?[A-Z]", dni.is_valid),  # Spain
    _form(r"[XYZ][ -]?\d{7}[ -]?[A-Z]", nie.is_valid),
    _form(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", codicefiscale.is_valid),  # Italy
    _form(r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}", nir.is_valid),  # France
    _form(
        r"\d{2} ?\d{3} ?\d{3} ?\d{3}",
        idnr.is_valid,
        r"steuer-?(?:id|identifikationsnummer|nummer|nr)|idnr|identifikationsnummer|tax id",
    ),
    _form(r"\d{4}[ .]?\d{2}[ .]?\d{3}", bsn.is_valid, "bsn|burgerservicenummer|sofinummer"),  # Netherlands
    _form(r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf.is_valid),  # Brazil
    _form(r"\d{11}", cpf.is_valid, "cpf"),
    _form(r"\d{4}[ -]?\d{4}[ -]?\d{4}", aadhaar.is_valid, "aadhaar|aadhar|uidai"),  # India
    _form(r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]"),  # India: PAN
    _form(r"\d{11}", pesel.is_valid, "pesel"),  # Poland
    _form(r"(?:19|20)?\d{6}[-+]\d{4}", personnummer.is_valid),  # Sweden
)
# No number above has fewer digits.
_DIGITS = re.compile(r"\d(?:\D{0,2}\d){3}")


def find_national_ids(searched: Searched) -> Iterator[Finding]:
    """Identity, tax, health and social security numbers of persons, in the forms above."""
    text = searched.text
    if not _DIGITS.search(text):
        return
    for form in _FORMS:
        for match in form.pattern.finditer(text):
            before = text[max(match.start() - WORDS_BEFORE, 0) : match.start()]
            is_named = form.names is None or form.names.search(before)
            if is_named and (form.is_valid is None or form.is_valid(match.group())):
                yield Finding(*match.span(), "NATIONAL_ID", "".join(filter(str.isalnum, match.group())).upper())
