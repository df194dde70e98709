"""Take personal data out of a text before it is stored or sent.

Found by pattern and, where the kind has one, by its check digits: e-mail addresses, payment cards (Luhn), IBANs
(ISO 13616, modulo 97), IP addresses and phone numbers. Not found: names, postal addresses, and anything that is
spelled out ("john dot smith at ..."). Every pattern runs in linear time.
"""

import ipaddress
import re
from collections.abc import Callable

_EMAIL = re.compile(r"\b[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IP_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]\d|\w)")
_IP_V6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{1,4}(?![\w:])")
# With a plus sign, or in at least three groups: version numbers, prices, dates and order numbers have neither.
_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d[\d ()./-]{6,18}\d|\(?\d{2,5}\)?[ /-]\d{2,4}[ -]\d{2,4}(?:[ -]\d{2,4})?)(?![\w])"
)
_DATE = re.compile(r"(?:(?:19|20)\d{2}[ /-]\d{1,2}[ /-]\d{1,2}|\d{1,2}[ /-]\d{1,2}[ /-](?:19|20)\d{2})(?!\d)")
FEWEST_PHONE_DIGITS = 8


class Redactor:
    """Redacts the texts of one record; the same value gets the same placeholder in all of them."""

    def __init__(self) -> None:
        self._placeholders: dict[tuple[str, str], str] = {}

    def redact(self, text: str) -> str:
        """The text with `<EMAIL_1>`, `<CARD_1>`, `<IBAN_1>`, `<IP_1>` and `<PHONE_1>` for what was found."""
        text = _EMAIL.sub(self._replace("EMAIL", lambda _: True), text)
        text = _IBAN.sub(self._replace("IBAN", _is_iban), text)
        text = _CARD.sub(self._replace("CARD", _is_card), text)
        text = _IP_V4.sub(self._replace("IP", _is_ip), text)
        text = _IP_V6.sub(self._replace("IP", _is_ip), text)
        return _PHONE.sub(self._replace("PHONE", _is_phone), text)

    def _replace(self, kind: str, is_real: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
        def placeholder(match: re.Match[str]) -> str:
            found = match.group()
            if not is_real(found):
                return found
            key = (kind, re.sub(r"[^\w@.+]", "", found).casefold())
            if key not in self._placeholders:
                number = 1 + sum(known == kind for known, _ in self._placeholders)
                self._placeholders[key] = f"<{kind}_{number}>"
            return self._placeholders[key]

        return placeholder


def _is_card(found: str) -> bool:
    digits = [int(character) for character in found if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(found: str) -> bool:
    compact = found.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _is_ip(found: str) -> bool:
    try:
        ipaddress.ip_address(found)
    except ValueError:
        return False
    return True


def _is_phone(found: str) -> bool:
    enough = sum(character.isdigit() for character in found) >= FEWEST_PHONE_DIGITS
    return enough and not _DATE.match(found)
