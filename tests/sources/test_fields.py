"""Which columns become which part of a record."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.text.columns import column_name
from tests.sources.reading import PULLED_AT, read_lines, read_record, read_unreadable


@pytest.mark.parametrize(
    ("given", "record_id"),
    [
        (7, "7"),
        (7.0, "7"),
        (7.5, "7.5"),
        (2**70, str(2**70)),
        (" T-1\n", "T-1"),
        ("a\x00b\tc", "ab c"),
        (0, "0"),
        ("0", "0"),
    ],
)
def test_ids_are_text(tmp_path: Path, given: Any, record_id: str) -> None:
    assert read_record(tmp_path, {"id": given}).record_id == record_id


def test_record_id_stands_in_for_id(tmp_path: Path) -> None:
    assert read_record(tmp_path, {"id": None, "record_id": "R-1"}).record_id == "R-1"


@pytest.mark.parametrize("given", [None, "", "  ", "\u200b", True, [], {}, ["a"], float("nan"), float("inf")])
def test_what_is_no_id_is_a_missing_id(tmp_path: Path, given: Any) -> None:
    unreadable = read_unreadable(tmp_path, {"id": given, "text": "Parcel is late"})
    assert (unreadable.error_type, unreadable.record_id) == ("missing_id", "rows.jsonl#L2")


def test_two_long_ids_that_differ_at_their_end_stay_two(tmp_path: Path) -> None:
    first, second = (read_record(tmp_path, {"id": "x" * 5_000 + end}).record_id for end in "ab")
    assert first != second
    assert len(first) == len(second) == 200


@pytest.mark.parametrize("name", ["ID", "Id", " id "])
def test_names_of_columns_may_be_written_in_capitals(tmp_path: Path, name: str) -> None:
    (record,) = read_lines(tmp_path, {name: "a", "Text": "One", "Created At": "2026-11-01"})
    assert record.record_id == "a"
    assert record.occurred_at == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "  \n", "\x00", "\u200b\ufeff", [], {}, True, 5])
def test_a_text_that_nobody_can_see_is_an_empty_text(tmp_path: Path, text: Any) -> None:
    unreadable = read_unreadable(tmp_path, {"id": "T-1", "text": text, "created_at": "2026-11-01T10:00:00Z"})
    assert (unreadable.error_type, unreadable.record_id) == ("empty_text", "T-1")
    assert unreadable.occurred_at == datetime(2026, 11, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", [5, 4.5])
def test_a_number_as_text_is_refused_as_what_it_is(tmp_path: Path, text: Any) -> None:
    unreadable = read_unreadable(tmp_path, {"id": "T-1", "text": text})
    assert "text is a number or a time" in unreadable.error_message


def test_a_row_without_text_is_an_empty_text(tmp_path: Path) -> None:
    assert read_unreadable(tmp_path, {"id": "T-1"}).error_type == "empty_text"


def test_turns_become_lines_with_who_speaks_and_keep_their_own(tmp_path: Path) -> None:
    turns = [
        {"role": "agent", "text": "Hello\nhow can I help?", "at": "2026-11-01T10:00:00Z"},
        {"role": "customer", "text": "  My parcel is late "},
        {"role": "customer", "text": " "},
        {"text": "Unknown speaker"},
    ]
    record = read_record(tmp_path, {"text": None, "turns": turns})
    assert record.text == "agent: Hello\nhow can I help?\ncustomer: My parcel is late\nUnknown speaker"
    assert "turns" not in record.attributes


def test_turns_may_be_json_in_a_string(tmp_path: Path) -> None:
    turns = json.dumps([{"role": "agent", "text": "Hello"}])
    assert read_record(tmp_path, {"text": None, "turns": turns}).text == "agent: Hello"


@pytest.mark.parametrize(
    "turns", [None, [], "no json", "[" * 100_000, 5, {"role": "agent"}, [None, 1, {"text": 5}], [[]]]
)
def test_turns_that_say_nothing_leave_the_text(tmp_path: Path, turns: Any) -> None:
    assert read_record(tmp_path, {"text": "Parcel is late", "turns": turns}).text == "Parcel is late"


@pytest.mark.parametrize(
    "given",
    [
        "2026-11-01T10:00:00Z",
        "2026-11-01T12:00:00+02:00",
        "2026-11-01T10:00:00",
        "2026-11-01 10:00:00.000",
        "2026-11-01 10:00:00 UTC",
        "2026-11-01T10:00:00.000+0000",
        "20261101T100000Z",
        " 2026-11-01T10:00:00Z ",
        1793527200,
        1793527200.0,
        1793527200_000,
        1793527200_000_000,
        1793527200_000_000_000,
        "1793527200",
        "1793527200000",
        "1793527200.0",
    ],
)
def test_a_time_in_any_of_these_forms_is_utc(tmp_path: Path, given: Any) -> None:
    assert read_record(tmp_path, {"created_at": given}).occurred_at == datetime(2026, 11, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("given", ["2026-11-01", "20261101", 20261101])
def test_a_date_is_its_first_moment_in_utc(tmp_path: Path, given: Any) -> None:
    assert read_record(tmp_path, {"created_at": given}).occurred_at == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "row", [{}, {"created_at": None}, {"created_at": ""}, {"created_at": " "}, {"created_at": float("nan")}]
)
def test_a_record_without_a_time_occurred_when_it_was_pulled(tmp_path: Path, row: dict[str, Any]) -> None:
    record = read_record(tmp_path, row)
    assert (record.occurred_at, record.is_dated) == (PULLED_AT, False)


def test_a_record_with_a_time_is_dated(tmp_path: Path) -> None:
    assert read_record(tmp_path, {"created_at": "2026-11-01"}).is_dated


def test_occurred_at_stands_in_for_created_at(tmp_path: Path) -> None:
    row = {"created_at": None, "occurred_at": "2026-11-01"}
    assert read_record(tmp_path, row).occurred_at == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        "yesterday",
        "2026-13-01",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "3026-11-01",
        "9" * 5_000,
        -1,
        0,
        5,
        253402300799,
        292277026596,
        "253402300799",
        10**25,
        10**400,
        1e300,
        True,
        [],
        {},
        {"$date": 1},
    ],
)
def test_an_absurd_time_is_a_bad_timestamp(tmp_path: Path, given: Any) -> None:
    unreadable = read_unreadable(tmp_path, {"id": "T-1", "text": "Parcel is late", "created_at": given})
    assert (unreadable.error_type, unreadable.record_id, unreadable.occurred_at) == ("bad_timestamp", "T-1", None)


def test_a_time_two_days_ahead_is_a_clock_that_differs_and_more_is_absurd(tmp_path: Path) -> None:
    ahead = (PULLED_AT + timedelta(days=2)).isoformat()
    assert read_record(tmp_path, {"created_at": ahead}).occurred_at == PULLED_AT + timedelta(days=2)
    too_far = (PULLED_AT + timedelta(days=2, seconds=1)).isoformat()
    row = {"id": "T-1", "text": "Parcel is late", "created_at": too_far}
    assert read_unreadable(tmp_path, row).error_type == "bad_timestamp"


def test_a_backfill_of_an_old_window_takes_later_records_for_records(tmp_path: Path) -> None:
    record = read_record(tmp_path, {"created_at": "2026-11-01"}, pulled_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert record.occurred_at == datetime(2026, 11, 1, tzinfo=UTC)


def test_the_version_is_the_source_s_own_or_else_follows_the_text(tmp_path: Path) -> None:
    assert read_record(tmp_path, {"record_version": 3}).record_version == "3"
    first = read_record(tmp_path, {"text": "Parcel is late", "rating": 1})
    edited = read_record(tmp_path, {"text": "Parcel came", "rating": 1})
    same_text = read_record(tmp_path, {"text": "Parcel is late", "rating": 5})
    assert first.record_version == same_text.record_version != edited.record_version


@pytest.mark.parametrize(
    ("given", "kind", "value"),
    [
        ("4", int, 4),
        (4.0, int, 4),
        ("4.0", int, 4),
        (str(2**60 + 1), int, 2**60 + 1),
        (2**64, int, None),
        ("four", int, None),
        (4.5, int, None),
        ([4], int, None),
        (True, int, None),
        (False, float, None),
        ("9" * 5_000, int, None),
        ("4.5", float, 4.5),
        (4, float, 4.0),
        ("NaN", float, None),
        ("inf", float, None),
        (312.4, int, 312),
        ("312.6", int, 313),
        ("4,5", float, 4.5),
        ("-0,25", float, -0.25),
        ("4,5", int, None),
        ("1,234", int, None),
        ("5/5", int, 5),
        ("4 / 5", int, 4),
        ("4,5/5", float, 4.5),
        ("11/22/2026", int, None),
        ("00:05:12", int, 312),
        ("01:00:00,5", float, 3600.5),
        ("05:12", int, None),
        (10**400, float, None),
        (True, bool, True),
        ("FALSE", bool, False),
        ("yes", bool, True),
        (1, bool, True),
        (0.0, bool, False),
        ("perhaps", bool, None),
        (5, str, "5"),
        (None, int, None),
        (None, str, None),
    ],
)
def test_a_declared_attribute_has_its_type_or_is_null(tmp_path: Path, given: Any, kind: type, value: Any) -> None:
    kept = read_record(tmp_path, {"rating": given}, attributes={"rating": kind}).attributes["rating"]
    assert kept == value
    assert type(kept) is type(value)


@pytest.mark.parametrize(
    ("given", "is_unreadable"),
    [
        *(("four", True), (4.5, True), ("1,234", True), (["4"], True), ("4,0", False), (5, False)),
        *((nothing, False) for nothing in ("", None, "n/a", "NaN", float("nan"))),
    ],
)
def test_a_value_that_does_not_convert_is_counted_and_nothing_is_not(
    tmp_path: Path, given: Any, is_unreadable: bool
) -> None:
    record = read_record(tmp_path, {"rating": given, "note": ""}, attributes={"rating": int})
    assert record.unreadable_values == (("rating",) if is_unreadable else ())


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("iOS", "iOS"),
        (5, "5"),
        (True, "true"),
        ([1, "ä"], '[1,"ä"]'),
        ({"a": {"b": None}}, '{"a":{"b":null}}'),
        (None, None),
        ("a\x00\ud800", "a\ufffd"),
    ],
)
def test_an_undeclared_attribute_is_text(tmp_path: Path, given: Any, value: Any) -> None:
    assert read_record(tmp_path, {"extra": given}).attributes == {"extra": value}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("app_version", "app_version"),
        ("App Version", "app_version"),
        ("Größe (cm)", "groe_cm"),
        ("  x--y  ", "x_y"),
        ("a" * 500, "a" * 60),
        ("../../etc", "etc"),
        ("评分", "column_96fff2"),
        ("", "column_e3b0c4"),
        ("123", "123"),
        ("1.2", "1_2"),
    ],
)
def test_names_of_attributes_are_plain(key: str, name: str) -> None:
    assert column_name(key) == name


def test_two_names_that_become_the_same_stay_two(tmp_path: Path) -> None:
    record = read_record(tmp_path, {"App Version": "1", "app-version": "2", "APP_VERSION": "3"})
    assert record.attributes == {"app_version": "1", "app_version_": "2", "app_version__": "3"}


def test_a_row_of_very_many_columns_is_too_large(tmp_path: Path) -> None:
    row = {"id": "T-1", "text": "Parcel is late"} | {f"-{n * '-'}": n for n in range(1_000)}
    assert read_unreadable(tmp_path, row).error_type == "too_large"


def test_a_text_over_the_cap_is_too_large_and_one_at_the_cap_is_not(tmp_path: Path) -> None:
    assert read_record(tmp_path, {"text": "x" * 20}, max_text_characters=20).text == "x" * 20
    unreadable = read_unreadable(tmp_path, {"id": "T-1", "text": "x" * 21}, max_text_characters=20)
    assert (unreadable.error_type, unreadable.record_id) == ("too_large", "T-1")
    assert unreadable.error_message == "rows.jsonl#L2: text has 21 characters, more than 20"


def test_an_attribute_over_the_cap_is_too_large(tmp_path: Path) -> None:
    row = {"id": "T-1", "text": "Good", "notes": "x" * 21}
    assert read_unreadable(tmp_path, row, max_text_characters=20).error_type == "too_large"
