"""The engine of rules: one search after another, the surest first."""

import re
from collections.abc import Iterable
from functools import cache

from include.privacy.engine import Finding, take
from include.privacy.rules.addresses import find_addresses
from include.privacy.rules.anchors import find_anchors
from include.privacy.rules.birthdates import find_birthdates
from include.privacy.rules.emails import AT, find_emails, find_spoken_emails
from include.privacy.rules.ip_addresses import find_ips
from include.privacy.rules.labelled_values import find_accounts, find_secrets
from include.privacy.rules.national_ids import find_national_ids
from include.privacy.rules.payment import find_cards, find_ibans
from include.privacy.rules.people import find_people
from include.privacy.rules.phone_numbers import find_phone_numbers
from include.privacy.rules.searched import Search, Searched
from include.privacy.rules.spoken_numbers import find_spoken_numbers

_DIGIT = re.compile(r"\d")

# Kinds of a search, what its text must have for it to be worth while, and the search: the surest come first, for what
# is found is hidden from those that follow.
_SEARCHES: tuple[tuple[frozenset[str], re.Pattern[str] | None, Search], ...] = (
    (frozenset({"EMAIL"}), AT, find_emails),
    (frozenset({"EMAIL"}), None, find_spoken_emails),
    (frozenset({"IBAN"}), _DIGIT, find_ibans),
    (frozenset({"CARD"}), _DIGIT, find_cards),
    (frozenset({"NATIONAL_ID"}), _DIGIT, find_national_ids),
    (frozenset({"IP"}), _DIGIT, find_ips),
    (frozenset({"CARD", "IBAN", "IP", "ACCOUNT", "NATIONAL_ID", "SECRET", "PHONE"}), None, find_spoken_numbers),
    (frozenset({"SECRET"}), None, find_secrets),
    (frozenset({"BIRTHDATE"}), None, find_birthdates),
    (frozenset({"ACCOUNT"}), _DIGIT, find_accounts),
    (frozenset({"ADDRESS"}), None, find_addresses),
    (frozenset({"PHONE"}), _DIGIT, find_phone_numbers),
    (frozenset({"PERSON"}), None, find_people),
)


def find_by_rules(text: str, kinds: frozenset[str], people: dict[str, str]) -> Iterable[Finding]:
    """See `engine.Engine`; takes time that grows with the length of the text alone."""
    findings: list[Finding] = []
    searched = Searched(text, find_anchors(text), people)
    has = {None: True, _DIGIT: bool(_DIGIT.search(text)), AT: bool(AT.search(text))}
    for wanted, needs, search in _searches(kinds):
        if has[needs]:
            found, text = take(searched.text, search(searched), wanted)
            if found:
                findings += found
                searched = searched._replace(text=text)
    return findings


@cache
def _searches(kinds: frozenset[str]) -> tuple[tuple[frozenset[str], re.Pattern[str] | None, Search], ...]:
    return tuple((found & kinds, needs, search) for found, needs, search in _SEARCHES if found & kinds)
