"""Workbooks: which sheet, which rows, which values, and what is not opened."""

import io
import logging
import struct
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.sources.columns import ColumnMapping
from include.sources.files.files import Files
from include.sources.files.workbook import FREE_UNPACKED_BYTES, MAX_UNPACKED_BYTES, sheet_rows, workbook_rows
from include.sources.normalise import Normaliser
from include.sources.record import Record, UnreadableRecord
from include.sources.source import SourceRow
from tests.sources.files.workbooks import ods, xls, xlsx
from tests.sources.pulling import ALWAYS
from tests.sources.reading import PULLED_AT, ids, read_all, reasons

TICKETS = [["id", "text", "created_at", "rating"], ["t1", "Late", datetime(2026, 11, 19, 10, 30), 4]]  # noqa: DTZ001


def read_workbook(folder: Path, data: bytes, name: str = "a.xlsx") -> list[Record | UnreadableRecord]:
    """Everything in a workbook, read by this process, which is quicker."""
    (folder / name).write_bytes(data)
    normaliser = Normaliser("demo", {}, PULLED_AT)
    rows = (item for item in sheet_rows(str(folder / name)) if not isinstance(item, str))
    return [normaliser.record(row, f"{name}#L{number}") for number, row in rows]


def refusal(folder: Path, data: bytes, name: str = "a.xlsx") -> str:
    """What is said of a workbook that is not read; a file beside it is."""
    (folder / name).write_bytes(data)
    (folder / "z.jsonl").write_text('{"id": "after", "text": "Good"}\n')
    row, after = read_all(folder)
    assert after.record_id == "after" and isinstance(row, UnreadableRecord)
    assert row.error_type == "wrong_format"
    return row.error_message


def test_a_row_is_a_record_with_dates_and_whole_numbers(tmp_path: Path) -> None:
    (record,) = read_workbook(tmp_path, xlsx({"Tickets": TICKETS}))
    assert isinstance(record, Record)
    assert (record.record_id, record.text, record.attributes) == ("t1", "Late", {"rating": "4"})
    assert record.is_dated and record.occurred_at == datetime(2026, 11, 19, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.xlsm", "A.XLSX", "a.xls"])
def test_a_workbook_is_known_by_what_is_in_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(xlsx({"Tickets": TICKETS}))
    (record,) = read_all(tmp_path / name)
    assert isinstance(record, Record) and record.text == "Late"
    assert record.occurred_at == datetime(2026, 11, 19, 10, 30, tzinfo=UTC)


def test_an_ods_workbook_is_read(tmp_path: Path) -> None:
    empty = (
        '<table:table-row table:number-rows-repeated="1048570"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>'
    )
    rows = read_workbook(tmp_path, ods([["id", "text"], ["t1", "Late"], ["t2", "Größe"]], empty), "a.ods")
    assert [(row.record_id, row.text) for row in rows if isinstance(row, Record)] == [("t1", "Late"), ("t2", "Größe")]


def test_an_old_workbook_of_excel_is_read(tmp_path: Path) -> None:
    rows = read_workbook(tmp_path, xls([["id", "text"], [12345.0, "Größe"], ["t2", "Late"]]), "a.xls")
    assert [(row.record_id, row.text) for row in rows if isinstance(row, Record)] == [
        ("12345", "Größe"),
        ("t2", "Late"),
    ]


def test_the_first_sheet_whose_columns_have_an_id_is_read(tmp_path: Path) -> None:
    cover = [["Ticket report"], ["Made on", "2026-11-22"]]
    rows = read_workbook(tmp_path, xlsx({"Cover": cover, "Empty": [], "Tickets": TICKETS, "Old": TICKETS}))
    assert ids(rows) == ["t1"]


def test_sheets_that_are_left_out_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "a.xlsx").write_bytes(xlsx({"April": TICKETS, "May": TICKETS}))
    assert ids(read_all(tmp_path)) == ["t1"]
    assert "the sheet 'April' is read; 1 others are left out: ['May']" in caplog.text


def test_the_sheet_is_read_that_has_the_column_which_a_setting_names_as_the_id(tmp_path: Path) -> None:
    summary = [["Month", "Count"], ["May", 4], ["June", 5]]
    (tmp_path / "a.xlsx").write_bytes(xlsx({"Summary": summary, "May": [["Ticket No", "Body"], ["m1", "Late"]]}))
    mapping = ColumnMapping.of("NIGHTSHIFT_COLUMNS_DEMO", "id=Ticket No,text=Body")
    pulled = Files(str(tmp_path), "NIGHTSHIFT_SOURCE_DEMO", mapping=mapping).pull(ALWAYS, None)
    assert [item.row for item in pulled if isinstance(item, SourceRow)] == [{"id": "m1", "text": "Late"}]


def test_rows_above_the_names_of_the_columns_are_set_aside_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    data = xlsx({"S": [["Report", None], [], ["id", "text"], [], [None, "No id"], ["b", "Two", None, "note"]]})
    rows = read_workbook(tmp_path, data)
    assert (reasons(rows), ids(rows)) == (["not_table", "missing_id", "record"], ["a.xlsx#L1", "a.xlsx#L5", "b"])
    assert isinstance(rows[-1], Record) and rows[-1].attributes == {"column_3": None, "column_4": "note"}


@pytest.mark.parametrize(
    ("given", "record_id"), [(12345, "12345"), (12345.0, "12345"), (7.5, "7.5"), (1234567890123450, None)]
)
def test_an_id_that_is_a_number_is_whole_unless_excel_has_cut_it(
    tmp_path: Path, given: Any, record_id: str | None
) -> None:
    (row,) = read_workbook(tmp_path, xlsx({"S": [["id", "text"], [given, "Late"]]}))
    assert row.record_id == record_id if record_id else reasons([row]) == ["damaged_id"]


def test_a_workbook_without_a_table_is_an_empty_batch(tmp_path: Path) -> None:
    assert read_workbook(tmp_path, xlsx({"S": [], "T": []})) == []


def test_a_text_with_tabs_under_the_name_of_a_workbook_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.xls").write_bytes(b"id\ttext\nt1\tLate\n")
    assert ids(read_all(tmp_path)) == ["t1"]


def test_files_that_excel_keeps_while_a_workbook_is_open_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "~$a.xlsx").write_bytes(b"\x05Jo")
    (tmp_path / "a.xlsx").write_bytes(xlsx({"S": TICKETS}))
    assert ids(read_all(tmp_path)) == ["t1"]


def test_a_sheet_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    data = bytearray(xlsx({"S": TICKETS}))
    # The size in the directory of the archive, of the part that is last.
    entry = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, MAX_UNPACKED_BYTES + 1)
    assert "too much, save it as CSV" in refusal(tmp_path, bytes(data))


def test_a_sheet_of_nothing_that_unpacks_to_a_hundred_times_its_size_is_not_opened(tmp_path: Path) -> None:
    rows = "<row/>" * (FREE_UNPACKED_BYTES // 6)
    said = refusal(tmp_path, xlsx({"S": f"<worksheet><sheetData>{rows}</sheetData></worksheet>"}))
    assert "unpacked 67," in said and "save it as CSV" in said


def test_a_sheet_that_reaches_to_the_end_of_the_world_ends_no_more_than_its_own_process(tmp_path: Path) -> None:
    rows = '<row><c r="A1"><v>1</v></c></row><row><c r="XFD1048576"><v>1</v></c></row>'
    said = refusal(tmp_path, xlsx({"S": f"<worksheet><sheetData>{rows}</sheetData></worksheet>"}))
    assert "reading the workbook took more than" in said and "CSV" in said


def test_cells_that_an_ods_workbook_repeats_are_bounded_too(tmp_path: Path) -> None:
    row = (
        '<table:table-row table:number-rows-repeated="900000"><table:table-cell table:number-columns-repeated="9000" '
        'office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>'
    )
    assert "workbook" in refusal(tmp_path, ods([["id", "text"]], row), "a.ods")


def test_memory_does_not_grow_with_the_number_of_rows() -> None:
    def peak(count: int) -> int:
        data = xlsx({"S": [["id", "text"], *([n, f"Late {n}. " * 20] for n in range(count))]})
        tracemalloc.start()
        read = sum(1 for _ in workbook_rows(io.BytesIO(data), len(data)))
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert read == count
        return reached

    assert peak(12_000) < 1.5 * peak(6_000)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods"])
@pytest.mark.parametrize("cut", [100, 700])
def test_a_damaged_workbook_is_one_row_that_says_so(tmp_path: Path, name: str, cut: int) -> None:
    refusal(tmp_path, xlsx({"S": TICKETS})[:cut], name)


def test_another_archive_says_what_to_do(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rows.csv", "id,text\n1,Late\n")
    assert "unpack it" in refusal(tmp_path, buffer.getvalue(), "a.csv")


def test_an_old_document_of_the_office_under_the_name_of_a_workbook_says_so(tmp_path: Path) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4_096)
    assert "cannot be read as a workbook" in refusal(tmp_path, data, "a.xls")


def test_a_workbook_with_a_password_says_so(tmp_path: Path) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4_096) + "EncryptedPackage".encode("utf-16-le")
    assert "protected by a password" in refusal(tmp_path, data)
