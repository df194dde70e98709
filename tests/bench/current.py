"""`current`: what a publish of 1,000 rows costs beside a month of a million, by process time."""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from include.lake.current import update_current
from include.lake.paths import Lake, open_lake
from include.lake.schemas import UTC_TIME, results_schema
from include.lake.write import write_table
from tests.bench.measuring import Line, Options, tell
from tests.bench.question import Form, texts
from tests.bench.reuse import ATTRIBUTES, PIPELINE, a_night

_MONTH = date(2026, 11, 1)
_DAYS = 30


def run(options: Options) -> Iterator[Line]:
    """Rows of one day and of three, into an empty lake and beside a month of one file a day."""
    rows, beside = (20, 300) if options.quick else (1_000, 1_000_000)
    for name, size in (("empty", 0), ("month", beside)):
        with tempfile.TemporaryDirectory() as folder:
            lake = open_lake(folder)
            if size:
                tell(f"current: writing a month of {size} rows")
                _publish(lake, "month", size, _DAYS)
            for days in (1, 3):
                took, files = _publish(lake, f"night-{days}", rows, days)
                yield {
                    "bench": "current", "metric": "cpu_seconds", "value": round(took, 2), "unit": "s",
                    "lake": name, "beside": size, "rows": rows, "files_written": files,
                }  # fmt: skip


def _publish(lake: Lake, run_id: str, rows: int, days: int) -> tuple[float, int]:
    chance = np.random.default_rng(rows + days)
    own = chance.bytes(32 * rows).hex()
    keys = [own[64 * n : 64 * (n + 1)] for n in range(rows)]
    schema = results_schema(Form, ATTRIBUTES)
    table = a_night(schema, pa.array(list(texts(1_000, 200))), keys, _MONTH, chance)
    first = datetime(_MONTH.year, _MONTH.month, _MONTH.day, 3, tzinfo=UTC)
    moments = [first + timedelta(days=int(day)) for day in chance.integers(0, days, rows)]
    columns = {
        "record_id": pa.array([f"{run_id}-{key[:16]}" for key in keys]),
        "occurred_at": pa.array(moments, UTC_TIME),
        "run_id": pa.array([run_id] * rows),
    }
    for name, values in columns.items():
        table = table.set_column(schema.get_field_index(name), schema.field(name), values)
    path = lake.run_file("results", PIPELINE, _MONTH, run_id)
    write_table(lake, path, table)
    before = time.process_time()
    written = update_current(lake, PIPELINE, path, [run_id])
    return time.process_time() - before, len(written)
