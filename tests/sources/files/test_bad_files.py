"""Files of rows that are damaged, hostile or of another format: each costs itself only, and says why."""

import gzip
import io
import json
import random
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from include.sources.files.csv_file import MAX_ROW_CHARACTERS
from include.sources.files.formats import LINES_BEFORE_JUDGEMENT, read_rows
from include.sources.record import UnreadableRecord
from include.sources.row import MAX_LINE_BYTES
from tests.linear_time import in_linear_time
from tests.sources.reading import read_all, reasons

NOISE = random.Random(1)
RAW_CHARACTERS = 2_000


def image() -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + NOISE.randbytes(2_000_000)


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("rows.jsonl", NOISE.randbytes(2_000_000).hex())
    return buffer.getvalue()


def bad_rows(folder: Path, name: str, data: bytes) -> list[UnreadableRecord]:
    """What a file becomes of which nothing can be read, while the file behind it is."""
    (folder / name).write_bytes(data)
    (folder / "z.jsonl").write_bytes(b'{"id": "after", "text": "Good"}\n')
    *bad, after = read_all(folder)
    assert after.record_id == "after" and not isinstance(after, UnreadableRecord)
    unreadable = [row for row in bad if isinstance(row, UnreadableRecord)]
    assert unreadable == bad
    assert all(len(row.raw) <= RAW_CHARACTERS for row in unreadable)
    return unreadable


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv", "a.jsonl.gz", "a.parquet"])
@pytest.mark.parametrize("content", [image(), archive()], ids=["image", "archive"])
def test_a_binary_file_under_a_wrong_name_fills_no_quarantine(tmp_path: Path, name: str, content: bytes) -> None:
    rows = bad_rows(tmp_path, name, content)
    assert 0 < len(rows) <= 2 * LINES_BEFORE_JUDGEMENT


def test_a_file_most_of_whose_lines_are_none_is_given_up_and_says_so(tmp_path: Path) -> None:
    rows = bad_rows(tmp_path, "a.jsonl", b"x\n" * 100_000)
    assert [row.error_type for row in rows] == ["not_json"] * LINES_BEFORE_JUDGEMENT + ["wrong_format"]
    assert "1,000 of 1,000 rows cannot be read" in rows[-1].error_message


@pytest.mark.parametrize("line", [b"{}\n", b'{"title": "No id", "text": "Good"}\n'])
def test_a_file_whose_rows_have_no_id_is_given_up_and_says_so(tmp_path: Path, line: bytes) -> None:
    """A kilobyte of gzip would fill the quarantine with a million of them."""
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line * 1_000_000))
    rows = read_all(tmp_path / "a.jsonl.gz")
    assert reasons(rows) == ["missing_id"] * LINES_BEFORE_JUDGEMENT + ["wrong_format"]
    assert isinstance(rows[-1], UnreadableRecord)
    assert "have no id" in rows[-1].error_message


@pytest.mark.parametrize("name", ["ID", "Record Id", "id"])
def test_rows_whose_id_is_written_in_any_way_are_not_given_up(tmp_path: Path, name: str) -> None:
    count = 2 * LINES_BEFORE_JUDGEMENT
    lines = b"".join(json.dumps({name: number, "text": "Good"}).encode() + b"\n" for number in range(count))
    (tmp_path / "a.jsonl").write_bytes(lines)
    assert reasons(read_all(tmp_path / "a.jsonl")) == ["record"] * count


def test_rows_of_a_format_that_has_its_own_ids_are_not_given_up(tmp_path: Path) -> None:
    """The exports of the Play Console name a review by its link."""
    count = 2 * LINES_BEFORE_JUDGEMENT
    (tmp_path / "a.csv").write_text("Review Link,Review Text\n" + "https://example.com/1,Good\n" * count)
    assert sum(1 for _ in read_rows(LocalFileSystem(), str(tmp_path / "a.csv"))) == count


def test_lines_before_the_damage_of_a_gzip_file_are_kept(tmp_path: Path) -> None:
    good = gzip.compress(b'{"id": "a", "text": "Good"}\n')
    (tmp_path / "a.jsonl.gz").write_bytes(good + b"something else")
    assert reasons(read_all(tmp_path / "a.jsonl.gz")) == ["record", "damaged_file"]


def test_many_bad_lines_among_good_ones_cost_themselves_only(tmp_path: Path) -> None:
    lines = b"".join(b'{"id": "%d", "text": "Good"}\nx\n' % number for number in range(2 * LINES_BEFORE_JUDGEMENT))
    (tmp_path / "a.jsonl").write_bytes(lines)
    assert reasons(read_all(tmp_path / "a.jsonl")) == ["record", "not_json"] * (2 * LINES_BEFORE_JUDGEMENT)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_json_lines_in_utf16_are_one_bad_row_that_says_what_to_do(tmp_path: Path, encoding: str) -> None:
    lines = '{"id": "a", "text": "Größe"}\n{"id": "b", "text": "x"}\n'
    (row,) = bad_rows(tmp_path, "a.jsonl", lines.encode(encoding))
    assert row.error_type == "invalid_utf8"
    assert "UTF-16" in row.error_message


@pytest.mark.parametrize("encoding", ["cp1252", "shift_jis", "gb18030"])
def test_a_line_in_another_encoding_costs_itself_only(tmp_path: Path, encoding: str) -> None:
    text = "5 €" if encoding == "cp1252" else "日本"
    lines = f'{{"id": "a", "text": "{text}"}}\n{{"id": "b", "text": "Good"}}\n'
    (tmp_path / "a.jsonl").write_bytes(lines.encode(encoding))
    assert reasons(read_all(tmp_path / "a.jsonl")) == ["invalid_utf8", "record"]


@pytest.mark.parametrize(
    "row",
    [
        {"turns": [{"role": "agent", "text": "Hello you. " * 500}] * 1_000},
        {"text": "Good", "labels": ["jo@example.com"] * 300_000},
        {"text": "Good", "labels": {"deep": ["x" * 5_000_000]}},
        {"text": "Good", "source_url": "https://example.com/" + "x" * 5_000_000},
    ],
    ids=["turns", "list", "object", "url"],
)
def test_megabytes_in_any_column_cost_their_own_row_only_and_little_time(tmp_path: Path, row: dict[str, Any]) -> None:
    (tmp_path / "a.jsonl").write_text(f'{json.dumps({"id": "a", **row})}\n{{"id": "b", "text": "Good"}}\n')
    with in_linear_time():
        large, good = read_all(tmp_path / "a.jsonl")
    assert isinstance(large, UnreadableRecord)
    assert (large.error_type, large.record_id, good.record_id) == ("too_large", "a", "b")
    assert 0 < len(large.raw) <= RAW_CHARACTERS
    assert "jo@example.com" not in large.raw


@pytest.mark.parametrize("created_at", ["9999-12-31", "0001-01-01", "2026-02-30", "31/12/2026", "99999999999999999999"])
def test_an_absurd_date_costs_its_own_row_only(tmp_path: Path, created_at: str) -> None:
    (tmp_path / "a.csv").write_text(f"id,text,created_at\na,Late,{created_at}\nb,Good,2026-11-01\n")
    (tmp_path / "b.jsonl").write_text(
        f'{{"id": "a", "text": "Late", "created_at": "{created_at}"}}\n{{"id": "b", "text": "Good"}}\n'
    )
    assert reasons(read_all(tmp_path)) == ["bad_timestamp", "record"] * 2


@pytest.mark.parametrize("characters", [1_000_001, MAX_ROW_CHARACTERS + 1, 5_000_000])
def test_a_text_of_megabytes_costs_its_own_row_only(tmp_path: Path, characters: int) -> None:
    text = "A" * characters
    (tmp_path / "a.csv").write_text(f"id,text\na,{text}\nb,Good\n")
    (tmp_path / "b.jsonl").write_text(f'{{"id": "a", "text": "{text}"}}\n{{"id": "b", "text": "Good"}}\n')
    rows = read_all(tmp_path)
    assert reasons(rows) == ["too_large", "record"] * 2
    assert all(len(row.raw) <= RAW_CHARACTERS for row in rows if isinstance(row, UnreadableRecord))


@pytest.mark.slow
def test_a_gzip_bomb_of_many_lines_is_unpacked_no_further_than_its_cap(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b"A" * MAX_LINE_BYTES + b"\n")
    tracemalloc.start()
    rows = read_all(tmp_path / "a.jsonl.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert set(reasons(rows)) == {"too_large"}
    assert len(rows) < 40
    assert isinstance(rows[-1], UnreadableRecord)
    assert "times its size" in rows[-1].error_message
    assert peak < 4 * MAX_LINE_BYTES


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.xls", "a.csv.gz", "a.mbox"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>Sign in, jo@example.com</body></html>", "web page"),
        (b"<table><tr><td>id</td><td>text</td></tr></table>", "web page"),
        (b'<?xml version="1.0"?><rows/>', "XML"),
        (b"{\\rtf1\\ansi id,text\\par 1,Late}", "RTF"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
def test_another_document_under_the_name_of_a_table_is_one_row_that_says_what_it_is(
    tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    (row,) = bad_rows(tmp_path, name, gzip.compress(content) if name.endswith(".gz") else content)
    assert row.error_type == "wrong_format"
    assert what in row.error_message and "export it as" in row.error_message


def test_a_text_that_speaks_of_markup_is_no_web_page(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("<b>id,id,text\n1,2,<html> is shown\n")
    assert reasons(read_all(tmp_path / "a.csv")) == ["record"]
