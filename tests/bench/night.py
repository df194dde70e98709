"""`night`: process time and peak memory of every stage of one run, from a Parquet file to the report.

The server answers at once and its time is not counted; each stage has a process of its own, as it has in Airflow, whose
start and imports count. All shards are answered in one process, one after the other.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.lake.paths import open_lake
from tests.bench import measuring
from tests.bench.measuring import ROOT, Line, Options, tell
from tests.bench.sources import write_parquet
from tests.bench.stage import PIPELINE, STAGES
from tests.fault_server import Plan
from tests.lake.tables import read_tables

SIZES = (10_000, 100_000)


def run(options: Options) -> Iterator[Line]:
    """Nights of so many records, each into a lake of its own, and how much more the largest needs than the smallest."""
    sizes = options.rows or ((60, 300) if options.quick else SIZES)
    peaks: dict[int, dict[str, float]] = {}
    for rows in sizes:
        taken = _measure(rows)
        peaks[rows] = {stage: of_stage["peak_mb"] for stage, of_stage in taken.items()}
        for stage, of_stage in taken.items():
            yield _line("peak_mb", of_stage["peak_mb"], "MB", rows, stage=stage)
            yield _line("cpu_seconds", of_stage["cpu_seconds"], "s", rows, stage=stage)
        total = sum(of_stage["cpu_seconds"] for of_stage in taken.values())
        yield _line("records_per_second", rows / total, "records/s of process time", rows, cpu_seconds=round(total, 1))
    few, many = min(sizes), max(sizes)
    for stage in STAGES if few < many else ():
        yield _line("peak_ratio", peaks[many][stage] / peaks[few][stage], f"{many} rows over {few}", many, stage=stage)


def _line(metric: str, value: float, unit: str, rows: int, **more: Any) -> Line:
    return {"bench": "night", "metric": metric, "value": round(value, 2), "unit": unit, "rows": rows, **more}


def _measure(rows: int) -> dict[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, measuring.bench_server(Plan()) as server:
        source, _ = write_parquet(Path(folder), rows)
        settings = json.dumps({"folder": folder, "base_url": server.base_url, "source": source})
        taken = {stage: _stage(stage, settings, rows) for stage in STAGES}
        check_lake(folder, rows)
    return taken


def _stage(stage: str, settings: str, rows: int) -> dict[str, Any]:
    tell(f"night: {stage} of {rows} records")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.stage", stage, settings],
        cwd=ROOT,
        env={**os.environ, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    taken: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return taken


def check_lake(folder: str, rows: int) -> None:
    """Every record has one row in `results/` and in `current/`, and the run says so.

    Raises:
        RuntimeError: it is otherwise.
    """
    lake = open_lake(f"{folder}/lake")
    for table in ("results", "current"):
        found = read_tables(lake, lake.files(table, PIPELINE), ["record_id"])
        ids = [] if found is None else found["record_id"].to_pylist()
        if sorted(ids) != sorted(f"r-{number}" for number in range(rows)):
            raise RuntimeError(f"{table} has {len(ids)} rows, {len(set(ids))} records of {rows}")
    runs = read_tables(lake, lake.files("runs", PIPELINE), ["purpose", "extracted", "published", "state"])
    # Canaries have a row of their own.
    nights = [] if runs is None else [row for row in runs.to_pylist() if row["purpose"] == "night"]
    expected = [{"purpose": "night", "extracted": rows, "published": rows, "state": "success"}]
    if nights != expected:
        raise RuntimeError(f"runs/ has {nights} instead of {expected}")
