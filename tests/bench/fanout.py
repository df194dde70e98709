"""Rows a second and CPU a row, from Parquet to Parquet through the whole shard task, beside loops around the SDK."""

import statistics
from collections.abc import Iterator
from typing import Any

from tests.bench.line import Line, Settings
from tests.bench.peers import PEERS, peer_python
from tests.bench.processes import CLIENT_CORE, run_clients, run_shards
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer

LATENCY_SECONDS = (0.05, 0.1)
# Far away, so that the limiter works but nobody waits.
FAR_AWAY = {"requests_per_minute": 6e6, "tokens_per_minute": 6e9}
REPEATS = 3
LOOPS = ("bare_aiohttp_pydantic", "openai_aiohttp_loop", "openai_httpx_loop")
# Slower clients get fewer rows, so that each takes some seconds.
ROWS = {"nightshift": 12_000, "bare_aiohttp_pydantic": 12_000}
ROWS_OF_OTHERS = 2_000


def run(settings: Settings) -> Iterator[Line]:
    """At 64 and 400 in flight; then two shards side by side."""
    with FaultServer(Plan(latency_seconds=LATENCY_SECONDS), process=True) as server:
        for in_flight in (64, 400):
            yield from _compare(server, in_flight, settings)
        yield _two_shards(server, settings)


def _compare(server: FaultServer, in_flight: int, settings: Settings) -> Iterator[Line]:
    names = ["nightshift", *LOOPS, *(PEERS if settings.with_peers else ())]
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    # In turns, so that a busy machine hurts all alike.
    for _ in range(1 if settings.is_quick else REPEATS):
        for name in names:
            measured[name].append(_measure(server, name, in_flight, settings))
    median = {
        name: {
            "rows_per_second": statistics.median(result["rows"] / result["seconds"] for result in results),
            "cpu_ms_per_row": statistics.median(1000 * result["cpu_seconds"] / result["rows"] for result in results),
        }
        for name, results in measured.items()
    }
    shown = {"in_flight": in_flight, "latency_ms": [1000 * s for s in LATENCY_SECONDS], "processes": 1}
    for name in names[1:]:
        for metric, unit in (("rows_per_second", "rows/s"), ("cpu_ms_per_row", "ms")):
            yield Line("fanout", metric, median["nightshift"][metric], unit, shown, name, median[name][metric])


def _measure(server: FaultServer, name: str, in_flight: int, settings: Settings) -> dict[str, Any]:
    rows = 200 if settings.is_quick else ROWS.get(name, ROWS_OF_OTHERS)
    server.reset()
    if name == "nightshift":
        (result,) = run_shards(server.base_url, rows, in_flight=in_flight, is_pinned=True, **FAR_AWAY)
    else:
        own = {"base_url": server.base_url, "rows": rows, "in_flight": in_flight, "core": CLIENT_CORE}
        python, environ = peer_python(name) if name in PEERS else (None, {})
        (result,) = run_clients(name, [own], environ, python)
    if result["rows"] != rows:
        raise RuntimeError(f"{name} delivered {result['rows']} of {rows} rows")
    return result


def _two_shards(server: FaultServer, settings: Settings) -> Line:
    rows = 200 if settings.is_quick else 3_000
    speeds = []
    for processes in (1, 2):
        server.reset()
        results = run_shards(server.base_url, rows, processes, in_flight=64, **FAR_AWAY)
        speeds.append(sum(result["rows"] for result in results) / max(result["seconds"] for result in results))
    shown = {"in_flight": 64, "processes": 2}
    return Line("fanout", "rows_per_second", speeds[1], "rows/s", shown, "one shard", speeds[0])
