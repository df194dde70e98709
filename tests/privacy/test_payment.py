"""Cards and IBANs are known by their check digits, with python-stdnum as the judge."""

import pytest
from stdnum import iban, luhn

from include.privacy.redact import redact


@pytest.mark.parametrize("digits", ["400000000000000", "37828224631000", "222300004841001"])
def test_of_ten_last_digits_one_makes_a_card(digits: str) -> None:
    right = luhn.calc_check_digit(digits)
    taken_out = [last for last in "0123456789" if redact(f"visa {digits}{last}") == "visa <CARD_1>"]
    assert taken_out == [right]


@pytest.mark.parametrize(
    ("country", "account"),
    [
        ("DE", "370400440532013000"),
        ("GB", "NWBK60161331926819"),
        ("FR", "20041010050500013M02606"),
        ("NO", "86011117947"),
    ],
)
def test_of_all_check_digits_one_pair_makes_an_iban(country: str, account: str) -> None:
    right = iban.calc_check_digits(f"{country}00{account}")
    taken_out = [n for n in range(2, 99) if redact(f"IBAN: {country}{n:02}{account}") == "IBAN: <IBAN_1>"]
    assert taken_out == [int(right)]


def test_what_is_not_built_as_its_countrys_ibans_is_none() -> None:
    account = "ABCDEFGHIJ12345678"
    number = f"DE{iban.calc_check_digits('DE00' + account)}{account}"
    assert redact(f"ref {number}") == f"ref {number}"
