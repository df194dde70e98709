"""One id for one record however a file writes it, and none where a program has destroyed it or left the cell empty."""

from pathlib import Path
from typing import Any

import pytest

from include.sources.record import Record
from tests.sources.reading import ids, read_all, read_lines, read_record, read_unreadable, reasons


@pytest.mark.parametrize("given", [12345, 12345.0, "12345", "12345.0", " 12345.0\n"])
def test_a_whole_number_is_one_id_however_it_is_written(tmp_path: Path, given: Any) -> None:
    assert read_record(tmp_path, {"id": given}).record_id == "12345"


@pytest.mark.parametrize("given", ["v1.0", "1.0.0", "12345.00", "12345.5", "0012", "1E5", "7e10", "12E45", "T-1E+14"])
def test_an_id_that_only_looks_like_a_number_stays_as_it_is(tmp_path: Path, given: str) -> None:
    assert read_record(tmp_path, {"id": given}).record_id == given


def test_a_whole_number_in_a_csv_is_one_id_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n12345.0,Late\n12345,Late\n-7.0,Late\n")
    assert ids(read_all(tmp_path)) == ["12345", "12345", "-7"]


@pytest.mark.parametrize("given", ["1.23457E+14", "1,23457E+14", "1E+14", "-1.2e+017", float(2**53), 1.7e18])
def test_an_id_that_a_spreadsheet_has_destroyed_is_refused_with_the_way_out(tmp_path: Path, given: Any) -> None:
    unreadable = read_unreadable(tmp_path, {"id": given, "text": "Parcel is late"})
    assert (unreadable.error_type, unreadable.record_id) == ("damaged_id", "rows.jsonl#L2")
    assert "spreadsheet" in unreadable.error_message and "ids as text" in unreadable.error_message


def test_two_records_under_one_rounded_id_are_two_bad_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1.23457E+14,Late\n1.23457E+14,Broken\n")
    assert ids(read_all(tmp_path)) == ["a.csv#L1", "a.csv#L2"]


def test_the_largest_whole_number_that_a_float_keeps_is_an_id(tmp_path: Path) -> None:
    assert read_record(tmp_path, {"id": float(2**53 - 1)}).record_id == str(2**53 - 1)


@pytest.mark.parametrize("given", ["nan", "NaN", "None", "NULL", "null", "N/A", "n/a", "#N/A", "<NA>", "NaT", " None "])
def test_what_programs_write_into_an_empty_cell_is_no_id(tmp_path: Path, given: str) -> None:
    assert read_unreadable(tmp_path, {"id": given, "text": "Late"}).error_type == "missing_id"
    assert read_record(tmp_path, {"id": given, "record_id": "R-1"}).record_id == "R-1"


@pytest.mark.parametrize("given", ["nan", "None", "NULL", "N/A", " NaN "])
def test_what_programs_write_into_an_empty_cell_is_no_text_and_no_time(tmp_path: Path, given: str) -> None:
    assert read_unreadable(tmp_path, {"id": "T-1", "text": given}).error_type == "empty_text"
    assert not read_record(tmp_path, {"created_at": given}).is_dated


@pytest.mark.parametrize("said", ["none", "n/a", "None.", "Nana", "null and void"])
def test_what_a_customer_writes_is_a_text(tmp_path: Path, said: str) -> None:
    assert read_record(tmp_path, {"text": said}).text == said


def test_an_id_in_the_second_column_stands_in_for_a_destroyed_one(tmp_path: Path) -> None:
    rows = read_lines(tmp_path, {"id": "1E+14", "record_id": "R-1", "text": "Late"})
    assert reasons(rows) == ["record"] and isinstance(rows[0], Record) and rows[0].record_id == "R-1"


@pytest.mark.parametrize("given", [None, "", "NULL", [1], True])
def test_an_id_that_is_there_and_says_nothing_is_not_told_to_be_missing(tmp_path: Path, given: Any) -> None:
    unreadable = read_unreadable(tmp_path, {"id": given, "text": "Late"})
    assert unreadable.error_type == "missing_id"
    assert "its id is empty" in unreadable.error_message and "says which it is" not in unreadable.error_message
