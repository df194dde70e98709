"""`memory`: how much a shard needs at its peak, and that ten times the rows need no more."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import measuring
from tests.bench.measuring import Line, Measured, Options, tell
from tests.bench.workload import write_shards
from tests.fault_server import Plan

_CHARACTERS = 200
_IN_FLIGHT = 64


def run(options: Options) -> Iterator[Line]:
    """A shard of 20,000 records and one of 200,000, each in a new process, at a server that answers at once."""
    few, many = (50, 500) if options.quick else (20_000, 200_000)
    peaks = {rows: _measure(rows) for rows in (few, many)}
    for rows, taken in peaks.items():
        yield {
            "bench": "memory",
            "metric": "peak_mb",
            "value": round(taken.peak_mb, 1),
            "unit": "MB",
            "rows": rows,
            "delivered": taken.rows,
            "in_flight": _IN_FLIGHT,
            "characters": _CHARACTERS,
            "seconds": round(taken.seconds, 1),
        }
    yield {
        "bench": "memory",
        "metric": "peak_ratio",
        "value": round(peaks[many].peak_mb / peaks[few].peak_mb, 3),
        "unit": f"{many} rows over {few}",
        "rows": many,
    }


def _measure(rows: int) -> Measured:
    tell(f"memory: {rows} rows")
    with tempfile.TemporaryDirectory() as folder, measuring.bench_server(Plan()) as server:
        write_shards(Path(folder), server.base_url, rows, characters=_CHARACTERS)
        return measuring.run_clients(
            "nightshift",
            [
                {
                    "base_url": server.base_url,
                    "folder": folder,
                    "in_flight": _IN_FLIGHT,
                    "rows": rows,
                    "core": measuring.cores()[0][0],
                    **measuring.FAR_LIMITS,
                }
            ],
        )[0]
