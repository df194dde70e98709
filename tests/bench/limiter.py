"""How much of an enforced limit is used, and how often it is exceeded."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.line import Line, Settings
from tests.bench.processes import run_shards
from tests.fault_server.plan import Limit, Plan
from tests.fault_server.running import FaultServer
from tests.servers.valkey import running_valkey, url_of

# What goes out in the first seconds, while the workers start, is not counted.
WARM_UP_SECONDS = 2.0


@dataclass(frozen=True)
class Case:
    """One server and so many workers against it.

    Args:
        window: how the server enforces its limit: `sliding` or `fixed` minutes, or each `second` by itself.
        tokens_per_minute: enforced too, and then the tighter limit.
        store: where the workers share the limit.
    """

    processes: int
    requests_per_minute: int
    window: str
    tokens_per_minute: int | None = None
    store: str = "embedded"


CASES = (
    Case(1, 600, "sliding"),
    Case(4, 600, "sliding"),
    Case(4, 600, "fixed"),
    Case(4, 600, "second"),
    Case(4, 30_000, "sliding"),
    Case(4, 30_000, "fixed"),
    Case(4, 30_000, "second"),
    Case(4, 30_000, "sliding", tokens_per_minute=2_000_000),
    Case(4, 30_000, "sliding", store="valkey"),
)
QUICK_CASES = (Case(2, 1_200, "sliding"), Case(2, 1_200, "second", store="valkey"))


def run(settings: Settings) -> Iterator[Line]:
    """A minute a case."""
    seconds = 3.0 if settings.is_quick else 60.0
    for case in QUICK_CASES if settings.is_quick else CASES:
        if case.store == "valkey":
            with running_valkey() as server:
                yield from _run(case, seconds, {"NIGHTSHIFT_REDIS_URL": url_of(server)})
        else:
            yield from _run(case, seconds, {})


def _run(case: Case, seconds: float, environ: dict[str, str]) -> Iterator[Line]:
    requests, tokens = case.requests_per_minute, case.tokens_per_minute
    if case.window == "second":
        limit = Limit(requests=requests // 60, per_seconds=1.0)
    else:
        limit = Limit(requests=requests, tokens=tokens, window="fixed" if case.window == "fixed" else "sliding")
    plan = Plan(latency_seconds=(0.05, 0.1), limits=(limit,))
    with FaultServer(plan, process=True) as server:
        # About 250 tokens each; a little more than a minute's worth of rows.
        per_minute = requests if tokens is None else min(requests, tokens // 200)
        rows = int(per_minute * (seconds + 6) / 60 / case.processes)
        run_shards(
            server.base_url,
            rows,
            case.processes,
            environ=environ,
            in_flight=64,
            requests_per_minute=requests,
            tokens_per_minute=tokens,
        )
        log = server.log()
    good = sorted((entry.at, entry.prompt_tokens + entry.completion_tokens) for entry in log.requests if entry.good)
    begin = good[0][0] + WARM_UP_SECONDS
    counted = [used for at, used in good if begin <= at < begin + seconds]
    allowed = requests * seconds / 60 if tokens is None else tokens * seconds / 60
    used = len(counted) if tokens is None else sum(counted)
    shown = {
        "processes": case.processes,
        "limit_per_minute": requests,
        "tokens_per_minute": tokens,
        "window": case.window,
        "store": case.store,
    }
    yield Line("limiter", "utilisation", used / allowed, "share of the limit", shown)
    yield Line("limiter", "rejected", log.counters.rejected, "calls", shown)
