"""`raw/` knows which version of a record is the newest, and reads no more texts than it must."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.errors import RetryLater
from include.lake.paths import Lake, open_lake
from include.lake.raw_records import PULLED_AT, RawIndex, attribute_names, raw_schema, read_index
from include.lake.schema_evolution import conform
from include.lake.schemas import RAW_FIELDS
from include.lake.write import write_table
from include.pipelines.registry import load_pipeline

PIPELINE = load_pipeline("support_tickets")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in a folder."""
    return open_lake(str(tmp_path))


def row(record_id: str, version: str, **columns: Any) -> dict[str, Any]:
    """A record that was written, and changed, at noon unless `columns` say otherwise."""
    return {
        "record_id": record_id,
        "record_version": version,
        "source": "support_tickets",
        "occurred_at": NOON,
        "changed_at": NOON,
        "text": f"{record_id} {version}",
        **columns,
    }


def pull(lake: Lake, day: str, *rows: dict[str, Any], at: datetime = NOON, schema: pa.Schema | None = None) -> str:
    """Write what a run of a day pulled at some time."""
    path = f"{lake.root}/raw/support_tickets/run_date={day}/run.parquet"
    notes = {PULLED_AT: at.isoformat().encode()}
    write_table(
        lake,
        path,
        pa.Table.from_pylist(list(rows), schema=(schema or raw_schema(PIPELINE.attributes))).cast(
            (schema or raw_schema(PIPELINE.attributes)).with_metadata(notes)
        ),
    )
    return path


def newest(lake: Lake) -> list[tuple[str, str]]:
    """(record_id, record_version) of the newest version of each record."""
    index = read_index(lake, "support_tickets")
    return read(index, index.newest(np.ones(len(index.ids), dtype=np.bool_)))


def read(index: RawIndex, chosen: Any) -> list[tuple[str, str]]:
    """(record_id, record_version) of some rows."""
    rows = [row for table in index.read(chosen) for row in table.to_pylist()]
    return [(row["record_id"], row["record_version"]) for row in rows]


def test_the_version_that_changed_last_is_the_newest_wherever_it_lies(lake: Lake) -> None:
    pull(lake, "2026-11-20", row("a", "late", changed_at=NOON + HOUR), row("b", "1"))
    pull(lake, "2026-11-21", row("a", "early", changed_at=NOON), at=NOON + HOUR)
    assert newest(lake) == [("a", "late"), ("b", "1")]


def test_of_versions_of_one_time_the_one_that_was_pulled_last_is_the_newest(lake: Lake) -> None:
    pull(lake, "2026-11-21", row("a", "before"))
    # A backfill of an older day, made later.
    pull(lake, "2026-11-20", row("a", "after"), at=NOON + HOUR)
    assert newest(lake) == [("a", "after")]


def test_a_window_holds_what_changed_in_it_its_end_left_out(lake: Lake) -> None:
    pull(lake, "2026-11-20", row("start", "1"), row("end", "1", changed_at=NOON + HOUR))
    index = read_index(lake, "support_tickets")
    assert read(index, index.within(NOON, NOON + HOUR)) == [("start", "1")]


def test_a_file_of_before_there_was_a_time_of_change_goes_by_the_time_of_writing(lake: Lake) -> None:
    pull(lake, "2026-11-20", row("a", "1"), row("b", "1", occurred_at=NOON + HOUR), schema=pa.schema(RAW_FIELDS))
    index = read_index(lake, "support_tickets")
    assert read(index, index.within(NOON, NOON + HOUR)) == [("a", "1")]


def test_rows_come_from_the_row_groups_that_hold_them(lake: Lake) -> None:
    path = pull(lake, "2026-11-20", *(row(f"{number:05d}", "1") for number in range(25_000)))
    index = read_index(lake, "support_tickets")
    chosen = np.isin(np.arange(25_000), [3, 9_999, 10_000, 24_999])
    content = bytearray(Path(path).read_bytes())
    assert [record_id for record_id, _ in read(index, chosen)] == ["00003", "09999", "10000", "24999"]
    # Damage in the first row group: who wants nothing of it does not notice.
    content[60] ^= 0x10
    Path(path).write_bytes(content)
    with pytest.raises(RetryLater):
        read(index, chosen)
    chosen[:10_000] = False
    assert [record_id for record_id, _ in read(index, chosen)] == ["10000", "24999"]


def test_an_attribute_that_got_a_type_since_keeps_the_values_that_convert(lake: Lake) -> None:
    schema = raw_schema(PIPELINE.attributes, ["age"])
    pull(lake, "2026-11-20", row("a", "1", attr_age="41"), row("b", "1", attr_age="old"), schema=schema)
    index = read_index(lake, "support_tickets")
    everything = np.ones(2, dtype=np.bool_)
    assert "age" in attribute_names(index.schemas(everything))
    typed = pa.schema([pa.field("record_id", pa.string()), pa.field("attr_age", pa.int64())])
    (rows,) = index.read(everything)
    assert conform(rows, typed).to_pydict() == {"record_id": ["a", "b"], "attr_age": [41, None]}


def test_a_lake_without_raw_has_an_empty_index(lake: Lake) -> None:
    assert newest(lake) == []
