"""Columns of any name become records by a setting, whatever file they stand in."""

import csv
import json
import logging
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import ConfigurationError
from include.pipelines.registry import load_pipeline
from include.sources.column_pairs import quoted, split, unquoted
from include.sources.columns import ColumnMapping, presets
from include.sources.files.files import Files
from include.sources.record import Record
from include.sources.source import SourceRow, Window
from include.sources.tables.sql_table import SqlTable
from include.stages.source import source_of
from tests.sources.reading import PULLED_AT, ids, read_all, reasons

SETTING = "NIGHTSHIFT_COLUMNS_DEMO"
TICKET = {
    "Ticket ID": "T-7",
    "Subject": "Lamp",
    "Description": "My lamp is broken.",
    "Created": "2026-11-20T10:00:00Z",
    "Plan": "gold",
}
MAPPED = "id=Ticket ID,text=Subject+Description,created_at=Created"


def write(path: Path, *rows: Mapping[str, Any]) -> Path:
    """A file of these rows, in the format that its name says."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_one(path: Path, columns: str, **options: Any) -> Record:
    (record,) = read_all(path, columns=columns, **options)
    assert isinstance(record, Record), record
    return record


@pytest.mark.parametrize("name", ["tickets.csv", "tickets.jsonl", "tickets.parquet"])
def test_columns_of_other_names_become_a_record_and_the_rest_stays(tmp_path: Path, name: str) -> None:
    record = read_one(write(tmp_path / name, TICKET), MAPPED)
    assert (record.record_id, record.text) == ("T-7", "Lamp\n\nMy lamp is broken.")
    assert record.occurred_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert record.attributes == {"plan": "gold"}


def test_without_the_setting_the_same_file_has_no_record_and_says_which_columns_it_has(tmp_path: Path) -> None:
    (row,) = read_all(write(tmp_path / "tickets.csv", TICKET))
    assert reasons([row]) == ["missing_id"]
    assert "Ticket ID, Subject, Description, Created, Plan" in getattr(row, "error_message", "")


@pytest.mark.parametrize(
    ("written", "target", "columns"),
    [
        ("id=Ticket ID", "id", ("Ticket ID",)),
        (" text = Subject + Description ", "text", ("Subject", "Description")),
        ('text="Well, what happened?"', "text", ("Well, what happened?",)),
        ('"text=Well, what happened?"', "text", ("Well, what happened?",)),
        ('text="1+1=2"+Body', "text", ("1+1=2", "Body")),
        ("text=a=b", "text", ("a=b",)),
        ('text="He said ""no"", twice"', "text", ('He said "no", twice',)),
        ("App Version=Version", "app_version", ("Version",)),
    ],
)
def test_a_name_may_hold_whatever_stands_in_quotes(written: str, target: str, columns: tuple[str, ...]) -> None:
    (pair,) = ColumnMapping.of(SETTING, written).pairs
    assert (pair.target, pair.columns) == (target, columns)


@pytest.mark.parametrize("name", ["Ticket ID", "a,b", "a+b", 'say "no"', "a=b", " padded ", "hash:x"])
def test_what_is_quoted_is_read_as_it_was(name: str) -> None:
    assert [unquoted(part) for part in split(f"{quoted(name)}+x", "+", SETTING)] == [name, "x"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Ticket ID", "'Ticket ID' says of no column what it is"),
        ("id=", "says of no column"),
        ("=Ticket ID", "says of no column"),
        ("text=Subject+", "says of no column"),
        ('text="Subject', "quote that never closes"),
        ("id=A,id=B", "twice what 'id' is"),
        ("times:%Q", "'times:%Q' is no form of times"),
        ("times:%d/%m/%", "is no form of times"),
        ("preset:zendisk", "no preset 'zendisk'. There are: zendesk, freshdesk"),
    ],
)
def test_a_setting_that_says_nothing_is_refused_with_words(written: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        ColumnMapping.of(SETTING, written)
    assert SETTING in str(raised.value)


@pytest.mark.parametrize("name", ["tickets.csv", "tickets.jsonl", "tickets.parquet"])
def test_a_column_that_is_not_there_is_an_error_that_lists_those_that_are(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, TICKET)
    with pytest.raises(ConfigurationError) as raised:
        read_all(path, columns="id=Ticket Number,text=Description")
    for said in (SETTING, "'Ticket Number'", name, "Ticket ID, Subject, Description, Created, Plan"):
        assert said in str(raised.value)


def test_the_error_shows_no_personal_data_of_a_file_without_names(tmp_path: Path) -> None:
    path = write(tmp_path / "tickets.csv", {"1": "2", "mail jo.smith@example.com": "x"})
    with pytest.raises(ConfigurationError) as raised:
        read_all(path, columns="id=Ticket")
    assert "jo.smith" not in str(raised.value) and "<EMAIL_1>" in str(raised.value)


def test_rows_of_json_need_not_all_have_a_column(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "tickets.jsonl", {"no": 1, "body": "Late"}, {"no": 2, "body": "Broken", "title": "Lamp"})
    with caplog.at_level(logging.WARNING, "include"):
        rows = read_all(path, columns="id=no,text=title+body+note,stars=score")
    assert [row.text for row in rows if isinstance(row, Record)] == ["Late", "Lamp\n\nBroken"]
    assert "No row of tickets.jsonl has score" in caplog.text


def test_names_are_meant_whatever_their_capitals_and_spaces(tmp_path: Path) -> None:
    assert read_one(write(tmp_path / "t.csv", TICKET), "id=ticket_id,text=DESCRIPTION").record_id == "T-7"


def test_a_long_question_is_not_taken_for_another_that_begins_alike(tmp_path: Path) -> None:
    question = "How satisfied were you with all that our staff at the counter did for you"
    path = write(tmp_path / "t.csv", {"id": "1", f"{question} today?": "Very"})
    with pytest.raises(ConfigurationError, match="has no such column"):
        read_all(path, columns=f"text={question} yesterday?")


def test_a_column_of_the_same_name_as_a_part_does_not_take_its_place(tmp_path: Path) -> None:
    row = {"id": "9", "text": "internal", "turns": "[]", "record_id": "8", "createdAt": "x"}
    row |= {"No": "T-7", "Body": "Late", "Created": "2026-11-20"}
    record = read_one(write(tmp_path / "t.jsonl", row), "id=No,text=Body,created_at=Created")
    assert (record.record_id, record.text) == ("T-7", "Late")
    assert record.occurred_at == datetime(2026, 11, 20, tzinfo=UTC)
    assert record.attributes == {"id_": "9", "text_": "internal", "turns_": "[]", "record_id_": "8", "createdat": "x"}


def test_an_attribute_is_named_and_a_column_may_be_used_twice(tmp_path: Path) -> None:
    columns = f"{MAPPED},subject=Subject,tier=Plan"
    assert read_one(write(tmp_path / "t.csv", TICKET), columns).attributes == {"subject": "Lamp", "tier": "gold"}


def test_an_id_of_several_columns_needs_them_all(tmp_path: Path) -> None:
    rows = [{"shop": "A", "no": "1", "body": "Late"}, {"shop": "A", "no": "", "body": "Broken"}]
    read = read_all(write(tmp_path / "t.csv", *rows), columns="id=shop+no,text=body")
    assert (ids(read)[0], reasons(read)) == ("A 1", ["record", "missing_id"])


def test_a_date_and_a_time_of_day_are_one_time(tmp_path: Path) -> None:
    row = {"id": "1", "text": "Late", "day": "2026-11-20", "at": "10:30"}
    record = read_one(write(tmp_path / "t.csv", row), "created_at=day+at")
    assert record.occurred_at == datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


def test_times_are_read_as_the_setting_says_and_else_refused_with_the_way_out(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"id": "1", "text": "Late", "When": "05/11/2026 10:30"})
    record = read_one(path, "created_at=When,times:%d/%m/%Y %H:%M")
    assert record.occurred_at == datetime(2026, 11, 5, 10, 30, tzinfo=UTC)
    (refused,) = read_all(path, columns="created_at=When")
    assert reasons([refused]) == ["bad_timestamp"]
    assert "times:%d/%m/%Y in NIGHTSHIFT_COLUMNS_<PIPELINE>" in getattr(refused, "error_message", "")


def test_how_times_are_written_may_be_said_of_a_column_that_is_called_what_it_is(tmp_path: Path) -> None:
    row = {"id": "1", "text": "Late", "Created At": "05.11.2026", "occurred_at": "x"}
    record = read_one(write(tmp_path / "t.csv", row), "times:%d.%m.%Y")
    assert (record.record_id, record.occurred_at) == ("1", datetime(2026, 11, 5, tzinfo=UTC))


def test_when_a_row_changed_is_mapped_too(tmp_path: Path) -> None:
    row = {"id": "1", "text": "Late", "Last modified": "2026-11-21T08:00:00Z", "updatedAt": "2026-01-01"}
    mapping = ColumnMapping.of(SETTING, "changed_at=Last modified")
    files = Files(str(write(tmp_path / "t.jsonl", row)), "NIGHTSHIFT_SOURCE_DEMO", mapping=mapping)
    (item,) = [item for item in files.pull(Window(None, PULLED_AT), None) if isinstance(item, SourceRow)]
    assert item.changed_at == datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_rows_without_an_id_are_known_by_a_hash_that_holds_no_words(tmp_path: Path) -> None:
    rows = [{"Timestamp": "2026/11/20 9:30:00 AM GMT+1", "How was it?": text} for text in ("Late", "Fine", "Late")]
    columns = "preset:google_forms,text=How was it?"
    first, second, third = read_all(write(tmp_path / "t.csv", *rows), columns=columns)
    assert isinstance(first, Record)
    assert first.record_id == third.record_id != second.record_id
    assert len(first.record_id) == 12 and first.occurred_at == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


def test_undecodable_bytes_in_a_mapped_text_make_the_row_unreadable(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("No,Body,Plan\n0,Grüße,grün\n".encode() + b"1,Gr\xff,gold\n2,Late,g\xff\n")
    rows = read_all(tmp_path / "t.csv", columns="id=No,text=Body")
    assert reasons(rows) == ["record", "invalid_utf8", "record"]


def test_undecodable_bytes_in_a_mapped_column_of_parquet_too(tmp_path: Path) -> None:
    table = pa.table({"No": ["1", "2"], "Body": [b"Gr\xff", b"Late"], "Plan": [b"gold", b"g\xff"]})
    pq.write_table(table, tmp_path / "t.parquet")
    rows = read_all(tmp_path / "t.parquet", columns="id=No,text=Body")
    assert reasons(rows) == ["invalid_utf8", "record"]


# As the documentation of each tool, or an export that somebody published, has them.
EXPORTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "zendesk": (
        {"id": 35, "subject": "Lamp", "description": "Broken", "created_at": "2026-11-20T10:00:00Z"},
        "35",
        "Lamp\n\nBroken",
    ),
    "zendesk_csv": (
        {"Summation column": 1, "Id": 35, "Subject": "Lamp", "Created at": "2026-11-20 10:00"},
        "35",
        "Lamp",
    ),
    "freshdesk": (
        {"id": 20, "subject": "Lamp", "description": "<div>Broken</div>", "description_text": "Broken"}
        | {"created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T11:00:00Z"},
        "20",
        "Lamp\n\nBroken",
    ),
    "intercom": (
        {"type": "conversation", "id": "191", "created_at": 1795168800, "source": {"subject": "", "body": "<p>Hi</p>"}},
        "191",
        "Hi",
    ),
    "jira": (
        {"Summary": "Lamp", "Issue key": "AC-1", "Issue id": "10", "Description": "Broken"}
        | {"Created": "20/Nov/26 10:00 AM"},
        "AC-1",
        "Lamp\n\nBroken",
    ),
    "jira_api": (
        {"id": "10", "key": "AC-1"}
        | {"fields": {"summary": "Lamp", "description": "Broken", "created": "2026-11-20T10:00:00.000+0000"}},
        "AC-1",
        "Lamp\n\nBroken",
    ),
    "freshdesk_csv": (
        {"Ticket ID": 4711, "Subject": "Lamp", "Description": "Broken", "Created time": "2026-11-20 10:00:00"},
        "4711",
        "Lamp\n\nBroken",
    ),
    "intercom_csv": (
        {"Conversation ID": 215, "Conversation started at (UTC)": "2026-11-20 10:00:00", "First message": "Broken"},
        "215",
        "Broken",
    ),
    "hubspot": (
        {"id": "5", "properties": {"subject": "Lamp", "content": "Broken"}, "createdAt": "2026-11-20T10:00:00.000Z"},
        "5",
        "Lamp\n\nBroken",
    ),
    "hubspot_csv": (
        {"Ticket ID": "5", "Ticket name": "Lamp", "Ticket description": "Broken", "Create date": "2026-11-20 10:00"},
        "5",
        "Lamp\n\nBroken",
    ),
    "github": (
        {"id": 1, "number": 7, "title": "Lamp", "body": "Broken", "created_at": "2026-11-20T10:00:00Z"}
        | {"html_url": "https://github.com/a/b/issues/7"},
        "1",
        "Lamp\n\nBroken",
    ),
}


@pytest.mark.parametrize("export", EXPORTS)
def test_a_preset_knows_the_columns_of_its_tool(tmp_path: Path, export: str) -> None:
    row, record_id, text = EXPORTS[export]
    tool = export.removesuffix("_csv").removesuffix("_api")
    name = "t.csv" if export == "jira" or export.endswith("_csv") else "t.jsonl"
    record = read_one(write(tmp_path / name, row), f"preset:{tool}")
    assert (record.record_id, record.text) == (record_id, text)
    assert record.occurred_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert (record.source_url is not None) == (tool == "github")


@pytest.mark.parametrize("columns", ["preset:qualtrics,text=Q3", "preset:qualtrics,text=Q3,created_at=Start"])
def test_rows_in_which_qualtrics_tells_of_its_columns_are_never_asked_about(tmp_path: Path, columns: str) -> None:
    answers = [
        {"Start": "2026-11-20", "RecordedDate": f"2026-11-2{n} 10:00", "ResponseId": f"R_{n}a", "Q3": "Late"}
        for n in (0, 1)
    ]
    questions = {"Start": "", "RecordedDate": "", "ResponseId": "Response ID", "Q3": "How was it?"}
    import_ids = {**questions, "ResponseId": '{"ImportId":"_recordId"}', "Q3": '{"ImportId":"QID3"}'}
    rows = read_all(write(tmp_path / "t.csv", questions, import_ids, *answers), columns=columns)
    assert reasons(rows) == ["not_csv", "not_csv", "record", "record"]
    assert "tells of the columns once more" in getattr(rows[0], "error_message", "")
    assert isinstance(rows[2], Record) and rows[2].record_id == "R_0a"


def test_an_id_of_one_s_own_need_not_look_like_the_preset_s(tmp_path: Path) -> None:
    row = {"ResponseId": "R_1", "RecordedDate": "2026-11-20", "Ticket": "7", "Q3": "Late"}
    record = read_one(write(tmp_path / "t.csv", row), "preset:qualtrics,id=Ticket,text=Q3")
    assert (record.record_id, record.text) == ("7", "Late")


def node(kind: str, *content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields} | ({"content": list(content)} if content else {})


# As https://developer.atlassian.com/cloud/jira/platform/apis/document/structure has them.
DOCUMENT = node(
    "doc",
    node(
        "paragraph",
        *(node("text", text="The "), node("text", text="lamp", marks=[{"type": "strong"}])),
        node("text", text=" flickers."),
    ),
    node(
        "bulletList", *(node("listItem", node("paragraph", node("text", text=said))) for said in ("At night", "By day"))
    ),
    node(
        "paragraph",
        *(node("mention", attrs={"id": "5b", "text": "@Support"}), node("hardBreak")),
        node("inlineCard", attrs={"url": "https://a.example/7"}),
    ),
    node("rule"),
    version=1,
)


@pytest.mark.parametrize("columns", ["preset:jira", "id=key,text=fields.description"])
def test_a_document_of_jira_is_read_as_its_words(tmp_path: Path, columns: str) -> None:
    row = {"id": "10", "key": "AC-1", "fields": {"summary": None, "description": DOCUMENT}}
    record = read_one(write(tmp_path / "t.jsonl", row), columns)
    assert record.text == "The lamp flickers.\nAt night\nBy day\n@Support\nhttps://a.example/7"


def test_a_document_that_is_nested_without_end_is_no_text() -> None:
    nested = node("text", text="x")
    for _ in range(5_000):
        nested = node("blockquote", nested)
    mapping = ColumnMapping.of(SETTING, "id=key,text=fields.description")
    mapped = mapping.row({"key": "1", "fields": {"description": node("doc", nested)}})
    assert (mapped["id"], mapped["text"]) == ("1", None)


def test_own_pairs_go_before_those_of_a_preset(tmp_path: Path) -> None:
    row, *_ = EXPORTS["zendesk"]
    assert read_one(write(tmp_path / "t.jsonl", row), "preset:zendesk,text=description").text == "Broken"


def test_a_preset_whose_columns_are_not_there_says_which_are(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"the preset zendesk, and t\.csv has no such columns\. It has: Ticket"
    ):
        read_all(write(tmp_path / "t.csv", TICKET), columns="preset:zendesk")


def test_every_preset_rests_on_a_page_and_is_in_the_readme() -> None:
    sources = Path(__file__).parents[2] / "include/sources"
    readme = (sources / "README.md").read_text(encoding="utf-8")
    assert set(presets()) == {
        *("zendesk", "freshdesk", "intercom", "jira", "hubspot", "github", "google_forms", "qualtrics")
    }
    forms = tomllib.loads((sources / "column_presets.toml").read_text(encoding="utf-8"))
    assert all(form["page"].startswith("https://") for of_tool in forms.values() for form in of_tool)
    assert all(f"`{tool}`" in readme for tool in presets())


def test_the_setting_reaches_files_and_sql_tables_and_refuses_what_has_columns_of_its_own() -> None:
    survey, tickets = load_pipeline("survey_answers"), load_pipeline("support_tickets")
    mapped = {"NIGHTSHIFT_COLUMNS_SURVEY_ANSWERS": "id=No", "NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS": "id=No"}
    table = source_of(survey, {**mapped, "SURVEY_ANSWERS_CONNECTION": "surveys"})
    assert isinstance(table, SqlTable) and table.mapping is not None
    files = source_of(tickets, {**mapped, "NIGHTSHIFT_SOURCE_SUPPORT_TICKETS": "/data"})
    assert isinstance(files, Files) and files.mapping is not None
    with pytest.raises(ConfigurationError, match="maps the columns of files, SQL tables"):
        source_of(tickets, {**mapped, "ZENDESK_CONNECTION": "zendesk"})


def test_names_over_several_lines_are_shown_in_one(tmp_path: Path) -> None:
    (row,) = read_all(write(tmp_path / "t.csv", {"Ticket\nID": "7", "Text\r\n(first)": "Late"}))
    assert "among the columns Ticket ID, Text (first);" in getattr(row, "error_message", "")
