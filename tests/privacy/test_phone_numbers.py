"""Telephone numbers as people write them, and numbers that are none."""

import pytest

from include.privacy.redact import Redactor, redact


@pytest.mark.parametrize(
    "number",
    [
        "+4915112345678",
        "+49 151 12345678",
        "+44 (0)20 7946 0958",
        "+1 (555) 123-4567",
        "+33 6 12 34 56 78",
        "+45 12 34 56 78",
        "0049 151 12345678",
        "(555) 123-4567",
        "(555)123-4567",
        "555.123.4567",
        "123-456-7890",
        "(555) 123-4000",
        "000-000-00-00",
        "1-800-555-0199",
        "020 7946 0958",
        "07911 123456",
        "07911123456",
        "0151/12345678",
        "(030) 123 45 67",
        "06.12.34.56.78",
        "8 (912) 345-67-89",
        "138 1234 5678",
        "11 98765-4321",
        "600 123 456",
        "12 34 56 78",
        "98765 43210",
        "9876543210",
        "532 123 45 67",
        "٠٧٩١١١٢٣٤٥٦",
    ],
)
@pytest.mark.parametrize("sentence", ["{}", "Call me: {}, please.", "Tel.{}\n10 am", "2026-11-01: {}"])
def test_a_telephone_number_is_taken_out(number: str, sentence: str) -> None:
    assert redact(sentence.format(number)) == sentence.format("<PHONE_1>")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("07911 123456 0800 123 456", "<PHONE_1> <PHONE_2>"),
        ("+1 555 123 4567 555-987-6543", "<PHONE_1> <PHONE_2>"),
        ("+1 (555) 123-4567 10 minutes ago", "<PHONE_1> 10 minutes ago"),
        ("030 1234 5678 or +44 7700 900123", "<PHONE_1> or <PHONE_2>"),
        ("tel=07911123456&x=1", "tel=<PHONE_1>&x=1"),
    ],
)
def test_a_number_ends_where_another_begins(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "on 2026-11-01 or 01.11.2026 or 11/01/2026",
        "2026-11-01 10:30:00 to 2026-11-02 11:30:00",
        "from 07:45 to 08:30 on 12-05-21",
        "on 23-11-1980, flight LH 1234",
        "2019-2020",
        "$1,234,567.89 or 1.500.000 or EUR 123 456 789",
        "150 000 000 VND",
        "15.000.000",
        "order 12345678",
        "Order #1234567890",
        "order number: 1234567890",
        "Order 028-1234567-1234567",
        "302-1234567-1234567",
        "Bestellung 0123 456789",
        "ISBN 978-3-16-148410-0",
        "case 00123456",
        "1700000000 and 1700000000000",
        "build 20240115123",
        "version 2.0.19041.1234 on Chrome 120.0.6099.129",
        "iPhone 14 Pro 256 GB for 1199",
        "52.520008, 13.404954",
        "10 20 30 40 50 60",
        "12345-6789",
        "1073741824 bytes",
        "3-2, 10/10, 100 %",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert redact(text) == text


def test_the_name_of_a_column_says_what_its_digits_are() -> None:
    redactor = Redactor()
    for name in ("order_id", "agent_id", "id", "ticket", "tracking_number"):
        assert redactor.redact("9876543210", name) == "9876543210"
    assert redactor.redact("10.0.0.1", "app_version") == "10.0.0.1"
    assert redactor.redact("9876543210", "phone") == "<PHONE_1>"
