"""Parquet: types of columns, damage, and files that claim to be larger than memory."""

import random
import subprocess
import sys
import tracemalloc
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.sources.record import Record, UnreadableRecord
from include.sources.row import MAX_LINE_BYTES
from tests.sources.reading import ids, read_all, reasons


def read_table(folder: Path, columns: dict[str, Any], **options: Any) -> list[Record | UnreadableRecord]:
    """Everything in a file `rows.parquet` of these columns."""
    table = pa.table(columns)
    pq.write_table(table, folder / "rows.parquet", **options)
    return read_all(folder / "rows.parquet")


def the_record(rows: list[Record | UnreadableRecord]) -> Record:
    """The only record there is."""
    (record,) = rows
    assert isinstance(record, Record), record
    return record


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_is_read_from_every_type_that_holds_it(tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array(["Größe 😀", "Größe 😀"]).cast(pa.large_string() if kind == pa.string_view() else kind)
    rows = read_table(tmp_path, {"id": [1, 2], "text": values.cast(kind)})
    assert ids(rows) == ["1", "2"]
    assert [row.text for row in rows if isinstance(row, Record)] == ["Größe 😀", "Größe 😀"]


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        (datetime(2026, 11, 1, 10, 0, tzinfo=UTC), pa.timestamp("s")),
        (datetime(2026, 11, 1, 10, 0, tzinfo=UTC), pa.timestamp("ns")),
        (datetime(2026, 11, 1, 10, 0, tzinfo=UTC), pa.timestamp("us", "UTC")),
        (datetime(2026, 11, 1, 12, 0, tzinfo=timezone(timedelta(hours=2))), pa.timestamp("ms", "+02:00")),
        (datetime(2026, 11, 1, 11, 0, tzinfo=timezone(timedelta(hours=1))), pa.timestamp("ns", "Europe/Berlin")),
        (1793527200, pa.int64()),
        (1793527200000, pa.int64()),
        (1793527200.0, pa.float64()),
    ],
)
def test_times_of_every_type_are_utc(tmp_path: Path, moment: Any, kind: pa.DataType) -> None:
    record = the_record(read_table(tmp_path, {"id": ["a"], "text": ["One"], "created_at": pa.array([moment], kind)}))
    assert record.occurred_at == datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
    assert type(record.occurred_at) is datetime


def test_a_date_is_its_first_moment_in_utc(tmp_path: Path) -> None:
    record = the_record(read_table(tmp_path, {"id": ["a"], "text": ["One"], "created_at": [date(2026, 11, 1)]}))
    assert record.occurred_at == datetime(2026, 11, 1, tzinfo=UTC)


def test_a_time_beyond_what_python_counts_costs_its_own_row_only(tmp_path: Path) -> None:
    moments = pa.array([0, 2**62, 0], pa.int64()).cast(pa.timestamp("us"))
    rows = read_table(tmp_path, {"id": ["a", "b", "c"], "text": ["One"] * 3, "created_at": moments})
    assert reasons(rows) == ["record", "bad_timestamp", "record"]


def test_invalid_utf8_costs_its_own_row_only(tmp_path: Path) -> None:
    damaged = pa.Array.from_buffers(pa.string(), 3, pa.array([b"One", b"caf\xe9", b"Two"], pa.binary()).buffers())
    rows = read_table(tmp_path, {"id": ["a", "b", "c"], "text": damaged})
    assert reasons(rows) == ["record", "invalid_utf8", "record"]


def test_turns_of_structs_become_a_transcript(tmp_path: Path) -> None:
    turns = [{"role": "agent", "text": "Hello"}, {"role": "customer", "text": "My parcel\nis late"}]
    rows = read_table(tmp_path, {"id": [1, 2, 3], "turns": [turns] * 3}, row_group_size=2)
    texts = [row.text for row in rows if isinstance(row, Record)]
    assert texts == ["agent: Hello\ncustomer: My parcel\nis late"] * 3


def test_attributes_of_every_type_are_kept(tmp_path: Path) -> None:
    record = the_record(
        read_table(
            tmp_path,
            {
                "id": ["a"],
                "text": ["One"],
                "labels": [{"topic": "parcel", "tags": ["x", "y"]}],
                "price": [Decimal("1.50")],
                "sold_on": [date(2026, 11, 1)],
                "seen_at": [datetime(2026, 11, 1, 10, tzinfo=UTC)],
                "counts": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())),
                "bytes": pa.array([[b"x", b"\xff"]]),
                "nothing": pa.nulls(1),
                "number": [7],
                "gap": [float("nan")],
            },
        )
    )
    assert record.attributes == {
        "labels": '{"topic":"parcel","tags":["x","y"]}',
        "price": "1.50",
        "sold_on": "2026-11-01",
        "seen_at": "2026-11-01T10:00:00+00:00",
        "counts": '[["a",1]]',
        "bytes": '["x","\ufffd"]',
        "nothing": None,
        "number": "7",
        "gap": None,
    }


def test_ids_of_a_number_column_with_gaps_are_whole_numbers(tmp_path: Path) -> None:
    rows = read_table(tmp_path, {"id": [1.0, None, 12345678.0], "text": ["One", "Two", "Three"]})
    assert ids(rows) == ["1", "rows.parquet#L2", "12345678"]


def test_a_file_without_rows_is_an_empty_batch(tmp_path: Path) -> None:
    assert read_table(tmp_path, {"id": pa.array([], pa.string()), "text": pa.array([], pa.string())}) == []
    (tmp_path / "zero.parquet").touch()
    assert read_all(tmp_path / "zero.parquet") == []


def test_what_is_not_parquet_costs_itself_only(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but only by its first letters")
    pq.write_table(pa.table({"id": ["b"], "text": ["Two"]}), tmp_path / "b.parquet")
    assert reasons(read_all(tmp_path)) == ["not_parquet", "record"]


def test_a_flipped_bit_is_noticed_where_pages_have_checksums(tmp_path: Path) -> None:
    columns = {"id": [str(n) for n in range(3)], "text": [f"The parcel number {n} is late" for n in range(3)]}
    read_table(tmp_path, columns, write_page_checksum=True, compression="none", use_dictionary=False)
    path = tmp_path / "rows.parquet"
    content = bytearray(path.read_bytes())
    content[content.index(b"parcel number 1")] ^= 1
    path.write_bytes(content)
    assert reasons(read_all(path)) == ["not_parquet"]


def test_a_column_that_is_no_text_costs_no_row_its_answer(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "text": ["One"], "photo": [b"\xff\xd8\xff"]}), tmp_path / "a.parquet")
    (record,) = read_all(tmp_path / "a.parquet")
    assert isinstance(record, Record)
    assert (record.text, dict(record.attributes)) == ("One", {"photo": "unreadable binary"})


def test_columns_of_one_name_are_all_kept(tmp_path: Path) -> None:
    table = pa.Table.from_arrays(
        [pa.array([value]) for value in ("1", "One", "x", "y")], names=["id", "text", "note", "note"]
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (record,) = read_all(tmp_path / "a.parquet")
    assert isinstance(record, Record)
    assert dict(record.attributes) == {"note": "x", "note_2": "y"}


def test_two_columns_that_claim_to_be_the_id_are_refused(tmp_path: Path) -> None:
    """As after a join: rows would get each other's ids."""
    table = pa.Table.from_arrays([pa.array([value]) for value in ("1", "One", "2")], names=["id", "text", "id"])
    pq.write_table(table, tmp_path / "a.parquet")
    (row,) = read_all(tmp_path / "a.parquet")
    assert isinstance(row, UnreadableRecord)
    assert row.error_type == "wrong_format"
    assert "two columns 'id'" in row.error_message


def test_rows_before_the_damage_are_kept(tmp_path: Path) -> None:
    columns = {"id": [str(n) for n in range(2_000)], "text": [f"The parcel number {n} is late" for n in range(2_000)]}
    read_table(
        tmp_path, columns, write_page_checksum=True, compression="none", use_dictionary=False, row_group_size=1_000
    )
    path = tmp_path / "rows.parquet"
    content = bytearray(path.read_bytes())
    content[content.index(b"parcel number 1500 ")] ^= 1
    path.write_bytes(content)
    *records, last = reasons(read_all(path))
    assert records == ["record"] * 1_000
    assert last == "damaged_file"


def test_a_row_group_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    text = pa.chunked_array([pa.array(["x" * 1_000_000])] * 1_100)
    numbers = [str(n) for n in range(1_100)]
    rows = read_table(tmp_path, {"id": numbers, "text": text}, use_dictionary=False, compression="zstd")
    assert (tmp_path / "rows.parquet").stat().st_size < 1_000_000
    assert reasons(rows) == ["too_large"]


_READ_AND_PRINT_PEAK_MB = """
import resource, sys
from include.sources.files.formats import read_rows
from fsspec.implementations.local import LocalFileSystem
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number, row in read_rows(LocalFileSystem(), sys.argv[1]):
    assert isinstance(row, dict), row
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def peak_mb(path: Path) -> int:
    """Megabytes that reading a file takes beyond what a process takes that reads nothing."""
    done = subprocess.run([sys.executable, "-c", _READ_AND_PRINT_PEAK_MB, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_long_text_repeated_by_a_dictionary_does_not_fill_the_memory(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), ["parcel " * 140_000])
    table = pa.table({"id": [str(n) for n in range(2_000)], "text": text})
    # Without the schema, a reader does not know that it was a dictionary.
    pq.write_table(table, tmp_path / "rows.parquet", store_schema=False)
    assert (tmp_path / "rows.parquet").stat().st_size < 100_000
    assert peak_mb(tmp_path / "rows.parquet") < 200


def test_a_list_that_repeats_a_word_of_its_dictionary_costs_its_own_row_only(tmp_path: Path) -> None:
    """Five kilobytes of file are a hundred megabytes of list."""
    count = 100_000
    words = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array(["x" * 1_000]))
    rows = {"id": ["1", "2"], "text": ["One", "Two"], "tags": pa.ListArray.from_arrays([0, count, count], words)}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    tracemalloc.start()
    large, good = read_all(tmp_path / "a.parquet")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(large, UnreadableRecord)
    assert (large.error_type, good.record_id) == ("too_large", "2")
    assert peak < MAX_LINE_BYTES


@pytest.mark.slow
def test_memory_stays_flat_over_a_large_row_group(tmp_path: Path) -> None:
    noise = random.Random(1)
    texts = [noise.randbytes(500).hex() for _ in range(200_000)]
    pq.write_table(
        pa.table({"id": [str(n) for n in range(200_000)], "text": texts}),
        tmp_path / "rows.parquet",
        use_dictionary=False,
    )
    assert (tmp_path / "rows.parquet").stat().st_size > 100_000_000
    assert peak_mb(tmp_path / "rows.parquet") < 100
