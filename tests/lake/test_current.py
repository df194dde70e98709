"""`current/` holds one row per record: its newest production answer."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from include.errors import RetryLater
from include.lake.paths import Lake, open_lake
from include.lake.read import read_table
from include.lake.schemas import results_schema
from tests.lake.publishing import SCHEMA, current, publish, row
from tests.llm.asking import Answer


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in a folder."""
    return open_lake(str(tmp_path))


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
    assert publish(lake, row("b", "november", run_id="r2")) == [lake.current_file("x", "2026-11-01")]


def test_the_same_run_again_changes_no_byte(lake: Lake) -> None:
    publish(lake, row("a", "one"), row("b", "two"))
    before = Path(lake.current_file("x", "2026-11-01")).read_bytes()
    assert publish(lake, row("a", "one"), row("b", "two")) == []
    assert Path(lake.current_file("x", "2026-11-01")).read_bytes() == before


def test_a_row_that_a_run_takes_back_gives_way_to_the_one_before(lake: Lake) -> None:
    publish(lake, row("a", "first"), row("b", "first"))
    publish(lake, row("a", "second", run_id="r2", hour=2), row("b", "second", run_id="r2", hour=2))
    publish(lake, row("b", "second", run_id="r2", hour=2))
    assert current(lake) == {"a": "first", "b": "second"}


def test_a_flipped_bit_is_an_error_not_a_wrong_value(lake: Lake) -> None:
    publish(lake, *(row(f"record-{number}", "summary") for number in range(200)))
    path = Path(lake.current_file("x", "2026-11-01"))
    content = bytearray(path.read_bytes())
    content[60] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(RetryLater, match="cannot be read"):
        read_table(lake, str(path))


def test_a_month_that_nothing_touches_is_not_even_read(lake: Lake) -> None:
    publish(lake, *(row(f"record-{number}", "october", month=10) for number in range(200)))
    path = Path(lake.current_file("x", "2026-10-01"))
    content = bytearray(path.read_bytes())
    # The texts of October are damaged; only who reads them notices.
    at = content.index(b"october")
    content[at] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(RetryLater):
        read_table(lake, str(path))
    publish(lake, row("a", "november", run_id="r2"))
    assert pd.read_parquet(lake.current_file("x", "2026-11-01"))["summary"].tolist() == ["november"]


def test_a_new_attribute_is_a_column_of_every_month(lake: Lake) -> None:
    publish(lake, row("a", "october", month=10))
    wider = results_schema(Answer, [pa.field("attr_rating", pa.int64()), pa.field("attr_colour", pa.string())])
    publish(lake, {**row("b", "november", run_id="r2"), "attr_colour": "red"}, schema=wider)
    colours = pd.read_parquet(f"{lake.root}/current/x").set_index("record_id")["attr_colour"]
    assert colours["b"] == "red"
    assert pd.isna(colours["a"])


def test_an_attribute_that_got_a_type_does_not_stop_the_publish(lake: Lake) -> None:
    untyped = results_schema(Answer, [pa.field("attr_rating", pa.string())])
    publish(lake, {**row("a", "old"), "attr_rating": "4"}, schema=untyped)
    publish(lake, row("b", "new", run_id="r2"))
    ratings = pd.read_parquet(f"{lake.root}/current/x").set_index("record_id")["attr_rating"]
    assert ratings.to_dict() == {"a": 4, "b": 5}


def test_a_month_of_many_row_groups_stays_in_the_order_of_its_records(lake: Lake) -> None:
    publish(lake, *(row(f"{number:05d}", "old") for number in range(0, 50_000, 2)))
    newer = [row(f"{number:05d}", "new", run_id="r2", hour=2) for number in (0, 1, 19_999, 20_000, 49_998, 60_000)]
    publish(lake, *newer)
    frame = pd.read_parquet(lake.current_file("x", "2026-11-01"))
    assert frame["record_id"].is_monotonic_increasing
    assert len(frame) == 25_000 + 3
    assert set(frame[frame["summary"] == "new"]["record_id"]) == {changed["record_id"] for changed in newer}


def test_a_sub_field_that_changes_its_type_costs_the_earlier_rows_nothing_else(lake: Lake) -> None:
    def published(record_id: str, run_id: str, level: pa.DataType, value: object) -> None:
        feedback = pa.field("feedback", pa.list_(pa.struct([("summary", pa.string()), ("level", level)])))
        answered = {**row(record_id, "s", run_id=run_id), "feedback": [{"summary": record_id, "level": value}]}
        publish(lake, answered, schema=SCHEMA.append(feedback))

    published("a", "r1", pa.string(), "low")
    published("b", "r2", pa.int64(), 3)
    rows = read_table(lake, lake.current_file("x", "2026-11-01"))
    assert rows["feedback"].to_pylist() == [[{"summary": "a", "level": None}], [{"summary": "b", "level": 3}]]
