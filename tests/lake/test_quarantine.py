"""A quarantine row has all columns of the table, whatever is known of it."""

from dataclasses import fields
from datetime import UTC, datetime

from include.lake.effort import Effort, Service, Usage
from include.lake.quarantine import QuarantineRow, quarantine_table
from include.lake.schemas import QUARANTINE_SCHEMA

AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
UNREAD = QuarantineRow(
    record_id="a",
    record_version="1",
    source="support_tickets",
    occurred_at=None,
    text="{",
    stage="extract",
    error_type="not_json",
    error_message="file.jsonl, line 7",
    run_id="r",
    processed_at=AT,
)


def test_each_column_of_the_table_is_a_part_of_the_row() -> None:
    own = {field.name for field in fields(QuarantineRow)} - {"service", "effort"}
    assert set(QUARANTINE_SCHEMA.names) <= own | UNREAD.service.columns().keys() | UNREAD.effort.columns().keys()
    assert own <= set(QUARANTINE_SCHEMA.names)


def test_what_was_never_asked_about_has_cost_nothing() -> None:
    (row,) = quarantine_table([UNREAD]).to_pylist()
    assert (row["error_type"], row["text"], row["processed_at"]) == ("not_json", "{", AT)
    assert (row["prompt_tokens"], row["cached_tokens"], row["cost_usd"], row["attempts"]) == (0, 0, 0.0, 0)
    assert {row[name] for name in ("occurred_at", "raw_output", "model", "mode", "endpoint")} == {None}


def test_what_was_paid_all_the_same_stands_in_the_row() -> None:
    held = QuarantineRow(**{**vars(UNREAD), "effort": Effort(Usage(10, 1), None, 3), "service": Service("online")})
    (row,) = quarantine_table([held]).to_pylist()
    assert (row["prompt_tokens"], row["cached_tokens"], row["cost_usd"], row["attempts"]) == (10, 1, None, 3)
    assert row["mode"] == "online"
    assert quarantine_table([]).schema == QUARANTINE_SCHEMA
