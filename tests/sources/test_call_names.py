"""What the name of a transcript's file says: an id without personal data, and a day."""

from datetime import UTC, datetime

import pytest

from include.privacy.redact import redact_name
from include.sources.call_names import call_id, call_time

MODIFIED = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    ["eu/call-17", "2026/11/20/CA0007220161df7be23f4554704c8720f5", "a1b2c3d4-1234-4123-8123-123456789012", "звонок 5"],
)
def test_a_name_without_personal_data_is_the_id(name: str) -> None:
    assert call_id(name, "v1") == name


def test_personal_data_in_a_name_is_redacted_and_calls_stay_apart() -> None:
    assert call_id("eu/jo.smith@example.com", "v1") == "eu/<EMAIL_1>-v1"
    assert call_id("+447911123456", "v1") != call_id("+447911123457", "v2")


def test_a_number_between_underscores_is_redacted_too() -> None:
    assert redact_name("agent7_+447911123456_2.txt") == "agent7_<PHONE_1>_2.txt"


@pytest.mark.parametrize(
    "name", ["2026/11/20/call", "dt=2026-11-20/call", "call_2026-11-20", "2026_11_20-7", "2026/11/20/call_2026-11-20"]
)
def test_the_day_in_the_path_is_the_calls(name: str) -> None:
    assert call_time(name, MODIFIED) == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a_2026-11-20T10:11:12Z", "20261120T101112Z_7", "2026/11/20/x-2026-11-20_10-11-12"])
def test_a_time_in_the_path_is_more_exact(name: str) -> None:
    assert call_time(name, MODIFIED) == datetime(2026, 11, 20, 10, 11, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        "call-17",
        "20261120",
        "2026/13/20/call",
        "2026-11-20/call-2026-11-18",
        "2031-01-01/call",
        "12026-11-20",
        "2026-11-201",
        "2026-11/20",
    ],
)
def test_without_a_clear_day_it_is_when_the_file_was_modified(name: str) -> None:
    assert call_time(name, MODIFIED) == MODIFIED
