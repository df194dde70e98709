"""Take personal data out of a text before it is stored or sent.

What is found: e-mail addresses, payment cards, IBANs, IP addresses, US social security numbers, and telephone numbers
in the forms that people write them in. What is not: names, postal addresses, dates of birth, other countries' identity
numbers, account numbers, mistyped cards and IBANs, and anything spelled out ("john dot smith at ...", "double seven").
Record ids and names of files and columns are not redacted either.
"""

import re
from functools import partial

from include.sources.clean import clean_text
from include.sources.personal_data import (
    Finding,
    find_cards,
    find_emails,
    find_ibans,
    find_ips,
    find_social_security_numbers,
)
from include.sources.phone_numbers import find_phone_numbers

# Names in the placeholders.
KINDS = ("EMAIL", "CARD", "IBAN", "IP", "SSN", "PHONE")
# Every search looks for one of them.
_DIGIT_OR_AT = re.compile(r"[\d@＠]")
# Cleaned texts do not contain it.
_TAKEN = "\x00"


# What a model says beyond it is not worth keeping.
MAX_OUTPUT_CHARACTERS = 20_000


def redact(text: str) -> str:
    """A text by itself; see `Redactor`."""
    return Redactor().redact(text)


def redact_output(text: str) -> str:
    """What a model said, as it is kept for people to look at: cleaned, cut and redacted, for models invent too."""
    return redact(clean_text(text[:MAX_OUTPUT_CHARACTERS]))


class Redactor:
    """Redacts the texts of one record: the same value gets the same placeholder in all of them."""

    def __init__(self) -> None:
        self._placeholders: dict[tuple[str, str], str] = {}
        self._count: dict[str, int] = {}

    def redact(self, text: str, label: str = "") -> str:
        """The text with `<EMAIL_1>`, `<CARD_1>`, `<IBAN_1>`, `<IP_1>`, `<SSN_1>` and `<PHONE_1>` for what was found.

        Args:
            text: cleaned by `clean_text`. Redacting twice changes nothing.
            label: name of the column, if it is not the record's text: digits in `order_id` are no telephone number.
        """
        findings = sorted(_find_all(text, label))
        if not findings:
            return text
        parts, position = [], 0
        for finding in findings:
            parts += [text[position : finding.start], self._placeholder(finding)]
            position = finding.end
        return "".join([*parts, text[position:]])

    def _placeholder(self, finding: Finding) -> str:
        identity = (finding.kind, finding.key)
        if identity not in self._placeholders:
            self._count[finding.kind] = self._count.get(finding.kind, 0) + 1
            self._placeholders[identity] = f"<{finding.kind}_{self._count[finding.kind]}>"
        return self._placeholders[identity]


def _find_all(text: str, label: str) -> list[Finding]:
    """All findings; none overlaps another, because what is found is blanked for the searches that follow."""
    findings: list[Finding] = []
    if not _DIGIT_OR_AT.search(text):
        return findings
    labelled = (partial(find_ips, label=label), partial(find_phone_numbers, label=label))
    for search in (find_emails, find_ibans, find_cards, find_social_security_numbers, *labelled):
        found = list(search(text))
        if found:
            findings += found
            text = _blanked(text, found)
    return findings


def _blanked(text: str, findings: list[Finding]) -> str:
    parts, position = [], 0
    for finding in sorted(findings):
        parts += [text[position : finding.start], _TAKEN * (finding.end - finding.start)]
        position = finding.end
    return "".join([*parts, text[position:]])
