"""Records of one customer join by a key that does not tell the customer's id."""

import hashlib
import hmac
import logging

import pytest

from include.privacy.customer_key import SETTING, CustomerKeys

SECRET = "correct horse battery staple"


def test_the_key_is_a_keyed_hash_of_the_id() -> None:
    keys = CustomerKeys.of_environ({SETTING: SECRET})
    assert keys.of(["4711"]) == hmac.new(SECRET.encode(), b"4711", hashlib.sha256).hexdigest()[:32]


def test_an_id_has_the_same_key_as_text_and_as_number() -> None:
    keys = CustomerKeys(SECRET.encode())
    assert keys.of([4711]) == keys.of(["4711"]) == keys.of([" 4711 "]) == keys.of([4711.0]) != keys.of(["4712"])


def test_the_first_column_with_an_id_counts() -> None:
    keys = CustomerKeys(SECRET.encode())
    assert keys.of([None, "", "4711", "4712"]) == keys.of(["4711"])


def test_another_secret_gives_other_keys() -> None:
    assert CustomerKeys(b"one").of(["4711"]) != CustomerKeys(b"two").of(["4711"])


def test_a_record_without_an_id_has_no_key() -> None:
    assert CustomerKeys(SECRET.encode()).of([None, "  ", 1.5, float("nan"), True]) is None


def test_without_a_secret_there_are_no_keys_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    keys = CustomerKeys.of_environ({})
    with caplog.at_level(logging.WARNING):
        assert keys.of(["4711"]) is None
        assert keys.of(["4712"]) is None
    assert [SETTING in record.getMessage() for record in caplog.records] == [True]
    assert "4711" not in caplog.text
