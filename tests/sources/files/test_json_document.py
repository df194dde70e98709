"""Files of JSON that have no object a line: lists, answers of APIs, objects over several lines."""

import gzip
import io
import json
import logging
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.sources.columns import ColumnMapping
from include.sources.files.files import Files
from include.sources.files.json_document import READ_BYTES, document_rows
from include.sources.record import Record, UnreadableRecord
from include.sources.row import MAX_LINE_BYTES
from include.sources.source import SourceRow
from tests.sources.pulling import ALWAYS
from tests.sources.reading import ids, read_all, reasons

ROWS = [{"id": f"c{number}", "text": f"It broke {number} times", "tags": ["a", {"b": 1}]} for number in range(5)]
IDS = [row["id"] for row in ROWS]


def read_json(folder: Path, content: Any, name: str = "rows.json", **form: Any) -> list[Record | UnreadableRecord]:
    """Everything in a file of this JSON."""
    text = content if isinstance(content, str | bytes) else json.dumps(content, **form)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_all(folder / name)


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.ndjson"])
@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_the_objects_of_a_list_are_the_rows(tmp_path: Path, name: str, indent: Any) -> None:
    assert ids(read_json(tmp_path, ROWS, name, indent=indent)) == IDS


def test_a_list_with_an_object_a_line_is_a_list(tmp_path: Path) -> None:
    lines = "\ufeff[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n"
    assert ids(read_json(tmp_path, lines)) == IDS


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "wrapped",
    [
        {"results": ROWS},
        {"meta": {"tags": []}, "data": ROWS},
        {"type": "list", "conversations": ROWS, "total_count": 5},
        {"meta": {"id": "r1", "pages": [{"n": 1}]}, "tags": [], "codes": [1, 2], "data": ROWS, "links": {"next": None}},
        {"data": {"tickets": {"nodes": ROWS, "pageInfo": {"endCursor": "x"}}}},
        {"took": 3, "hits": {"total": {"value": 5}, "hits": ROWS}},
        {"warnings": [{"code": 1}], "tickets": ROWS},
        {"meta": {"tags": [{"name": "a"}]}, "fields": [{"n": "x" * 600_000}], "page": {"found": ROWS}},
    ],
)
def test_the_first_list_of_objects_in_what_an_api_answers_is_the_rows(
    tmp_path: Path, wrapped: Any, indent: int | None
) -> None:
    rows = read_json(tmp_path, wrapped, indent=indent)
    assert (ids(rows), reasons(rows)) == (IDS, ["record"] * 5)


def test_further_lists_of_objects_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    users = [{"id": 7, "text": "no ticket"}]
    assert ids(read_json(tmp_path, {"tickets": ROWS, "users": users, "groups": users, "next": [1]})) == IDS
    assert "2 other lists of objects" in caplog.text


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("key", ["id", "Record ID", "text"])
@pytest.mark.parametrize("first", [True, False])
def test_an_object_that_is_a_record_is_one_row_whatever_lists_are_in_it(
    tmp_path: Path, indent: int | None, key: str, first: bool
) -> None:
    own, comments = {"id": "1", "text": "Late", key: "1"}, {"comments": [{"id": "9", "text": "not a ticket"}]}
    (row,) = read_json(tmp_path, {**own, **comments} if first else {**comments, **own}, indent=indent)
    assert isinstance(row, Record) and row.record_id == "1"


def test_an_object_with_the_id_that_a_setting_names_is_one_row(tmp_path: Path) -> None:
    ticket = {"Ticket No": 1, "Body": "Late", "comments": [{"by": "a"}]}
    mapping = ColumnMapping.of("NIGHTSHIFT_COLUMNS_DEMO", "id=Ticket No,text=Body")
    for name, content in (("a.json", ticket), ("b.json", {"total": 1, "tickets": [ticket]})):
        (tmp_path / name).write_text(json.dumps(content))
        pulled = Files(str(tmp_path / name), "NIGHTSHIFT_SOURCE_DEMO", mapping=mapping).pull(ALWAYS, None)
        rows = [item.row for item in pulled if isinstance(item, SourceRow)]
        assert rows == [{"id": 1, "text": "Late", "comments": [{"by": "a"}]}]


def test_a_record_that_is_longer_than_a_piece_is_one_row(tmp_path: Path) -> None:
    comments = [{"id": str(number), "text": "x" * 100} for number in range(READ_BYTES // 120)]
    (row,) = read_json(tmp_path, {"id": "1", "text": "Late", "comments": comments}, indent=1)
    assert row.record_id == "1"


def test_objects_over_several_lines_are_a_row_each(tmp_path: Path) -> None:
    assert ids(read_json(tmp_path, "\n".join(json.dumps(row, indent=2) for row in ROWS))) == IDS


def test_lines_of_objects_are_lines_though_one_is_torn(tmp_path: Path) -> None:
    lines = '{"id": "a", "text": "torn\n{"comments": [{"id": "9"}], "id": "b", "text": "Good"}\n'
    rows = read_json(tmp_path, lines)
    assert (reasons(rows), ids(rows)[1]) == (["not_json", "record"], "b")


def test_a_single_line_of_a_file_of_lines_is_never_taken_apart(tmp_path: Path) -> None:
    rows = read_json(tmp_path, {"Ticket": 1, "comments": [{"id": "9", "text": "no ticket"}]}, "rows.jsonl")
    assert reasons(rows) == ["missing_id"]


@pytest.mark.parametrize("content", ["[]", "[ ]\n", '{"data": [], "total": 0}', " \n"])
def test_a_list_without_objects_is_an_empty_batch(tmp_path: Path, content: str) -> None:
    assert read_json(tmp_path, content) == []


def test_an_object_with_an_empty_list_of_its_own_is_no_empty_batch(tmp_path: Path) -> None:
    assert reasons(read_json(tmp_path, {"Ticket": 1, "Body": "Late", "tags": []})) == ["missing_id"]


def test_what_is_no_object_costs_itself_only(tmp_path: Path) -> None:
    assert reasons(read_json(tmp_path, [5, ROWS[0], "x", None, [ROWS[1]], ROWS[2]])) == [
        "not_json", "record", "not_json", "not_json", "not_json", "record",
    ]  # fmt: skip


def test_bytes_that_are_no_utf8_cost_their_object_only(tmp_path: Path) -> None:
    rows = read_json(tmp_path, b'[{"id": "a", "text": "caf\xe9"}, {"id": "b", "text": "Gr\xc3\xb6\xc3\x9fe"}]')
    assert (reasons(rows), ids(rows)) == (["invalid_utf8", "record"], ["rows.json#L1", "b"])


def test_nan_means_that_there_is_no_value(tmp_path: Path) -> None:
    (row,) = read_json(tmp_path, '[{"id": "a", "text": "One", "x": NaN, "y": -Infinity}]')
    assert isinstance(row, Record) and row.attributes == {"x": None, "y": None}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('{"id": "c", "text": "an "unescaped" quote"}, {"id": "d", "text": "Lost"}]', "Expecting ',' delimiter"),
        ('{"id": "c", "text": "tor', "Unterminated string"),
        ('{"id": "c"} {"id": "d"}]', "no comma between two objects"),
        ('{"id": "c", "deep": ' + "[" * 100_000, "nested too deeply"),
        ('{"id": ' + "9" * 10_000 + "}]", "4300 digits"),
    ],
)
def test_what_cannot_be_read_ends_the_file_and_says_from_where_on(tmp_path: Path, broken: str, reason: str) -> None:
    *good, bad = read_json(tmp_path, f'[{{"id": "a", "text": "One"}}, {{"id": "b", "text": "Two"}}, {broken}')
    good = good[:2]
    assert ids(good) == ["a", "b"]
    assert isinstance(bad, UnreadableRecord)
    assert bad.error_type == "damaged_file" and reason in bad.error_message
    assert "nothing from object" in bad.error_message


@pytest.mark.parametrize("content", ["{oops}", "[" * 1_000_000, '{"a":' * 1_000_000, '{"a": 5', '{"a" 5}'])
def test_a_file_of_which_nothing_can_be_read_is_one_row_that_says_so(tmp_path: Path, content: str) -> None:
    assert reasons(read_json(tmp_path, content)) == ["wrong_format"]


def test_an_object_beyond_the_cap_ends_the_file_without_being_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.json.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'[{"id": "a", "text": "Good"}, {"id": "x", "text": "')
        for _ in range(6):
            file.write(b"A" * MAX_LINE_BYTES)
        file.write(b'"}, {"id": "b", "text": "Good"}]')
    tracemalloc.start()
    rows = read_all(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons(rows) == ["record", "too_large"]
    assert peak < 8 * MAX_LINE_BYTES


class Pieces(io.RawIOBase):
    """A file that comes piece by piece, which nobody holds."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = next(self._pieces, b"")
        buffer[: len(piece)] = piece
        return len(piece)


def objects(count: int, start: bytes, end: bytes) -> Iterator[bytes]:
    """A list of so many."""
    yield start
    for number in range(count):
        yield b'%s{"id": %d, "text": "%s"}' % (b", " if number else b"", number, b"Late. " * 20)
    yield end


@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"meta": {"page": 1}, "results": [', b'], "next": null}')])
def test_memory_does_not_grow_with_the_number_of_objects(start: bytes, end: bytes) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        read = sum(1 for _ in document_rows(io.BufferedReader(Pieces(objects(count, start, end)), READ_BYTES)))
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert read == count
        return reached

    assert peak(10_000) < 1.5 * peak(3_000)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_a_file_that_comes_in_small_pieces_is_the_same(size: int) -> None:
    data = [{"id": 1.5e3, "text": "Gr\u00f6\u00dfe \U0001f600 \\"}, {"id": 2}]
    text = json.dumps({"n": 123456, "ok": True, "data": data}, ensure_ascii=False).encode()
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    rows = [row for _, row in document_rows(io.BufferedReader(Pieces(pieces), READ_BYTES))]
    assert rows == data


def test_a_torn_gzip_file_gives_the_objects_before_the_damage(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps([{"id": number, "text": f"{number:x}" * 50} for number in range(9_000)]).encode())
    path = tmp_path / "rows.json.gz"
    path.write_bytes(whole[: len(whole) // 2])
    *good, last = read_all(path)
    assert len(good) > 1_000 and isinstance(last, UnreadableRecord) and last.error_type == "damaged_file"


def test_lists_that_are_gone_past_are_counted_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    document = {"meta": {"tags": [{"name": "a"}]}, "warnings": [{"code": 1}], "found": ROWS, "users": [{"id": 1}]}
    assert ids(read_json(tmp_path, document)) == IDS
    assert "3 other lists of objects" in caplog.text


def test_without_a_list_of_records_the_first_list_of_objects_says_what_it_has(tmp_path: Path) -> None:
    (row,) = read_json(tmp_path, {"counts": [1], "lines": [{"Ticket": 1}], "others": [{"Name": 2}]})
    assert "among the columns Ticket;" in getattr(row, "error_message", "")


def test_an_empty_list_of_results_beside_warnings_is_an_empty_batch(tmp_path: Path) -> None:
    assert read_json(tmp_path, {"results": [], "warnings": [{"code": 1}]}) == []
