"""Find national identity numbers whose form or check digits tell them from other numbers.

The check digits are python-stdnum's. A number of digits alone could be anything, so it counts only after its name.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stdnum.at import vnr
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn
from stdnum.cl import rut
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.tr import tckimlik

from include.privacy.engine import Finding
from include.privacy.rules.searched import Searched, is_named_otherwise, word_set

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
    _form(r"\d{3}[ .-]?\d{2}[ .-]?\d{4}", None, r"ssns?|social(?: security)?"),
    # The last four of them open accounts.
    _form(r"(?!(?:19|20)\d\d)\d{4}", None, r"last (?:four|4)(?: digits)?(?: of)?(?: my| your| the)? (?:ssn|social)"),
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
        r"steuer[ -]?(?:id|identifikationsnummer|nummer|nr)|idnr|identifikationsnummer|tax id",
    ),
    _form(r"\d{4}[ .]?\d{2}[ .]?\d{3}", bsn.is_valid, "bsn|burgerservicenummer|sofinummer"),  # Netherlands
    _form(r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf.is_valid),  # Brazil
    _form(r"\d{11}", cpf.is_valid, "cpf"),
    _form(r"\d{4}[ -]?\d{4}[ -]?\d{4}", aadhaar.is_valid, "aadhaar|aadhar|uidai"),  # India
    _form(r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]"),  # India: PAN
    _form(r"\d{11}", pesel.is_valid, "pesel"),  # Poland
    _form(r"(?:19|20)?\d{6}[-+]\d{4}", personnummer.is_valid),  # Sweden
    _form(r"\d{6}[- ]?\d{4}", cpr.is_valid, "cpr(?:-nummer|-nr)?|personnummer"),  # Denmark
    _form(r"\d{6} ?\d{5}", fodselsnummer.is_valid, "f[øo]dselsnummer|personnummer"),  # Norway
    _form(r"\d{6}[-+A]\d{3}[\dA-Y]", hetu.is_valid),  # Finland
    _form(r"756\.?\d{4}\.?\d{4}\.?\d{2}", ssn.is_valid),  # Switzerland: AHV
    _form(r"\d{4} ?\d{6}", vnr.is_valid, "sv-?nr|svnr|sozialversicherungsnummer"),  # Austria
    _form(r"\d{2}\.?\d{2}\.?\d{2}[- ]?\d{3}\.?\d{2}", nn.is_valid, "rijksregisternummer|insz|niss|registre national"),
    _form(r"\d{3} ?\d{3} ?\d{3}", nif.is_valid, "nif|contribuinte"),  # Portugal
    _form(r"\d{11}", tckimlik.is_valid, r"t\.?c\.?(?: kimlik)?(?: no| numara\w*)?|kimlik"),  # Turkey
    _form(r"\d{3} ?\d{3} ?\d{3}", tfn.is_valid, "tfn|tax file number"),  # Australia
    _form(r"\d{13}", cnp.is_valid, "cnp"),  # Romania
    _form(r"\d{6}/\d{3,4}", rc.is_valid),  # Czechia, Slovakia
    _form(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d", curp.is_valid),  # Mexico
    _form(r"\d{1,2}\.\d{3}\.\d{3}-[\dK]", rut.is_valid),  # Chile
)
# No number above that needs no name has fewer digits, but India's PAN.
_DIGITS = re.compile(r"\d(?:\D{0,2}\d){5}|[A-Za-z]\d{4}[A-Za-z]")
_FEW_DIGITS = re.compile(r"\d(?:\D{0,2}\d){3}")
_CLEAR_FORMS = tuple(form for form in _FORMS if form.names is None)
_NAMED_FORMS = tuple(form for form in _FORMS if form.names is not None)
# The first words of those names.
ID_WORDS = word_set(
    """
    ssn ssns social nhs sin steuer steuerid steuernummer steuernr steueridentifikationsnummer idnr tax bsn
    identifikationsnummer burgerservicenummer sofinummer cpf aadhaar aadhar uidai pesel cpr personnummer fødselsnummer
    fodselsnummer sv svnr sozialversicherungsnummer rijksregisternummer insz niss registre nif contribuinte t tc kimlik
    tfn cnp
    """
)


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
