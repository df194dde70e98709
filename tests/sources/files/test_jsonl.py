"""JSON Lines: which bytes are one row, and what a row that cannot be read becomes."""

import gzip
import json
import random
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.sources.record import Record, UnreadableRecord
from include.sources.row import MAX_LINE_BYTES
from tests.sources.reading import ids, read_all, read_lines, read_unreadable, reasons


def test_one_record_a_line(tmp_path: Path) -> None:
    rows = read_lines(tmp_path, {"id": "a", "text": "One"}, {"id": "b", "text": "Two"})
    assert ids(rows) == ["a", "b"]


def test_the_last_line_needs_no_line_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b'{"id": "a", "text": "One"}')
    assert ids(read_all(path)) == ["a"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "a", "text": "One"}\r\n{"id": "b", "text": "Two"}\r\n')
    assert [(row.record_id, row.text) for row in read_all(path) if isinstance(row, Record)] == [
        ("a", "One"),
        ("b", "Two"),
    ]


def test_unicode_line_separators_do_not_end_a_row(tmp_path: Path) -> None:
    row = json.dumps({"id": "a", "text": "one\u2028two\u2029three\x85four"}, ensure_ascii=False).encode()
    (record,) = read_lines(tmp_path, row)
    assert isinstance(record, Record)
    assert record.text == "one\u2028two\u2029three\nfour"


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    rows = read_lines(tmp_path, b"", b"  ", b"nonsense")
    assert ids(rows) == ["rows.jsonl#L3"]


def test_a_file_of_zero_bytes_is_an_empty_batch(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    assert read_all(tmp_path / "rows.jsonl") == []


def test_invalid_utf8_costs_its_own_line_only(tmp_path: Path) -> None:
    unreadable = read_unreadable(tmp_path, b'{"id": "x", "text": "caf\xe9"}')
    assert unreadable.error_type == "invalid_utf8"
    assert unreadable.error_message == "rows.jsonl#L2: byte 24 of the line is not valid UTF-8"
    assert unreadable.raw == '{"id": "x", "text": "caf\ufffd"}'


@pytest.mark.parametrize(
    "line", [b"{", b"not json", b"[1, 2]", b'"text"', b"5", b"null", b'{"id": "x", "text": "torn', b'{"a": 1} {"b": 2}']
)
def test_what_is_no_json_object_is_not_json(tmp_path: Path, line: bytes) -> None:
    unreadable = read_unreadable(tmp_path, line)
    assert unreadable.error_type == "not_json"
    assert unreadable.record_id == "rows.jsonl#L2"
    assert unreadable.raw == line.decode()


@pytest.mark.parametrize("depth", [900, 990, 1_000, 100_000])
def test_deep_nesting_never_stops_the_rest(tmp_path: Path, depth: int) -> None:
    nested = b'{"id": "x", "text": "", "deep": ' + b"[" * depth + b"]" * depth + b"}"
    assert read_unreadable(tmp_path, nested).error_type in ("not_json", "empty_text")
    rows = read_lines(tmp_path, nested.replace(b'"text": ""', b'"text": "Good"'))
    assert reasons(rows) in (["record"], ["not_json"])


def test_a_number_of_ten_thousand_digits_never_stops_the_rest(tmp_path: Path) -> None:
    assert read_unreadable(tmp_path, b'{"id": ' + b"9" * 10_000 + b', "text": "x"}').error_type == "not_json"


def test_nan_and_infinity_mean_that_there_is_no_value(tmp_path: Path) -> None:
    (record,) = read_lines(tmp_path, b'{"id": "a", "text": "One", "x": NaN, "y": -Infinity, "z": [NaN], "w": 1e999}')
    assert isinstance(record, Record)
    assert record.attributes == {"x": None, "y": None, "z": "[null]", "w": None}


def test_of_a_key_given_twice_the_last_counts(tmp_path: Path) -> None:
    (record,) = read_lines(tmp_path, b'{"id": "a", "text": "One", "text": "Two"}')
    assert isinstance(record, Record)
    assert record.text == "Two"


def test_a_lone_surrogate_in_an_escape_is_replaced(tmp_path: Path) -> None:
    (record,) = read_lines(tmp_path, rb'{"id": "a", "text": "x \ud800 y", "\udfff": "\udc00"}')
    assert isinstance(record, Record)
    assert record.text == "x \ufffd y"
    assert list(record.attributes.values()) == ["\ufffd"]


def test_a_line_beyond_the_cap_is_skipped_without_being_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id": "before", "text": "Good"}\n{"id": "x", "text": "')
        for _ in range(6):
            file.write(b"A" * MAX_LINE_BYTES)
        file.write(b'"}\n{"id": "after", "text": "Good"}\n')
    tracemalloc.start()
    rows = read_all(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons(rows) == ["record", "too_large", "record"]
    assert peak < 4 * MAX_LINE_BYTES


def test_a_gzip_bomb_of_one_line_is_skipped_without_being_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b'{"id": "x", "text": "')
        for _ in range(12):
            file.write(b"A" * MAX_LINE_BYTES)
        file.write(b'"}\n{"id": "after", "text": "Good"}\n')
    assert path.stat().st_size < 250_000
    tracemalloc.start()
    rows = read_all(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons(rows) == ["too_large", "record"]
    assert peak < 4 * MAX_LINE_BYTES


def test_gzip_is_read_like_any_other_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": "a", "text": "One"}\n') + gzip.compress(b'{"id": "b", "text": "Two"}\n'))
    assert ids(read_all(path)) == ["a", "b"]


def test_a_torn_gzip_file_gives_what_could_be_read_and_says_what_could_not(tmp_path: Path) -> None:
    noise = random.Random(1)
    lines = b"".join(b'{"id": "%d", "text": "%s"}\n' % (n, noise.randbytes(200).hex().encode()) for n in range(2_000))
    whole = gzip.compress(lines)
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    *records, last = read_all(path)
    assert records and all(isinstance(row, Record) for row in records)
    assert isinstance(last, UnreadableRecord)
    assert (last.error_type, last.record_id) == ("damaged_file", f"rows.jsonl.gz#L{len(records) + 1}")


def test_whether_a_file_is_packed_is_told_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    lines = {"jsonl": b'{"id": "a", "text": "One"}\n', "csv": b"id,text\na,One\n"}
    for ending, line in lines.items():
        (tmp_path / f"plain.{ending}.gz").write_bytes(line)
        (tmp_path / f"packed.{ending}").write_bytes(gzip.compress(line))
    pq.write_table(pa.table({"id": ["a"], "text": ["One"]}), tmp_path / "table.csv")
    assert reasons(read_all(tmp_path)) == ["record"] * 5


def test_a_workbook_under_the_name_of_a_table_is_one_row_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)) * 20)
    (tmp_path / "b.jsonl").write_bytes(b'{"id": "b", "text": "Two"}\n')
    bad, good = read_all(tmp_path)
    assert isinstance(bad, UnreadableRecord) and isinstance(good, Record)
    assert bad.error_type == "wrong_format" and "save it as CSV" in bad.error_message
