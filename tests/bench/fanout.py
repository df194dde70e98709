"""`fanout`: rows a second and CPU a row of a whole shard task, beside other people's clients on the same questions."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import measuring, peers
from tests.bench.measuring import Line, Measured, Options, median, tell
from tests.bench.workload import write_shards
from tests.fault_server import FaultServer, Plan

LATENCY_SECONDS = (0.05, 0.1)
REPEATS = 3
# So that each takes about ten seconds; CPU a row hardly depends on it.
_ROWS = {
    "nightshift": 20_000,
    "bare_aiohttp_pydantic": 20_000,
    "openai_aiohttp_loop": 4_000,
    "openai_httpx_loop": 2_000,
}
_PEER_ROWS = 2_000


def run(options: Options) -> Iterator[Line]:
    """At 64 and at 400 in flight; then two shards beside one; then, if asked for, where the time goes."""
    for in_flight in (8,) if options.quick else (64, 400):
        yield from _clients(options, in_flight)
    yield from _two_shards(options)
    if options.profile:
        yield from _profile(options)


def _clients(options: Options, in_flight: int) -> Iterator[Line]:
    environments = peers.environments(options)
    names = [*_ROWS, *environments]
    measured: dict[str, list[Measured]] = {name: [] for name in names}
    with measuring.bench_server(Plan(latency_seconds=LATENCY_SECONDS)) as server:
        # Taken in turn, so that a machine that is busy for a while hurts all alike.
        for repeat in range(1 if options.quick else REPEATS):
            for name in names:
                rows = 40 if options.quick else _ROWS.get(name, _PEER_ROWS)
                tell(f"fanout: {name}, {in_flight} in flight, {rows} rows, take {repeat + 1}")
                settings = {**_settings(server, in_flight, rows), "core": measuring.cores()[0][0]}
                measured[name].append(_measure(server, name, settings, environments.get(name)))
    speeds = {name: median([take.rows / take.seconds for take in takes]) for name, takes in measured.items()}
    costs = {name: median([_cpu_ms_per_row(take) for take in takes]) for name, takes in measured.items()}
    shared = {"in_flight": in_flight, "latency_seconds": list(LATENCY_SECONDS), "cores": measuring.cores_setting()}
    for metric, unit, values in (
        ("rows_per_second", "rows/s", speeds),
        ("cpu_ms_per_row", "ms", costs),
    ):
        yield {
            "bench": "fanout",
            "metric": metric,
            "value": round(values["nightshift"], 3),
            "unit": unit,
            **shared,
            **_takes(measured["nightshift"]),
        }
        for name in names[1:]:
            yield {
                "bench": "fanout",
                "metric": metric,
                "value": round(values["nightshift"], 3),
                "unit": unit,
                **shared,
                "peer": name,
                "peer_value": round(values[name], 3),
                "ratio": round(values["nightshift"] / values[name], 3),
                **{f"peer_{key}": value for key, value in _takes(measured[name]).items()},
            }


def _takes(takes: list[Measured]) -> dict[str, Any]:
    return {
        "rows": takes[0].rows,
        "takes": f"median of {len(takes)}",
        "peak_mb": round(max(take.peak_mb for take in takes)),
    }


def _two_shards(options: Options) -> Iterator[Line]:
    in_flight, rows = (8, 40) if options.quick else (64, 10_000)
    speeds: dict[int, list[float]] = {1: [], 2: []}
    with measuring.bench_server(Plan(latency_seconds=LATENCY_SECONDS)) as server:
        for repeat in range(1 if options.quick else REPEATS):
            for shards in (1, 2):
                tell(f"fanout: {shards} shards of {rows} rows side by side, take {repeat + 1}")
                takes = _side_by_side(server, shards, _settings(server, in_flight, rows))
                speeds[shards].append(sum(take.rows for take in takes) / max(take.seconds for take in takes))
    one, two = median(speeds[1]), median(speeds[2])
    yield {
        "bench": "fanout",
        "metric": "rows_per_second",
        "value": round(two, 3),
        "unit": "rows/s",
        "shards": 2,
        "in_flight": in_flight,
        "rows": 2 * rows,
        "takes": f"median of {len(speeds[1])}",
        "cores": measuring.cores_setting(),
        "peer": "one_shard",
        "peer_value": round(one, 3),
        "ratio": round(two / one, 3),
    }


def _side_by_side(server: FaultServer, shards: int, settings: dict[str, Any]) -> list[Measured]:
    client_cores, _ = measuring.cores()
    with tempfile.TemporaryDirectory() as folder:
        write_shards(Path(folder), server.base_url, settings["rows"], shards)
        each = [
            {**settings, "folder": folder, "shard": shard, "core": client_cores[shard % len(client_cores)]}
            for shard in range(shards)
        ]
        return measuring.run_clients("nightshift", each)


def _profile(options: Options) -> Iterator[Line]:
    in_flight, rows = (8, 40) if options.quick else (400, 40_000)
    with measuring.bench_server(Plan(latency_seconds=LATENCY_SECONDS)) as server:
        for name in ("nightshift", "bare_aiohttp_pydantic"):
            settings = {**_settings(server, in_flight, rows), "core": measuring.cores()[0][0], "profile": True}
            taken = _measure(server, name, settings)
            profile = taken.profile or {}
            yield {
                "bench": "fanout",
                "metric": "profile",
                "value": round(_cpu_ms_per_row(taken), 3),
                "unit": "ms",
                "client": name,
                "in_flight": in_flight,
                "rows": taken.rows,
                "samples": profile["samples"],
                "us_per_row": {
                    part: round(share * 1000 * _cpu_ms_per_row(taken), 1) for part, share in profile["parts"].items()
                },
                "lines": {line: round(share, 4) for line, share in profile["lines"].items()},
            }


def _measure(
    server: FaultServer, name: str, settings: dict[str, Any], environment: peers.Environment | None = None
) -> Measured:
    server.reset()
    with tempfile.TemporaryDirectory() as folder:
        if name == "nightshift":
            write_shards(Path(folder), server.base_url, settings["rows"])
        given = {**settings, "folder": folder}
        environ, python = (environment.environ, environment.python) if environment else (None, None)
        taken = measuring.run_clients(name, [given], environ=environ, python=python)[0]
    if taken.rows != settings["rows"]:
        raise RuntimeError(f"{name} delivered {taken.rows} of {settings['rows']} rows")
    return taken


def _settings(server: FaultServer, in_flight: int, rows: int) -> dict[str, Any]:
    return {"base_url": server.base_url, "in_flight": in_flight, "rows": rows, **measuring.FAR_LIMITS}


def _cpu_ms_per_row(taken: Measured) -> float:
    return 1000 * taken.cpu_seconds / taken.rows
