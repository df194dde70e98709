"""What the name of a transcript's file says: an id without personal data, and a day."""

from datetime import UTC, datetime

import pytest

from include.privacy.customer_key import CustomerKeys
from include.privacy.redact import redact_name
from include.sources.calls.call_names import call_id, call_time, file_place

NO_KEYS, KEYS = CustomerKeys(b""), CustomerKeys(b"a long random text")
MODIFIED = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    ["eu/call-17", "2026/11/20/CA0007220161df7be23f4554704c8720f5", "a1b2c3d4-1234-4123-8123-123456789012", "звонок 5"],
)
def test_a_name_without_personal_data_is_the_id(name: str) -> None:
    assert call_id(name, "v1", NO_KEYS) == name


def test_personal_data_in_a_name_is_redacted_and_calls_stay_apart() -> None:
    assert call_id("eu/jo.smith@example.com", "v1", NO_KEYS) == "eu/<EMAIL_1>-v1"
    assert call_id("+447911123456", "v1", NO_KEYS) != call_id("+447911123457", "v2", NO_KEYS)


def test_with_a_secret_a_redacted_name_has_one_id_whatever_its_words_are() -> None:
    call = call_id("+447911123456", "v1", KEYS)
    assert call == call_id("+447911123456", "v2", KEYS)
    assert call != call_id("+447911123457", "v1", KEYS)
    assert call.startswith("<PHONE_1>-") and KEYS.of(["+447911123456"]) not in call


def test_files_are_told_apart_in_messages_without_what_was_redacted() -> None:
    assert file_place("eu/call-17.txt", KEYS) == "eu/call-17.txt"
    assert file_place("+447911123456.txt", NO_KEYS) == "<PHONE_1>.txt"
    places = {file_place(f"+44791112345{number}.txt", KEYS) for number in range(10)}
    assert len(places) == 10 and all(place.startswith("<PHONE_1>.txt-") for place in places)


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


@pytest.mark.parametrize(
    "name",
    [
        "GMT20261120-141500_Recording.transcript",
        "Support call-20261120_141500-Meeting Recording",
        "call 2026-11-20 14.15.00",
        "2026/11/20/GMT20261120-141500_88v27Vl8_VoicemailTranscript",
        "aa-bb_20261120T14:15_UTC",
        "0f1e_analysis_2026-11-20T14_15_00Z",
    ],
)
def test_names_of_meeting_programs_and_call_centres_say_the_time(name: str) -> None:
    assert call_time(name, MODIFIED) == datetime(2026, 11, 20, 14, 15, tzinfo=UTC)


@pytest.mark.parametrize("name", ["year=2026/month=11/day=20/c", "year=2026/month=11/day=20/2026-11-20"])
def test_folders_of_year_month_and_day_say_the_day(name: str) -> None:
    assert call_time(name, MODIFIED) == datetime(2026, 11, 20, tzinfo=UTC)
    assert call_time("year=2026/month=3/day=7/c", MODIFIED) == datetime(2026, 3, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["20261120-1234567", "20261120_12345", "20261120-996101", "year=2026/month=13/day=20/c"]
)
def test_numbers_that_are_no_time_say_none(name: str) -> None:
    assert call_time(name, MODIFIED) == MODIFIED
