"""Where personal data can be in a row, and that it is nowhere in what becomes of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.privacy.customer_key import SETTING, CustomerKeys
from include.privacy.policy import RedactionPolicy
from include.sources.normalise import Normaliser
from include.sources.record import Record, UnreadableRecord
from tests.sources.reading import PULLED_AT, read_all, read_lines, read_record, read_unreadable

PERSONAL = ["jo.smith@example.com", "+44 7911 123456", "4111 1111 1111 1111", "DE89370400440532013000", "192.168.10.25"]
EVERYWHERE = " and ".join(PERSONAL)


def test_text_attributes_and_url_are_redacted_with_the_same_numbers(tmp_path: Path) -> None:
    record = read_record(
        tmp_path,
        {
            "text": "I am jo@example.com, not ann@example.com",
            "contact": "ann@example.com",
            "labels": {"from": ["jo@example.com"]},
            "phone": 447911123456,
            "source_url": "https://tickets.example/1?user=jo%40example.com",
        },
    )
    assert record.text == "I am <EMAIL_1>, not <EMAIL_2>"
    assert record.attributes == {"contact": "<EMAIL_2>", "labels": '{"from":["<EMAIL_1>"]}', "phone": "<PHONE_1>"}
    assert record.source_url == "https://tickets.example/1?user=<EMAIL_1>"


def test_nested_attributes_are_redacted_and_stay_json(tmp_path: Path) -> None:
    labels = {"note": "call\n07911123456", "jo@example.com": [447911123456, "\njo@example.com", 5, True, None]}
    labels_text = read_record(tmp_path, {"labels": labels}).attributes["labels"]
    assert json.loads(str(labels_text)) == {
        "note": "call\n<PHONE_1>",
        "<EMAIL_1>": ["<PHONE_1>", "<EMAIL_1>", 5, True, None],
    }


def test_numbers_that_were_made_floats_are_redacted_too(tmp_path: Path) -> None:
    """A column of telephone numbers with gaps comes out of pandas so."""
    row = {"phone": 447911123456.0, "phones": [447911123456.0, 4.0, 5], "size": 4.0}
    assert read_record(tmp_path, row).attributes == {
        "phone": "<PHONE_1>",
        "phones": '["<PHONE_1>",4.0,5]',
        "size": "4.0",
    }


def keyed(redaction: RedactionPolicy | None = None, secret: str = "long and random") -> Normaliser:
    environ = {SETTING: secret}
    return Normaliser("demo", {}, PULLED_AT, redaction=redaction or RedactionPolicy(), environ=environ)


def record_of(normaliser: Normaliser, **columns: Any) -> Record:
    record = normaliser.record({"id": "1", "text": "Parcel is late", **columns}, "rows.jsonl#L1")
    assert isinstance(record, Record)
    return record


def test_a_customers_id_becomes_a_key_and_is_not_kept() -> None:
    record = record_of(keyed(), customer_id=4711, plan="gold")
    assert {**record.attributes} == {"plan": "gold", "customer_key": CustomerKeys(b"long and random").of(["4711"])}
    assert "4711" not in repr(record)


def test_records_of_one_customer_join_across_pipelines() -> None:
    first, second = record_of(keyed(), user_id="u-9", id="1"), record_of(keyed(), customer_id="u-9", id="2")
    assert first.attributes["customer_key"] == second.attributes["customer_key"]


def test_without_a_secret_a_customers_id_is_left_out() -> None:
    assert record_of(keyed(secret=""), customer_id=4711).attributes == {}


def test_a_pipeline_names_the_columns_of_its_customers_ids() -> None:
    record = record_of(keyed(RedactionPolicy(customer_id_columns=("shopper",))), shopper="s1", customer_id="c1")
    assert record.attributes["customer_key"] == CustomerKeys(b"long and random").of(["s1"])
    assert record.attributes["customer_id"] == "c1"


def test_an_unreadable_row_keeps_no_customer_id(tmp_path: Path) -> None:
    row = {"id": "T-1", "text": "", "customer_id": "cust-4711-x", "user_id": "user-4712-x"}
    assert "471" not in read_unreadable(tmp_path, row).raw


@pytest.mark.parametrize("name", ["Customer ID", "CUSTOMER_ID", "customer-id"])
def test_an_unreadable_row_keeps_no_customer_id_whatever_way_its_column_is_written(tmp_path: Path, name: str) -> None:
    assert "471" not in read_unreadable(tmp_path, {"id": "T-1", "text": "", name: "cust-4711-x"}).raw


def test_an_unreadable_row_keeps_no_name_whatever_way_its_column_is_written(tmp_path: Path) -> None:
    raw = read_unreadable(tmp_path, {"id": "T-1", "text": "", "Author Name": "xX the quiet one Xx"}).raw
    assert raw == '{"id": "T-1", "text": "", "Author Name": "<PERSON_1>"}'


@pytest.mark.parametrize(
    "row",
    [
        {"id": "T-1", "text": ""},
        {"text": "Good"},
        {"id": "T-1", "text": "Good", "created_at": "never"},
        {"id": "T-1", "text": "Good", "notes": "x" * 21},
        {"id": "T-1", "text": "Good"} | {f"c{number}": number for number in range(301)},
    ],
)
def test_a_file_s_name_is_redacted_in_every_message(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "jo.smith@example.com.jsonl"
    path.write_text(json.dumps(row))
    (unreadable,) = read_all(path, max_text_characters=20)
    assert isinstance(unreadable, UnreadableRecord)
    assert "jo.smith" not in unreadable.error_message + unreadable.record_id
    assert unreadable.error_message.startswith("<EMAIL_1>")


def test_a_name_column_becomes_a_placeholder_whole() -> None:
    record = record_of(keyed(), author="xX the quiet one Xx", text="Thanks from Ann Miller")
    assert (record.attributes["author"], record.text) == ("<PERSON_1>", "Thanks from <PERSON_2>")


def test_whoever_a_column_names_is_found_in_the_text_too() -> None:
    record = record_of(keyed(), author="Quillon Brandt", text="When I rang, Brandt told me to wait.")
    assert (record.attributes["author"], record.text) == ("<PERSON_1>", "When I rang, <PERSON_1> told me to wait.")


def test_the_developers_reply_speaks_of_the_same_person() -> None:
    record = record_of(keyed(), text="My name is Ann Miller, call me.", developer_reply="Dear Ann, we did.")
    assert record.text == "My name is <PERSON_1>, call me."
    assert record.attributes["developer_reply"] == "Dear <PERSON_1>, we did."


def test_a_pipelines_own_patterns_hold_for_attributes_too() -> None:
    policy = RedactionPolicy(kinds=("EMAIL",), patterns={"MEMBER": r"\bM-\d{6}\b"})
    record = record_of(keyed(policy), text="I am M-123456, ring +44 20 7946 0018", note="M-123456")
    assert record.text == "I am <MEMBER_1>, ring +44 20 7946 0018"
    assert record.attributes["note"] == "<MEMBER_1>"


def test_the_message_about_a_bad_time_does_not_repeat_it(tmp_path: Path) -> None:
    row = {"id": "T-1", "text": "Good", "created_at": f"{EVERYWHERE} \ud800"}
    assert read_unreadable(tmp_path, row).error_message == (
        "rows.jsonl#L2: created_at is no time; times:%d/%m/%Y in NIGHTSHIFT_COLUMNS_<PIPELINE> says how it is written"
    )


def test_turns_are_redacted(tmp_path: Path) -> None:
    turns = [{"role": "customer", "text": "It is jo@example.com"}, {"role": "agent", "text": "jo@example.com, thanks"}]
    record = read_record(tmp_path, {"text": None, "turns": turns})
    assert record.text == "customer: It is <EMAIL_1>\nagent: <EMAIL_1>, thanks"


@pytest.mark.parametrize(
    "row",
    [
        {"text": EVERYWHERE},
        {"id": "T-1", "text": "", "notes": EVERYWHERE},
        {"id": "T-1", "text": EVERYWHERE, "created_at": "never"},
        {"id": "T-1", "text": "\n".join(["", *PERSONAL, ""]), "created_at": "never"},
        {"id": "T-1", "text": "", "deep": {"list": PERSONAL}},
        {"id": "T-1", "text": "", "deep": {"list": [f"\n{value}\n" for value in PERSONAL]}},
        {"id": "T-1", "text": "", EVERYWHERE: 1},
        {"id": "T-1", "text": EVERYWHERE + "x" * 200},
    ],
)
def test_the_raw_head_of_an_unreadable_row_is_redacted(tmp_path: Path, row: dict[str, Any]) -> None:
    raw = read_unreadable(tmp_path, row, max_text_characters=200).raw
    assert [value for value in PERSONAL if value in raw] == []
    assert "<EMAIL_1>" in raw


@pytest.mark.parametrize("escaped", [True, False])
def test_the_raw_head_of_a_torn_line_is_redacted(tmp_path: Path, escaped: bool) -> None:
    line = json.dumps({"id": "T-1", "text": "\n".join(["Grüße", *PERSONAL, ""])}, ensure_ascii=escaped)[:-1]
    raw = read_unreadable(tmp_path, line.replace("@", "\\u0040").encode()).raw
    assert [value for value in PERSONAL if value in raw] == []
    assert "<EMAIL_1>" in raw and "<PHONE_1>" in raw and "Grüße" in raw


@pytest.mark.parametrize("line", [b"\xff" * 9_000, b"x" * 9_000, "😀".encode() * 9_000, b"jo@example.com " * 9_000])
def test_the_raw_head_is_short_and_valid_utf8(tmp_path: Path, line: bytes) -> None:
    raw = read_unreadable(tmp_path, line).raw
    assert 0 < len(raw) <= 2_000
    assert "\x00" not in raw
    raw.encode("utf-8")


def test_personal_data_that_is_cut_in_two_is_not_kept(tmp_path: Path) -> None:
    raw = read_unreadable(tmp_path, b"x" * 1_990 + b" jo.smith@example.com").raw
    assert "jo.smi" not in raw


def test_an_unreadable_row_is_known_again_by_its_id_and_its_content(tmp_path: Path) -> None:
    first, same, other = (read_unreadable(tmp_path, line) for line in (b"nonsense", b"nonsense", b"other nonsense"))
    assert (first.record_id, first.record_version) == (same.record_id, same.record_version)
    assert first.record_version != other.record_version


def test_all_rows_come_out_in_order_whatever_they_are(tmp_path: Path) -> None:
    rows = read_lines(
        tmp_path,
        b"\xff",
        {"id": 1, "text": "One"},
        b"{",
        {"text": "no id"},
        {"id": 2, "text": " "},
        {"id": 3, "text": "Three", "created_at": "never"},
        {"id": 4, "text": "Four"},
    )
    assert [getattr(row, "error_type", row.record_id) for row in rows] == [
        "invalid_utf8",
        "1",
        "not_json",
        "missing_id",
        "empty_text",
        "bad_timestamp",
        "4",
    ]
