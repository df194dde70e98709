"""CSV: encodings, quoting, and rows that cannot be read."""

import codecs
import gzip
import tracemalloc
from pathlib import Path

import pytest

from include.sources.columns import ColumnMapping
from include.sources.files.csv_file import MAX_ROW_CHARACTERS
from include.sources.files.files import Files
from include.sources.record import Record, UnreadableRecord
from include.sources.source import SourceRow
from tests.linear_time import in_linear_time
from tests.sources.pulling import ALWAYS
from tests.sources.reading import ids, read_all, reasons


def read_csv(folder: Path, content: str | bytes) -> list[Record | UnreadableRecord]:
    """Everything in a file `rows.csv`."""
    path = folder / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_all(path)


def texts(rows: list[Record | UnreadableRecord]) -> list[str]:
    """Texts of the records."""
    return [row.text for row in rows if isinstance(row, Record)]


def test_the_first_line_names_the_columns(tmp_path: Path) -> None:
    (record,) = read_csv(tmp_path, "id,text,rating,created_at\na1,Parcel is late,4,2026-11-01T10:00:00Z\n")
    assert isinstance(record, Record)
    assert (record.record_id, record.text, record.attributes) == ("a1", "Parcel is late", {"rating": "4"})
    assert record.occurred_at.isoformat() == "2026-11-01T10:00:00+00:00"


@pytest.mark.parametrize(
    "encoded",
    [
        "id,text\na,Größe 😀\n".encode(),
        codecs.BOM_UTF8 + "id,text\na,Größe 😀\n".encode(),
        codecs.BOM_UTF16_LE + "id,text\na,Größe 😀\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "id,text\na,Größe 😀\n".encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16 little", "utf-16 big"],
)
def test_every_encoding_with_a_mark_and_utf8_without_one_is_read(tmp_path: Path, encoded: bytes) -> None:
    rows = read_csv(tmp_path, encoded)
    assert (ids(rows), texts(rows)) == (["a"], ["Größe 😀"])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_what_the_first_line_uses(tmp_path: Path, delimiter: str) -> None:
    rows = read_csv(tmp_path, f'id{delimiter}text{delimiter}x\na{delimiter}"one, two; three"{delimiter}1\n')
    assert texts(rows) == ["one, two; three"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_line_end_ends_a_row(tmp_path: Path, line_end: str) -> None:
    assert ids(read_csv(tmp_path, line_end.join(["id,text", "a,One", "b,Two", ""]))) == ["a", "b"]


def test_a_quoted_text_may_hold_lines_and_quotes(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, 'id,text\na,"one\ntwo ""three"""\nb,Two\n')
    assert texts(rows) == ['one\ntwo "three"', "Two"]


def test_a_quote_within_an_unquoted_text_is_text(tmp_path: Path) -> None:
    assert texts(read_csv(tmp_path, 'id,text\na,a 5" screen\n')) == ['a 5" screen']


@pytest.mark.parametrize("row", ['a\t"Late" he said\n', 'a\t"Late" and "cold" he said\n'])
def test_a_quote_that_closes_within_a_text_is_text(tmp_path: Path, row: str) -> None:
    rows = read_csv(tmp_path, f"id\ttext\n{row}b\tGood\n")
    assert texts(rows) == [row.partition("\t")[2].strip(), "Good"]


def test_an_empty_cell_is_no_value(tmp_path: Path) -> None:
    (record,) = read_csv(tmp_path, "id,text,rating\na,One,\n")
    assert isinstance(record, Record)
    assert record.attributes == {"rating": None}


def test_missing_cells_are_no_values_and_empty_ones_too_many_are_nothing(tmp_path: Path) -> None:
    short, long = read_csv(tmp_path, "id,text,x\na,One\nb,Two,3,,\n")
    assert isinstance(short, Record) and isinstance(long, Record)
    assert (dict(short.attributes), dict(long.attributes)) == ({}, {"x": "3"})


@pytest.mark.parametrize(
    "content",
    [
        "id,created_at,text\n1,2026-11-01,Late, please refund 40 euros\n2,2026-11-01,Good\n",
        "id;text;channel\n1;Late; again;mail\n2;Good;mail\n",
        "id\ttext\n1\tLate\tand cold\n2\tGood\n",
        "id|text|x\n1|Late | cold|3\n2|Good|3\n",
    ],
)
def test_a_row_with_more_cells_than_columns_is_set_aside_and_no_text_is_cut(tmp_path: Path, content: str) -> None:
    wide, good = read_csv(tmp_path, content)
    assert isinstance(wide, UnreadableRecord) and isinstance(good, Record)
    assert (wide.error_type, good.text) == ("not_csv", "Good")
    assert "cells" in wide.error_message and "quotes" in wide.error_message
    assert "Late" in wide.raw


@pytest.mark.parametrize(
    ("header", "row", "text", "attributes"),
    [
        ("id,text,Comment,Comment", "1,Late,first,second", "Late", {"comment": "first", "comment_2": "second"}),
        ("id,text,a,a,a_2", "1,Late,x,y,z", "Late", {"a": "x", "a_3": "y", "a_2": "z"}),
        ("id,text,text", "1,Good,Breakfast was poor", "Good\nBreakfast was poor", {}),
        ("id,Text,text", "1,,Breakfast was poor", "Breakfast was poor", {}),
        ("id,text,text", "1,Same,Same", "Same", {}),
        (",id,text", "7,1,Late", "Late", {"column_1": "7"}),
    ],
)
def test_columns_that_share_a_name_or_have_none_are_all_kept(
    tmp_path: Path, header: str, row: str, text: str, attributes: dict[str, str]
) -> None:
    (record,) = read_csv(tmp_path, f"{header}\n{row}\n")
    assert isinstance(record, Record)
    assert (record.record_id, record.text, dict(record.attributes)) == ("1", text, attributes)


@pytest.mark.parametrize(
    ("above", "set_aside"),
    [("Ticket report\nGenerated at 2026-11-22\n\n", 2), ("Report;;\n;;\n", 1), ('"Report, ""weekly"""\n', 1)],
)
def test_lines_above_the_names_of_the_columns_are_set_aside(tmp_path: Path, above: str, set_aside: int) -> None:
    rows = read_csv(tmp_path, f"{above}id;created_at;text\n1;2026-11-01;Late, again\n")
    assert reasons(rows) == ["not_csv"] * set_aside + ["record"]
    assert texts(rows) == ["Late, again"]
    assert len(set(ids(rows))) == len(rows)


def test_a_cell_that_says_id_does_not_make_its_row_the_header(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, "review,language\nBagus,id\n")
    assert reasons(rows) == ["missing_id"]


def test_two_columns_that_claim_to_be_the_id_are_refused(tmp_path: Path) -> None:
    (row,) = read_csv(tmp_path, "id,text,id\n1,One,2\n")
    assert isinstance(row, UnreadableRecord)
    assert row.error_type == "wrong_format" and "two columns 'id'" in row.error_message


def test_the_names_of_the_columns_once_more_are_no_row(tmp_path: Path) -> None:
    assert ids(read_csv(tmp_path, "id,text\na,One\nid,text\nb,Two\n")) == ["a", "b"]


def test_rows_without_any_value_are_left_out(tmp_path: Path) -> None:
    assert ids(read_csv(tmp_path, "id,text\n\na,One\n,\n\n")) == ["a"]


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b"id,text", b"id,text\n"])
def test_a_file_without_rows_is_an_empty_batch(tmp_path: Path, content: bytes) -> None:
    assert read_csv(tmp_path, content) == []


def test_a_row_without_id_is_named_by_its_number(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, "id,text\na,One\n,Two\n")
    assert (ids(rows), reasons(rows)) == (["a", "rows.csv#L2"], ["record", "missing_id"])


def test_invalid_utf8_costs_its_own_row_only(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, "id,text\na,Größe\nb,caf".encode() + b"\xe9\nc,Three\n")
    assert reasons(rows) == ["record", "invalid_utf8", "record"]
    assert isinstance(rows[1], UnreadableRecord)
    assert rows[1].raw == "b,caf\ufffd"


def test_an_attribute_in_another_encoding_costs_itself_only(tmp_path: Path) -> None:
    (record,) = read_csv(tmp_path, "id,text,city\na,Größe,M".encode() + b"\xfcnchen\n")
    assert isinstance(record, Record)
    assert (record.text, dict(record.attributes)) == ("Größe", {"city": "M\ufffdnchen"})


def test_a_quote_that_never_closes_costs_its_own_line_only(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, 'id,text\na,One\nb,"torn\nc,Three\nd,Four\n')
    assert (reasons(rows), texts(rows)) == (["record", "not_csv", "record", "record"], ["One", "Three", "Four"])
    assert isinstance(rows[1], UnreadableRecord)
    assert rows[1].raw.startswith('b,"torn')


def test_a_stray_quote_does_not_mix_two_customers_texts(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, 'id,text\na,"torn\nb,"Two"\nc,Three\n')
    assert (reasons(rows), texts(rows)) == (["not_csv", "record", "record"], ["Two", "Three"])


@pytest.mark.slow
def test_many_quotes_that_never_close_end_in_reasonable_time(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, "id,text\n" + 'x","\n' * 20_000)
    assert "not_csv" in reasons(rows)


def test_a_line_beyond_the_cap_costs_its_own_row_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with path.open("wb") as file:
        file.write(b"id,text\na,One\nb,")
        for _ in range(6):
            file.write(b"A" * MAX_ROW_CHARACTERS)
        file.write(b"\nc,Three\n")
    tracemalloc.start()
    rows = read_all(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons(rows) == ["record", "too_large", "record"]
    assert peak < 8 * MAX_ROW_CHARACTERS


def test_a_line_beyond_the_cap_within_quotes_gives_no_part_of_it(tmp_path: Path) -> None:
    big = "A" * (MAX_ROW_CHARACTERS + 1)
    rows = read_csv(tmp_path, f'id,text\na,"One\nb,{big}"\nc,Three\n')
    assert (reasons(rows), texts(rows)) == (["too_large", "record"], ["Three"])


def test_a_torn_gzip_file_gives_what_could_be_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"id,text\na,One\n")[:-8])
    assert reasons(read_all(path))[-1] == "damaged_file"


def test_nul_characters_are_dropped(tmp_path: Path) -> None:
    assert texts(read_csv(tmp_path, "id,text\na,One\x00 two\n")) == ["One two"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(("said", "delimiter"), [("sep=;", ";"), ('"sep=,"', ","), ("SEP=\t", "\t")])
def test_the_delimiter_is_what_excels_own_first_line_says(tmp_path: Path, mark: str, said: str, delimiter: str) -> None:
    head, row = (delimiter.join(cells) for cells in (("id", "text", "note|a|b|c"), ("1", "Late", "x|y|z|w")))
    (record,) = read_csv(tmp_path, f"{mark}{said}\r\n{head}\r\n{row}\r\n")
    assert isinstance(record, Record)
    assert (record.record_id, record.text, record.attributes) == ("1", "Late", {"note_a_b_c": "x|y|z|w"})


MYSQL = (
    '"id","text","plan","note"\n'
    '"1","He said \\"restart it\\" and hung up",\\N,"a"\n'
    '"2","Nothing \\"works\\", really","pro",\\N\n'
    '"3","ends with a slash \\\\","pro","b"\n'
    '"4","two\\\nlines",\\N,\\N\n'
)


def test_quotes_behind_a_backslash_are_text_and_the_sign_for_null_is_nothing(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, MYSQL)
    assert texts(rows) == [
        'He said "restart it" and hung up', 'Nothing "works", really', "ends with a slash \\", "two\nlines",
    ]  # fmt: skip
    assert [dict(row.attributes) for row in rows if isinstance(row, Record)] == [
        {"plan": None, "note": "a"}, {"plan": "pro", "note": None}, {"plan": "pro", "note": "b"},
        {"plan": None, "note": None},
    ]  # fmt: skip


def test_a_quote_behind_a_backslash_far_down_costs_no_row(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, "id,text\n" + "a,Good\n" * 50 + 'b,"He said \\"no\\", twice"\nc,Fine\n')
    assert texts(rows)[-2:] == ['He said "no", twice', "Fine"]


@pytest.mark.parametrize("text", [r"C:\new\table", r"¯\_(ツ)_/¯", r"\d+", "ends so \\"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_backslash_elsewhere_is_a_backslash(tmp_path: Path, text: str, quote: str) -> None:
    rows = read_csv(tmp_path, f'id,text,x\na,{quote}{text}{quote},"{{""y"": ""a \\""b\\"" c""}}"\nb,Good,z\n')
    assert texts(rows) == [text, "Good"]


GERMAN = "id;text;Priorität\n1;Die Lieferung kam zu spät – schade;hoch\n2;Größe paßt nicht, zurück;hoch\n"
JAPANESE = "id,text\n1,アプリが落ちます。返金してください\n2,OK\n"
RUSSIAN = "id,text\n1,Приложение не работает верните деньги пожалуйста\n"
POLISH = "id;text\n1;Przesyłka się spóźniła, proszę o zwrot pieniędzy\n2;Źle działa, wciąż się zawiesza\n"
CHINESE = "id,text\n1,应用程序一直崩溃，请退款\n2,送货太慢了\n"
KOREAN = "id,text\n1,앱이 계속 종료됩니다 환불해 주세요\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (GERMAN, "cp1252"), (JAPANESE, "cp932"), (RUSSIAN, "cp1251"), (POLISH, "cp1250"), (CHINESE, "gb18030"),
        (KOREAN, "cp949"), (GERMAN, "utf-16-le"), (GERMAN, "utf-16-be"), (JAPANESE, "utf-16-le"),
        ("名,id,text\n甲,1,アプリが落ちます\n", "utf-16-le"), ("名,id,text\n甲,1,アプリが落ちます\n", "utf-16-be"),
    ],
)  # fmt: skip
def test_a_table_of_the_office_is_read_in_the_encoding_that_it_looks_like(
    tmp_path: Path, content: str, encoding: str
) -> None:
    rows = read_csv(tmp_path, content.encode(encoding))
    assert texts(rows) == texts(read_csv(tmp_path, content))
    assert reasons(rows) == ["record"] * len(rows)


def test_utf16_without_a_mark_is_known_in_a_language_whose_letters_have_a_zero_too(tmp_path: Path) -> None:
    table = "id,text\r\n1,一一不一样，退款\r\n2,一个一个都坏了\r\n"
    assert texts(read_csv(tmp_path, table.encode("utf-16-le"))) == ["一一不一样，退款", "一个一个都坏了"]


@pytest.mark.parametrize("head", ["'id','text','plan'", "id,text,plan"])
@pytest.mark.parametrize("first", ["'1'", "1"])
def test_cells_in_the_quotes_of_sql_are_read_without_them(tmp_path: Path, head: str, first: str) -> None:
    rows = read_csv(tmp_path, f"{head}\n{first},'Late, and ''cold','a'\n2,'It''s \\N','b'\n")
    assert (ids(rows), texts(rows)) == (["1", "2"], ["Late, and 'cold", "It's \\N"])


def test_a_text_in_single_quotes_keeps_them(tmp_path: Path) -> None:
    assert texts(read_csv(tmp_path, "id,text\na,'Late' he said\nb,'Cold'\n")) == ["'Late' he said", "'Cold'"]
    assert texts(read_csv(tmp_path, "id,text\na,'Cold'\nb,'tis late\n")) == ["'Cold'", "'tis late"]


@pytest.mark.parametrize("delimiter", ["^", "~", "\x01"])
def test_rarer_delimiters_are_known(tmp_path: Path, delimiter: str) -> None:
    table = "id,text,plan\n1,Late; cold,a\n".replace(",", delimiter)
    assert texts(read_csv(tmp_path, table)) == ["Late; cold"]


def test_a_file_that_is_padded_with_nothing_ends_before(tmp_path: Path) -> None:
    assert reasons(read_csv(tmp_path, b"id,text\n1,Late\n" + bytes(4_000))) == ["record"]


def test_a_short_word_in_the_encoding_of_windows_is_read(tmp_path: Path) -> None:
    assert texts(read_csv(tmp_path, b"id,text\na,One\nb,caf\xe9\nc,Three\n")) == ["One", "café", "Three"]


def test_lines_above_a_table_without_an_id_are_no_columns(tmp_path: Path) -> None:
    above = "Ticket report\nGenerated at;2026-11-22;;;\n\n"
    rows = read_csv(tmp_path, f"{above}Ticket;Opened;Body;Queue\n1;2026-11-01;Late, again;mail\n2;;Cold;mail\n")
    assert reasons(rows) == ["not_csv", "not_csv", "missing_id", "missing_id"]
    assert isinstance(rows[-1], UnreadableRecord)
    assert "among the columns Ticket, Opened, Body, Queue" in rows[-1].error_message


def test_the_names_of_the_columns_are_in_the_line_with_the_one_that_a_setting_names_as_the_id(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Report of;November\n\nTicket No;Body;Queue\n1;Late;mail\n")
    mapping = ColumnMapping.of("NIGHTSHIFT_COLUMNS_DEMO", "id=Ticket No,text=Body")
    pulled = Files(str(tmp_path), "NIGHTSHIFT_SOURCE_DEMO", mapping=mapping).pull(ALWAYS, None)
    rows = [item.row for item in pulled if isinstance(item, SourceRow)]
    assert rows[1:] == [{"id": "1", "text": "Late", "Queue": "mail"}]


def test_rows_that_are_wider_than_the_names_of_the_columns_are_not_taken_for_them(tmp_path: Path) -> None:
    rows = read_csv(tmp_path, "Ticket,Opened,Body\n1,2026,Late, cold\n2,2026,Late, cold\n")
    assert reasons(rows) == ["not_csv", "not_csv"]


def test_a_row_that_cannot_be_read_says_how_the_file_is_read(tmp_path: Path) -> None:
    (wide,) = read_csv(tmp_path, "id;text\n1;Größe; again\n".encode("cp1252"))
    assert isinstance(wide, UnreadableRecord)
    assert wide.error_message.startswith("rows.csv#L1: the row has 3 cells, and there are 2 columns")
    assert "read as cp1252, with cells divided by ';'" in wide.error_message


def test_the_encoding_that_is_set_counts_where_a_table_is_no_utf8(tmp_path: Path) -> None:
    for name, encoding in (("a.csv", "cp1250"), ("b.csv", "utf-8"), ("c.csv", "utf-16")):
        (tmp_path / name).write_bytes("id,text\n1,Zásilka přišla pozdě\n".encode(encoding))
    pulled = Files(str(tmp_path), "NIGHTSHIFT_SOURCE_DEMO", encoding="cp1250").pull(ALWAYS, None)
    rows = [item.row for item in pulled if isinstance(item, SourceRow)]
    assert [row["text"] for row in rows if isinstance(row, dict)] == ["Zásilka přišla pozdě"] * 3


@pytest.mark.parametrize("names", [",".join(f"c{number}" for number in range(80_000)), "again," * 80_000])
def test_a_hundred_thousand_columns_are_named_in_linear_time(tmp_path: Path, names: str) -> None:
    with in_linear_time():
        (record,) = read_csv(tmp_path, f"id,text,{names}\n1,Late,x\n")
    assert isinstance(record, Record) and record.record_id == "1"
