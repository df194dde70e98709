"""`current/` holds one row per record: its newest production answer."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from include.errors import RetryLater
from include.lake.current import update_current
from include.lake.paths import Lake, open_lake
from include.lake.read import read_table
from include.lake.schemas import results_schema
from include.lake.write import write_table
from tests.llm.asking import Answer

SCHEMA = results_schema(Answer, [pa.field("attr_rating", pa.int64())])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in a folder."""
    return open_lake(str(tmp_path))


def row(
    record_id: str, summary: str, *, day: int = 1, month: int = 11, run_id: str = "r1", hour: int = 1
) -> dict[str, Any]:
    """A published row; `hour` is when it was answered."""
    return {
        "record_id": record_id,
        "record_version": "1",
        "source": "x",
        "occurred_at": datetime(2026, month, day, tzinfo=UTC),
        "text": "t",
        "attr_rating": 5,
        "mood": "good",
        "summary": summary,
        "quote": "t",
        "run_id": run_id,
        "processed_at": datetime(2026, 11, 20, hour, tzinfo=UTC),
    }


def publish(lake: Lake, *rows: dict[str, Any], replaces: str | None = None) -> list[str]:
    """Commit rows to `results/` and update `current/`."""
    run_id = rows[0]["run_id"] if rows else replaces or "r0"
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    write_table(lake, f"{lake.root}/results/x/run_date=2026-11-20/{run_id}.parquet", table)
    return update_current(lake, "x", table, [run_id])


def current(lake: Lake) -> dict[str, str]:
    """What an analyst reads: record id to summary."""
    frame = pd.read_parquet(f"{lake.root}/current/x")
    assert frame["record_id"].is_unique
    return dict(zip(frame["record_id"], frame["summary"], strict=True))


def test_a_newer_answer_replaces_an_older_one(lake: Lake) -> None:
    publish(lake, row("a", "old"), row("b", "kept"))
    publish(lake, row("a", "new", run_id="r2", hour=2))
    assert current(lake) == {"a": "new", "b": "kept"}


def test_an_older_answer_does_not_replace_a_newer_one(lake: Lake) -> None:
    publish(lake, row("a", "new", run_id="r2", hour=2))
    publish(lake, row("a", "old", run_id="r1", hour=1))
    assert current(lake) == {"a": "new"}


def test_a_record_that_moves_to_another_month_leaves_its_old_one(lake: Lake) -> None:
    publish(lake, row("a", "october", month=10), row("b", "october", month=10))
    publish(lake, row("a", "november", run_id="r2", hour=2))
    assert current(lake) == {"a": "november", "b": "october"}


def test_a_month_that_loses_its_last_record_disappears(lake: Lake) -> None:
    publish(lake, row("a", "october", month=10))
    publish(lake, row("a", "november", run_id="r2", hour=2))
    assert current(lake) == {"a": "november"}
    assert [path.name for path in Path(lake.root, "current/x").iterdir() if any(path.iterdir())] == [
        "occurred_month=2026-11"
    ]


def test_untouched_months_are_not_rewritten(lake: Lake) -> None:
    publish(lake, row("a", "october", month=10))
    assert publish(lake, row("b", "november", run_id="r2")) == [lake.current_file("x", "2026-11")]


def test_the_same_run_again_changes_no_byte(lake: Lake) -> None:
    publish(lake, row("a", "one"), row("b", "two"))
    before = Path(lake.current_file("x", "2026-11")).read_bytes()
    assert publish(lake, row("a", "one"), row("b", "two")) == []
    assert Path(lake.current_file("x", "2026-11")).read_bytes() == before


def test_a_row_that_a_run_takes_back_gives_way_to_the_one_before(lake: Lake) -> None:
    publish(lake, row("a", "first"), row("b", "first"))
    publish(lake, row("a", "second", run_id="r2", hour=2), row("b", "second", run_id="r2", hour=2))
    publish(lake, row("b", "second", run_id="r2", hour=2))
    assert current(lake) == {"a": "first", "b": "second"}


def test_a_flipped_bit_is_an_error_not_a_wrong_value(lake: Lake) -> None:
    publish(lake, *(row(f"record-{number}", "summary") for number in range(200)))
    path = Path(lake.current_file("x", "2026-11"))
    content = bytearray(path.read_bytes())
    content[60] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(RetryLater, match="cannot be read"):
        read_table(lake, str(path))


def test_a_month_that_nothing_touches_is_not_even_read(lake: Lake) -> None:
    publish(lake, *(row(f"record-{number}", "october", month=10) for number in range(200)))
    path = Path(lake.current_file("x", "2026-10"))
    content = bytearray(path.read_bytes())
    # The texts of October are damaged; only who reads them notices.
    at = content.index(b"october")
    content[at] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(RetryLater):
        read_table(lake, str(path))
    publish(lake, row("a", "november", run_id="r2"))
    assert pd.read_parquet(lake.current_file("x", "2026-11"))["summary"].tolist() == ["november"]


def test_a_new_attribute_is_a_column_of_every_month(lake: Lake) -> None:
    publish(lake, row("a", "october", month=10))
    wider = results_schema(Answer, [pa.field("attr_rating", pa.int64()), pa.field("attr_colour", pa.string())])
    table = pa.Table.from_pylist([{**row("b", "november", run_id="r2"), "attr_colour": "red"}], schema=wider)
    update_current(lake, "x", table, ["r2"])
    colours = pd.read_parquet(f"{lake.root}/current/x").set_index("record_id")["attr_colour"]
    assert colours["b"] == "red"
    assert pd.isna(colours["a"])


def test_an_attribute_that_got_a_type_does_not_stop_the_publish(lake: Lake) -> None:
    untyped = results_schema(Answer, [pa.field("attr_rating", pa.string())])
    old = pa.Table.from_pylist([{**row("a", "old"), "attr_rating": "4"}], schema=untyped)
    update_current(lake, "x", old, ["r1"])
    publish(lake, row("b", "new", run_id="r2"))
    ratings = pd.read_parquet(f"{lake.root}/current/x").set_index("record_id")["attr_rating"]
    assert ratings.to_dict() == {"a": 4, "b": 5}


def test_a_month_of_many_row_groups_stays_in_the_order_of_its_records(lake: Lake) -> None:
    publish(lake, *(row(f"{number:05d}", "old") for number in range(0, 50_000, 2)))
    newer = [row(f"{number:05d}", "new", run_id="r2", hour=2) for number in (0, 1, 19_999, 20_000, 49_998, 60_000)]
    publish(lake, *newer)
    frame = pd.read_parquet(lake.current_file("x", "2026-11"))
    assert frame["record_id"].is_monotonic_increasing
    assert len(frame) == 25_000 + 3
    assert set(frame[frame["summary"] == "new"]["record_id"]) == {changed["record_id"] for changed in newer}


def test_a_sub_field_that_changes_its_type_costs_the_earlier_rows_nothing_else(lake: Lake) -> None:
    def published(record_id: str, run_id: str, level: pa.DataType, value: object) -> None:
        feedback = pa.field("feedback", pa.list_(pa.struct([("summary", pa.string()), ("level", level)])))
        answered = {**row(record_id, "s", run_id=run_id), "feedback": [{"summary": record_id, "level": value}]}
        update_current(lake, "x", pa.Table.from_pylist([answered], schema=SCHEMA.append(feedback)), [run_id])

    published("a", "r1", pa.string(), "low")
    published("b", "r2", pa.int64(), 3)
    rows = read_table(lake, lake.current_file("x", "2026-11"))
    assert rows["feedback"].to_pylist() == [[{"summary": "a", "level": None}], [{"summary": "b", "level": 3}]]
