"""`gauntlet`: more rows than the provider allows in a minute, and nobody has told us the limit, or told us wrong.

900 rows at a server that takes 600 a minute of the clock and answers the others with 429 and `Retry-After: 5`, from the
beginning of a minute on. Ideal: 900 delivered in little over 60 seconds.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import measuring, peers
from tests.bench.measuring import Line, Options, tell
from tests.bench.workload import write_shards
from tests.fault_server import Limit, Plan

ROWS, PER_MINUTE, RETRY_AFTER_SECONDS, IN_FLIGHT = 900, 600, 5.0, 64
LATENCY_SECONDS = (0.05, 0.1)
_UNCONFIGURED = "not configured"
# By metric: value and unit.
Figures = dict[str, tuple[float, str]]


def run(options: Options) -> Iterator[Line]:
    """With our limit not configured and with twice the real one, from one process and from four; others' from one."""
    cases: tuple[tuple[int | None, int], ...] = ((None, 1), (None, 4), (2 * PER_MINUTE, 1), (2 * PER_MINUTE, 4))
    alone: Figures = {}
    for configured, processes in cases[::3] if options.quick else cases:
        figures, setting = _measure("nightshift", configured, processes, options)
        alone = alone or figures
        yield from _lines(figures, {**setting, **{metric: value for metric, (value, _) in figures.items()}})
    environments = peers.environments(options)
    for name in (
        ("openai_aiohttp_loop",) if options.quick else ("openai_aiohttp_loop", "openai_httpx_loop", *environments)
    ):
        theirs, setting = _measure(name, None, 1, options, environments.get(name))
        yield from _lines(alone, {**setting, "peer": name}, theirs)


def _measure(
    name: str,
    configured: int | None,
    processes: int,
    options: Options,
    environment: peers.Environment | None = None,
) -> tuple[Figures, Line]:
    """What a client delivered, and what it was told."""
    rows = 16 if options.quick else ROWS
    per_window = 12 if options.quick else PER_MINUTE
    limit = Limit(
        requests=per_window,
        per_seconds=2.0 if options.quick else 60.0,
        window="fixed",
        retry_after_seconds=1.0 if options.quick else RETRY_AFTER_SECONDS,
    )
    tell(f"gauntlet: {name}, limit {configured or _UNCONFIGURED}, {processes} processes")
    plan = Plan(limits=(limit,), latency_seconds=LATENCY_SECONDS)
    with tempfile.TemporaryDirectory() as folder, measuring.bench_server(plan) as server:
        if name == "nightshift":
            write_shards(Path(folder), server.base_url, rows // processes, processes)
        settings: dict[str, Any] = {
            "base_url": server.base_url,
            "folder": folder,
            "in_flight": IN_FLIGHT,
            "rows": rows // processes,
            "requests_per_minute": configured,
        }
        client_cores, _ = measuring.cores()
        taken = measuring.run_clients(
            name,
            [
                {**settings, "shard": number, "core": client_cores[number % len(client_cores)]}
                for number in range(processes)
            ],
            lambda: _next_window(limit.per_seconds),
            environment.environ if environment else None,
            environment.python if environment else None,
        )
        rejected = server.counters().rejected
    figures: Figures = {
        "delivered": (sum(each.rows for each in taken), "rows"),
        "rejected": (rejected, "calls"),
        "seconds": (round(max(each.seconds for each in taken), 1), "s"),
    }
    setting: Line = {
        "rows": rows,
        "processes": processes,
        "limit_per_minute": round(per_window * 60 / limit.per_seconds),
        "configured_per_minute": configured or _UNCONFIGURED,
        "in_flight": IN_FLIGHT,
    }
    return figures, setting


def _lines(figures: Figures, setting: Line, theirs: Figures | None = None) -> Iterator[Line]:
    for metric, (value, unit) in figures.items():
        line: Line = {"bench": "gauntlet", "metric": metric, "value": value, "unit": unit, **setting}
        if theirs:
            peer_value, _ = theirs[metric]
            line["peer_value"] = peer_value
            line["ratio"] = round(value / peer_value, 3) if peer_value else None
        yield line


def _next_window(span: float) -> float:
    """A moment just after a window of the clock begins."""
    return (time.time() // span + 1) * span + 0.05
