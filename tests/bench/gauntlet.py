"""900 rows against a server that allows 600 a clock minute and answers 429 with `Retry-After: 5` beyond."""

import time
from collections.abc import Iterator

from tests.bench.line import Line, Settings
from tests.bench.peers import PEERS, peer_python
from tests.bench.processes import run_clients, run_shards
from tests.fault_server.plan import Limit, Plan
from tests.fault_server.running import FaultServer

ROWS, LIMIT, RETRY_AFTER_SECONDS = 900, 600, 5.0
# Known only from 429s, or configured far beyond the truth.
CONFIGURED = (None, 30_000.0)


def run(settings: Settings) -> Iterator[Line]:
    """One process and four, each started as a clock minute begins."""
    scale = 30 if settings.is_quick else 1
    limit = Limit(
        requests=LIMIT // scale,
        per_seconds=2.0 if settings.is_quick else 60.0,
        window="fixed",
        retry_after_seconds=0.2 if settings.is_quick else RETRY_AFTER_SECONDS,
    )
    plan = Plan(limits=(limit,), latency_seconds=(0.05, 0.1))
    begin = None if settings.is_quick else 0.1
    with FaultServer(plan, process=True) as server:
        for processes, configured in ((1, None), (4, None), (1, 30_000.0)):
            server.reset()
            results = run_shards(
                server.base_url,
                max(ROWS // scale // processes, 1),
                processes,
                start_at_second=begin,
                in_flight=64,
                requests_per_minute=configured,
            )
            shown = {"processes": processes, "configured_per_minute": configured, "limit_per_minute": LIMIT}
            yield from _lines(server, results, shown)
        for peer in PEERS if settings.with_peers else ():
            server.reset()
            python, environ = peer_python(peer)
            if begin is not None:
                time.sleep((begin - time.time()) % 60.0)
            own = {"base_url": server.base_url, "rows": ROWS // scale, "in_flight": 64}
            results = run_clients(peer, [own], environ, python)
            yield from _lines(server, results, {"client": peer, "processes": 1})


def _lines(server: FaultServer, results: list[dict[str, float]], shown: dict[str, object]) -> Iterator[Line]:
    yield Line("gauntlet", "delivered", int(sum(result["rows"] for result in results)), "rows", shown)
    yield Line("gauntlet", "rejected", server.counters().rejected, "calls", shown)
    yield Line("gauntlet", "seconds", max(result["seconds"] for result in results), "s", shown)
