"""What it costs to find paid answers in a large lake."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from include.lake.answer_index import write_index
from include.lake.paid_answers import paid_answers
from include.lake.paths import Lake, open_lake
from include.lake.schemas import results_schema
from include.lake.write import write_table
from tests.bench.form import Form
from tests.bench.line import Line, Settings

RUNS, WANTED, HIT_SHARE = 100, 10_000, 0.1


def run(settings: Settings) -> Iterator[Line]:
    """A million published rows, 10,000 texts of which a tenth are known."""
    rows = 10_000 if settings.is_quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        lake = open_lake(folder)
        for number in range(RUNS):
            _publish(lake, number, rows // RUNS)
        known = [_key(number) for number in range(0, rows, max(rows // int(WANTED * HIT_SHARE), 1))]
        new = [_key(-1 - number) for number in range(WANTED - len(known))]
        for texts, wanted in (("all new", new), ("a tenth known", [*known, *new])):
            started = time.monotonic()
            found = paid_answers(lake, "app_store_reviews", Form, set(wanted), "", "", datetime.now(UTC))
            seconds = time.monotonic() - started
            expected = len(known) if texts != "all new" else 0
            if len(found) != expected:
                raise RuntimeError(f"{len(found)} answers were found instead of {expected}")
            shown = {"lake_rows": rows, "wanted": len(wanted), "found": len(found), "texts": texts, "runs": RUNS}
            yield Line("reuse", "lookup_seconds", seconds, "s", shown)
        size = sum(info["size"] for info in lake.fs.find(f"{folder}/_index", detail=True).values())
        yield Line("reuse", "index_mb", size / 1e6, "MB", {"lake_rows": rows})


def _key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _publish(lake: Lake, number: int, rows: int) -> None:
    schema = results_schema(Form, [])
    ids = [str(number * rows + row) for row in range(rows)]
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
    columns = {
        "record_id": ids,
        "text": [f"Text {identity} of a customer who says something about the app." for identity in ids],
        "answer_key": [_key(int(identity)) for identity in ids],
        "reused": np.zeros(rows, dtype=bool),
    }
    constant = {
        "record_version": "1",
        "source": "app_store_reviews",
        "occurred_at": moment,
        "processed_at": moment,
        "sentiment": "positive",
        "topic": "other",
        "severity": 1,
        "summary": "It says something.",
        "model": "bench-model",
        "prompt_version": "v1",
        "prompt_hash": "0" * 16,
        "prompt_tokens": 200,
        "cached_tokens": 0,
        "completion_tokens": 40,
        "attempts": 1,
        "latency_ms": 80,
        "cost_usd": 0.0001,
        "run_id": str(number),
        "source_url": None,
    }
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.repeat(pa.scalar(constant[field.name], field.type), rows)
        for field in schema
    ]
    path = lake.run_file("results", "app_store_reviews", date(2026, 1, 1) + timedelta(days=number), f"run-{number:04d}")
    write_table(lake, path, pa.Table.from_arrays(arrays, schema=schema))
    write_index(lake, path)
