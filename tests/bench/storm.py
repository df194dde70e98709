"""`storm`: 429s and 500s that have nothing to do with our pace, as of a gateway with one of its back ends at its limit.

A share of the calls, drawn by chance, is refused at once with `Retry-After: 1` or fails with a 500; all others take
50 ms. Beside it: a plain loop of workers around `AsyncOpenAI` with six retries, and the same shard without faults.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tests.bench import measuring
from tests.bench.measuring import Line, Measured, Options, tell
from tests.bench.workload import write_shards
from tests.fault_server import Plan, Rule

ROWS, LATENCY_SECONDS, MAX_RETRIES = 20_000, 0.05, 6
_PEER = "openai_httpx_loop"
# Retry-After of the 429s.
_SECOND, _MOMENT = Rule(fault="429_retry_after", settings={"seconds": 1}), Rule(fault="429_retry_after_ms")


@dataclass(frozen=True)
class Case:
    """One storm.

    Args:
        in_flight: calls at once.
        refused, failing: of a hundred calls, by chance: those with 429, and of the others those with 500.
    """

    in_flight: int
    refused: int
    failing: int

    @property
    def name(self) -> str:
        """Such as `64-10-0`."""
        return f"{self.in_flight}-{self.refused}-{self.failing}"

    def plan(self, refusal: Rule) -> Plan:
        """The server's side."""
        shares = ((refusal, self.refused), (Rule(fault="500"), self.failing))
        rules = tuple(rule.model_copy(update={"probability": share / 100}) for rule, share in shares if share)
        return Plan(rules=rules, latency_seconds=LATENCY_SECONDS)


ALL = [Case(*each) for each in product((64, 400), (2, 5, 10, 20), (0, 10))]
# Run unless others are named (`--cases=-` names all): an hour for all of them is mostly the other loop's.
USUAL = {"64-2-0", "64-10-10", "64-20-10", "400-10-10", "400-20-10"}


def run(options: Options) -> Iterator[Line]:
    """The usual storms, or those that were asked for."""
    rows, refusal = (40, _MOMENT) if options.quick else (ROWS, _SECOND)
    chosen = [case for case in ALL if (options.cases in case.name if options.cases else case.name in USUAL)]
    faultless: dict[int, float] = {}
    for case in [Case(8, 10, 10)] if options.quick else chosen:
        if case.in_flight not in faultless:
            faultless[case.in_flight] = _measure("nightshift", Case(case.in_flight, 0, 0), rows, refusal).seconds
        ours = _measure("nightshift", case, rows, refusal)
        theirs = _measure(_PEER, case, rows, refusal)
        yield from _lines(case, ours, theirs, faultless[case.in_flight])


def _measure(name: str, case: Case, rows: int, refusal: Rule) -> Measured:
    tell(f"storm: {name}, {case.name}")
    with tempfile.TemporaryDirectory() as folder, measuring.bench_server(case.plan(refusal)) as server:
        if name == "nightshift":
            write_shards(Path(folder), server.base_url, rows)
        settings = {
            "base_url": server.base_url,
            "folder": folder,
            "in_flight": case.in_flight,
            "rows": rows,
            "max_retries": MAX_RETRIES,
            "core": measuring.cores()[0][0],
        }
        return measuring.run_clients(name, [settings])[0]


def _lines(case: Case, ours: Measured, theirs: Measured, faultless_seconds: float) -> Iterator[Line]:
    ratio = round(ours.seconds / theirs.seconds, 3)
    figures = {
        "seconds": (round(ours.seconds, 2), "s"),
        "of_faultless": (round(faultless_seconds / ours.seconds, 3), "of the speed without faults"),
        "ratio": (ratio, f"of the seconds of {_PEER}"),
    }
    for metric, (value, unit) in figures.items():
        beside = {"peer": _PEER, "peer_value": round(theirs.seconds, 2), "ratio": ratio} if metric == "seconds" else {}
        yield {
            "bench": "storm",
            "metric": metric,
            "value": value,
            "unit": unit,
            "case": case.name,
            "in_flight": case.in_flight,
            "refused_share": case.refused / 100,
            "failing_share": case.failing / 100,
            "rows": ours.rows,
            "peer_rows": theirs.rows,
            "faultless_seconds": round(faultless_seconds, 2),
            **beside,
        }
