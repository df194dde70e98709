"""`raw/`: normalised, redacted source records, and the queue of those that still wait for an outcome."""

from collections.abc import Iterable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake
from include.lake.read import read_tables
from include.lake.schemas import RAW_FIELDS
from include.pipelines.definition import Pipeline
from include.sources.record import Record

_ARROW_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def raw_schema(pipeline: Pipeline, others: Iterable[str] = ()) -> pa.Schema:
    """Schema of `raw/`: the system columns, then `attr_*` by name.

    Args:
        others: names of attributes that the pipeline does not declare; they are kept as text.
    """
    types = {name: pa.string() for name in others} | {name: _ARROW_TYPES[t] for name, t in pipeline.attributes.items()}
    return pa.schema([*RAW_FIELDS, *(pa.field(f"attr_{name}", types[name]) for name in sorted(types))])


def records_to_table(records: Iterable[Record], pipeline: Pipeline) -> pa.Table:
    """Records as a table in the schema of `raw/`, ordered by record id."""
    ordered = sorted(records, key=lambda record: record.record_id)
    schema = raw_schema(pipeline, {name for record in ordered for name in record.attributes})
    rows = [
        {
            "record_id": record.record_id,
            "record_version": record.record_version,
            "source": record.source,
            "source_url": record.source_url,
            "occurred_at": record.occurred_at,
            "text": record.text,
            **{f"attr_{name}": value for name, value in record.attributes.items()},
        }
        for record in ordered
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def read_raw(lake: Lake, pipeline: Pipeline, start: datetime | None, end: datetime | None) -> pa.Table:
    """The newest version of each record in `raw/` that occurred in [start, end)."""
    rows = read_tables(lake, lake.files("raw", pipeline.name))
    if rows is None:
        return raw_schema(pipeline).empty_table()
    rows = rows.append_column("_stored", pa.array(range(rows.num_rows)))
    rows = rows.sort_by([("record_id", "ascending"), ("occurred_at", "descending"), ("_stored", "descending")])
    ids = rows["record_id"].to_pylist()
    newest = [index for index, record_id in enumerate(ids) if index == 0 or ids[index - 1] != record_id]
    rows = rows.take(pa.array(newest, pa.int64())).drop_columns(["_stored"])
    if start is not None:
        rows = rows.filter(pc.greater_equal(rows["occurred_at"], pa.scalar(start, rows["occurred_at"].type)))
    if end is not None:
        rows = rows.filter(pc.less(rows["occurred_at"], pa.scalar(end, rows["occurred_at"].type)))
    return rows


def record_versions(lake: Lake, pipeline: str, but: str) -> set[tuple[str, str]]:
    """(record_id, record_version) of everything in `raw/` but one file."""
    rows = read_tables(
        lake, [path for path in lake.files("raw", pipeline) if path != but], ("record_id", "record_version")
    )
    if rows is None:
        return set()
    return set(zip(rows["record_id"].to_pylist(), rows["record_version"].to_pylist(), strict=True))
