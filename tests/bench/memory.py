"""Peak memory of a shard, which must not grow with its rows."""

from collections.abc import Iterator

from tests.bench.line import Line, Settings
from tests.bench.processes import run_shards
from tests.fault_server.running import FaultServer


def run(settings: Settings) -> Iterator[Line]:
    """Of 20,000 and of 200,000 short texts, each in a process of its own."""
    small, large = (200, 1_000) if settings.is_quick else (20_000, 200_000)
    with FaultServer(process=True) as server:
        peaks = []
        for rows in (small, large):
            server.reset()
            (result,) = run_shards(server.base_url, rows, characters=200, is_pinned=True, in_flight=64)
            peaks.append(result["peak_mb"])
            shown = {"rows": rows, "rows_per_second": round(result["rows"] / result["seconds"])}
            peer = (f"{small} rows", peaks[0]) if len(peaks) == 2 else (None, None)
            yield Line("memory", "peak_mb", peaks[-1], "MB", shown, *peer)
