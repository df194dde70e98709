"""What the tests of `current/` publish, and what an analyst then reads."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.current import update_current
from include.lake.paths import Lake
from include.lake.schemas import results_schema
from include.lake.write import write_table
from tests.lake.tables import read_tables
from tests.llm.asking import Answer

SCHEMA = results_schema(Answer, [pa.field("attr_rating", pa.int64())])


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


def publish(lake: Lake, *rows: dict[str, Any], replaces: str | None = None, schema: pa.Schema = SCHEMA) -> list[str]:
    """Commit rows to `results/` and update `current/`."""
    run_id = rows[0]["run_id"] if rows else replaces or "r0"
    path = f"{lake.root}/results/x/run_date=2026-11-20/{run_id}.parquet"
    write_table(lake, path, pa.Table.from_pylist(list(rows), schema=schema))
    return update_current(lake, "x", path, [run_id])


def current(lake: Lake) -> dict[str, str]:
    """What an analyst reads: record id to summary."""
    frame = pd.read_parquet(f"{lake.root}/current/x")
    assert frame["record_id"].is_unique
    return dict(zip(frame["record_id"], frame["summary"], strict=True))


def join_months(lake: Lake, pipeline: str = "x") -> None:
    """Make of the day files what the version before had: one file a month, in the order of record ids, and no index."""
    for month in Path(lake.root, "current", pipeline).iterdir():
        days = sorted(month.glob("part-*.parquet"))
        rows = read_tables(lake, [str(day) for day in days])
        assert rows is not None
        pq.write_table(rows.sort_by("record_id"), month / "part.parquet")
        for path in (*days, Path(lake.current_ids(pipeline, month.name[-7:]))):
            path.unlink()
