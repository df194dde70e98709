"""`reuse`: what it costs to find the answers that are already paid for among a million published rows."""

import dataclasses
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from include.lake.columns import SERVICE_COLUMNS
from include.lake.effort import Usage
from include.lake.paths import Lake, open_lake
from include.lake.schemas import RUNS_SCHEMA, results_schema
from include.lake.write import write_table
from tests.bench.measuring import ROOT, Line, Options, tell
from tests.bench.question import MODEL, Form, texts

PIPELINE = "app_store_reviews"
# What `current` and `results` hold of a review beside the answer.
ATTRIBUTES = [pa.field("attr_app_version", pa.string()), pa.field("attr_rating", pa.int64())]
_DIFFERENT_TEXTS = 5_000
_FIRST_NIGHT = date(2026, 1, 1)


def run(options: Options) -> Iterator[Line]:
    """10,000 wanted keys, none or one in ten of them there, at 100,000 and at 1,000,000 rows in 200 nightly files.

    None is there on most nights. Those that are there lie in all files, which is the worst that can happen.
    """
    sizes, nights, wanted = ((200, 2_000), 4, 20) if options.quick else ((100_000, 1_000_000), 200, 10_000)
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            tell(f"reuse: writing {rows} rows")
            keys = _write_lake(open_lake(folder), rows, nights)
            for hits in (0, wanted // 10):
                tell(f"reuse: looking {wanted} keys up among {rows} rows, which hold {hits} of them")
                (Path(folder) / "wanted").write_text("\n".join(_wanted(keys, wanted, hits)))
                yield from _lines(_look_up(folder), {"lake_rows": rows, "files": nights, "wanted": wanted})


def _lines(found: dict[str, float], settings: dict[str, int]) -> Iterator[Line]:
    for metric, unit, value in (
        ("lookup_seconds", "s", found["seconds"]),
        ("first_lookup_seconds", "s", found["first_seconds"]),
        ("lookup_bytes", "bytes", found["bytes"]),
    ):
        yield {
            "bench": "reuse",
            "metric": metric,
            "value": value,
            "unit": unit,
            **settings,
            **{name: found[name] for name in ("found", "lake_bytes", "peak_mb")},
        }


def _write_lake(lake: Lake, rows: int, nights: int) -> list[str]:
    chance = np.random.default_rng(0)
    schema = results_schema(Form, ATTRIBUTES)
    some_texts = pa.array(list(texts(_DIFFERENT_TEXTS, 200)))
    keys: list[str] = []
    for night in range(nights):
        count = rows // nights
        own = chance.bytes(32 * count).hex()
        own_keys = [own[64 * n : 64 * (n + 1)] for n in range(count)]
        keys += own_keys
        table = a_night(schema, some_texts, own_keys, _FIRST_NIGHT + timedelta(days=night), chance)
        path = lake.run_file("runs", PIPELINE, _FIRST_NIGHT + timedelta(days=night), f"n{night}")
        write_table(lake, lake.beside(path, "results"), table)
        row = {"run_id": f"n{night}", "run_key": f"n{night}", "pipeline": PIPELINE}
        write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))
    return keys


def a_night(
    schema: pa.Schema, some_texts: pa.Array, keys: list[str], night: date, chance: np.random.Generator
) -> pa.Table:
    """Published rows with these answer keys, all of one moment."""
    rows = len(keys)
    moment = datetime(night.year, night.month, night.day, 3, tzinfo=UTC)
    numbers = pa.array([f"{night}-{n}" for n in range(rows)])
    constant = {
        "record_version": "1",
        "source": PIPELINE,
        "occurred_at": moment,
        "attr_app_version": "4.2.0",
        "attr_rating": 3,
        "sentiment": "negative",
        "topic": "crash",
        "severity": 3,
        "summary": "The app ends when the cart is opened.",
        "model": MODEL,
        "prompt_version": "v1",
        "prompt_hash": "0" * 16,
        "reused": False,
        **dataclasses.asdict(Usage(200, 0, 40)),
        "cost_usd": 0.0001,
        "attempts": 1,
        "run_id": f"scheduled__{night}",
        "processed_at": moment,
    }
    columns: dict[str, pa.Array] = {
        "record_id": numbers,
        "source_url": pa.nulls(rows, pa.string()),
        "text": some_texts.take(pa.array(chance.integers(0, len(some_texts), rows))),
        "answer_key": pa.array(keys),
        "latency_ms": pa.array(chance.integers(300, 3_000, rows)),
        **{name: pa.nulls(rows, pa.string()) for name in SERVICE_COLUMNS},
    }
    for name, value in constant.items():
        columns[name] = pa.repeat(pa.scalar(value, schema.field(name).type), rows)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _wanted(keys: list[str], count: int, hits: int) -> list[str]:
    step = len(keys) // hits if hits else len(keys)
    misses = (hashlib.sha256(f"new {number}".encode()).hexdigest() for number in range(count - hits))
    return [*keys[::step][:hits], *misses]


def _look_up(folder: str) -> dict[str, float]:
    # In a process of its own, because its memory counts.
    command = [sys.executable, "-m", "tests.bench.lookup", folder]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found
