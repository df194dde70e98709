"""Any file is a source: what is readable becomes a record, what is not says why."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import ConfigurationError
from include.sources.files import read_files
from include.sources.record import Record, UnreadableRecord

PULLED = datetime(2026, 11, 23, tzinfo=UTC)
GOOD = {"id": "1", "text": "Fine.", "created_at": "2026-11-01T10:00:00Z"}


def read(location: Path | str, **attributes: type) -> list[Record | UnreadableRecord]:
    """All rows at a location."""
    return list(read_files(str(location), source="support_tickets", attributes=attributes, pulled_at=PULLED))


def one(tmp_path: Path, row: dict[str, Any] | bytes, **attributes: type) -> Record | UnreadableRecord:
    """The only row of a JSONL file."""
    path = tmp_path / "one.jsonl"
    path.write_bytes(row if isinstance(row, bytes) else json.dumps(row).encode())
    (found,) = read(path, **attributes)
    return found


def record(tmp_path: Path, row: dict[str, Any] | bytes, **attributes: type) -> Record:
    """The only row, which has to be readable."""
    found = one(tmp_path, row, **attributes)
    assert isinstance(found, Record), found
    return found


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**GOOD, "text": ""}, "empty_text"),
        ({**GOOD, "text": " \n\t\u0000"}, "empty_text"),
        ({**GOOD, "text": None}, "empty_text"),
        ({**GOOD, "text": 5}, "empty_text"),
        ({"id": "1", "turns": []}, "empty_text"),
        ({"text": "No id."}, "missing_id"),
        ({**GOOD, "id": ["x"]}, "missing_id"),
        ({**GOOD, "created_at": "the other day"}, "bad_timestamp"),
        ({**GOOD, "created_at": "1850-01-01"}, "bad_timestamp"),
        ({**GOOD, "created_at": "2031-01-01"}, "bad_timestamp"),
        ({**GOOD, "created_at": True}, "bad_timestamp"),
        ({**GOOD, "text": "x" * 1_000_001}, "too_large"),
        (b'{"id": "1", "text": "\xff\xfe"}', "invalid_utf8"),
        (b'{"id": "1", "text": ', "not_json"),
        (b'["a", "list"]', "not_json"),
        (b"[" * 100_000, "not_json"),
    ],
)
def test_a_bad_row_says_why(tmp_path: Path, row: dict[str, Any] | bytes, reason: str) -> None:
    found = one(tmp_path, row)
    assert isinstance(found, UnreadableRecord)
    assert found.error_type == reason
    assert "one.jsonl#L1" in found.error_message
    assert len(found.raw) <= 2_000


def test_a_bad_row_stops_no_other_and_is_the_same_at_every_pull(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\xff\n" + json.dumps(GOOD).encode() + b"\n\n{\n" + json.dumps({**GOOD, "id": 2}).encode())
    first = read(path)
    assert [type(row).__name__ for row in first] == ["UnreadableRecord", "Record", "UnreadableRecord", "Record"]
    assert [row.record_id for row in first] == ["mixed.jsonl#L1", "1", "mixed.jsonl#L4", "2"]
    assert first == read(path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-01T12:00:00+02:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01 10:00:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        (1793527200, datetime(2026, 11, 1, 10, tzinfo=UTC)),
        (1793527200000, datetime(2026, 11, 1, 10, tzinfo=UTC)),
        (None, PULLED),
    ],
)
def test_times_are_utc_and_a_missing_one_is_the_time_of_the_pull(
    tmp_path: Path, value: Any, expected: datetime
) -> None:
    assert record(tmp_path, {**GOOD, "created_at": value}).occurred_at == expected


def test_hostile_characters_are_stored_cleanly(tmp_path: Path) -> None:
    text = "a\u0000b\ud800c\u2028d\u202ee \U0001f600 \u0645\u0631\u062d\u0628\u0627"
    found = record(tmp_path, {**GOOD, "text": text})
    assert found.text == "ab\ufffdc\u2028d\u202ee \U0001f600 \u0645\u0631\u062d\u0628\u0627"
    found.text.encode()


def test_a_line_separator_within_a_text_does_not_split_the_row(tmp_path: Path) -> None:
    raw = json.dumps({**GOOD, "text": "one\u2028two"}, ensure_ascii=False).encode()
    assert record(tmp_path, raw).text == "one\u2028two"


def test_turns_become_one_line_each(tmp_path: Path) -> None:
    turns = [{"role": "agent", "text": "Hello?"}, {"role": "customer", "text": "Hi."}, {"role": "agent", "text": " "}]
    assert record(tmp_path, {"id": 7, "turns": turns}).text == "agent: Hello?\ncustomer: Hi."


def test_declared_attributes_have_their_type_and_others_are_text(tmp_path: Path) -> None:
    row = {**GOOD, "Rating": "4", "votes": "many", "Labels!": {"a": 1}, "paid": "true", "empty": None}
    found = record(tmp_path, row, rating=int, votes=int, paid=bool)
    assert found.attributes == {"rating": 4, "votes": None, "labels": '{"a": 1}', "paid": True, "empty": None}


def test_an_edited_text_is_a_new_version_of_the_same_record(tmp_path: Path) -> None:
    first, second = record(tmp_path, GOOD), record(tmp_path, {**GOOD, "text": "Edited."})
    assert first.record_id == second.record_id
    assert first.record_version != second.record_version


def test_csv_is_read_in_utf_8_and_in_utf_16(tmp_path: Path) -> None:
    content = 'id,text,created_at,rating\n1,"Zwei\nZeilen, größer",2026-11-01,5\n2,,2026-11-01,\n'
    (tmp_path / "a.csv").write_bytes(content.encode("utf-8-sig"))
    (tmp_path / "b.csv").write_bytes(content.encode("utf-16"))
    for name in ("a.csv", "b.csv"):
        good, bad = read(tmp_path / name, rating=int)
        assert isinstance(good, Record)
        assert (good.text, good.attributes) == ("Zwei\nZeilen, größer", {"rating": 5})
        assert isinstance(bad, UnreadableRecord)
        assert bad.error_type == "empty_text"


def test_one_csv_row_with_bad_bytes_is_lost_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,text\n1,fine\n2,\xff\xfe\n3,fine\n")
    assert [type(row).__name__ for row in read(tmp_path / "a.csv")] == ["Record", "UnreadableRecord", "Record"]


def test_parquet_keeps_times_and_structs(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1],
            "turns": [[{"role": "agent", "text": "Hello?"}]],
            "created_at": pa.array([datetime(2026, 11, 1, tzinfo=UTC)]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (found,) = read(tmp_path / "a.parquet")
    assert isinstance(found, Record)
    assert (found.text, found.occurred_at) == ("agent: Hello?", datetime(2026, 11, 1, tzinfo=UTC))


def test_a_file_that_is_no_parquet_is_one_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"this is no parquet file")
    (found,) = read(tmp_path / "a.parquet")
    assert isinstance(found, UnreadableRecord)
    assert found.error_type == "not_parquet"


def test_gzip_folders_and_globs_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.jsonl.gz").write_bytes(gzip.compress(json.dumps({**GOOD, "id": name}).encode()))
    (tmp_path / "notes.txt").write_text("not a source")
    assert [row.record_id for row in read(tmp_path)] == ["a", "b"]
    assert [row.record_id for row in read(tmp_path / "*.gz")] == ["a", "b"]


def test_a_missing_file_names_the_setting_and_an_empty_one_is_an_empty_batch(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_SOURCE_SUPPORT_TICKETS"):
        read(tmp_path / "nowhere.jsonl")
    for name in ("empty.jsonl", "empty.csv", "empty.parquet"):
        (tmp_path / name).touch()
        assert read(tmp_path / name) == []
