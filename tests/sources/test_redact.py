"""Personal data leaves a text before anybody else sees it."""

import pytest

from include.sources.files import read_files
from include.sources.redact import Redactor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jo.doe+x@mail.example.com now", "Write to <EMAIL_1> now"),
        ("Card 4111 1111 1111 1111.", "Card <CARD_1>."),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN <IBAN_1> please"),
        ("IBAN DE89370400440532013000", "IBAN <IBAN_1>"),
        ("from 192.168.10.20 today", "from <IP_1> today"),
        ("Call +44 7700 900123!", "Call <PHONE_1>!"),
        ("Call 030 1234 5678 or +44 7700 900123", "Call <PHONE_1> or <PHONE_2>"),
        ("a@b.de, again A@B.de, other c@d.de", "<EMAIL_1>, again <EMAIL_1>, other <EMAIL_2>"),
    ],
)
def test_what_is_personal_becomes_a_typed_placeholder(text: str, expected: str) -> None:
    assert Redactor().redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "version 6.2.1 on Android 15",
        "order 12345678 since 2026-11-23 10:20",
        "I paid 1,234.50 for 3 months",
        "born 23-11-1980, flight LH 1234",
        "999.999.999.999 is no address",
    ],
)
def test_versions_dates_prices_and_order_numbers_stay(text: str) -> None:
    assert Redactor().redact(text) == text


def test_a_number_that_fails_the_check_digit_is_not_called_a_card() -> None:
    assert "CARD" not in Redactor().redact("4111 1111 1111 1112")
    assert "IBAN" not in Redactor().redact("DE89370400440532013001")


def test_text_and_attributes_of_one_record_share_their_placeholders(tmp_path: object) -> None:
    import json
    from datetime import UTC, datetime
    from pathlib import Path

    path = Path(str(tmp_path)) / "a.jsonl"
    path.write_text(json.dumps({"id": 1, "text": "I am a@b.de", "sender": "A@b.de"}))
    (found,) = read_files(
        str(path), source="support_tickets", attributes={}, pulled_at=datetime(2026, 11, 23, tzinfo=UTC)
    )
    assert found.text == "I am <EMAIL_1>"  # type: ignore[union-attr]
    assert found.attributes["sender"] == "<EMAIL_1>"  # type: ignore[union-attr]


def test_hostile_texts_do_not_make_the_patterns_crawl() -> None:
    # Quadratic patterns would take hours on these; the test would hang, not fail on a clock.
    for text in ("1 " * 60_000, "a@" * 60_000, "AA11 " * 20_000, "1:" * 50_000, "(12 " * 50_000, "a." * 60_000 + "@"):
        Redactor().redact(text)
