"""A shard whose lake goes away: nothing that was paid for is lost, little is paid ahead, and the log says so."""

import asyncio
import itertools
import json
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from include.errors import RetryLater
from include.lake.paths import Lake
from include.llm.endpoint import Endpoint
from include.llm.ledger import MAX_AHEAD, read_ledger
from include.stages.infer import infer_shard
from include.stages.work_files import WorkFiles
from tests.bench.workload import pipeline, run_context, write_shards
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.llm.answers import read_answers
from tests.llm.asking import answer_texts, ledger_by_text
from tests.servers.outage import OUTAGES, Outage, OutageProxy

IN_FLIGHT = 16
TEXTS = [f"Review number {number}. It works." for number in range(40)]
# Above the time after which a silent connection is given up by the library would take minutes; it is the same way.
AWAY_SECONDS = 0.5


def run_shard(lake: Lake, server: FaultServer, flush_seconds: float = 0.2) -> None:
    endpoint = Endpoint(server.base_url, "key", is_demo=False, in_flight=IN_FLIGHT)
    environ = {"NIGHTSHIFT_LEDGER_FLUSH_SECONDS": str(flush_seconds)}
    asyncio.run(infer_shard(lake, pipeline(), run_context(), endpoint, 0, environ))


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def has_asked(server: FaultServer, count: int) -> bool:
    return server.counters().requests >= count


MOMENTS = ("start", "middle", "end")
# Each outage and each moment once; all pairs where there is time.
USUAL = [*zip(OUTAGES, MOMENTS, strict=True)]
OTHERS = [pair for pair in itertools.product(OUTAGES, MOMENTS) if pair not in USUAL]


@pytest.mark.parametrize(
    ("outage", "moment"), [*USUAL, *(pytest.param(*pair, marks=pytest.mark.long) for pair in OTHERS)]
)
def test_a_shard_outlasts_a_storage_that_goes_away(
    proxy: OutageProxy, fault_server: FaultServer, outage: Outage, moment: str
) -> None:
    rows = 80
    fault_server.set_plan(Plan(latency_seconds=0.05))
    lake = write_shards(f"s3://outages/{moment}-{outage}", fault_server.base_url, rows)

    def take_away() -> None:
        wait_for(partial(has_asked, fault_server, {"start": 0, "middle": rows // 2, "end": rows}[moment]))
        with proxy.away(outage):
            time.sleep(AWAY_SECONDS)

    thread = threading.Thread(target=take_away)
    thread.start()
    run_shard(lake, fault_server)
    thread.join()
    work = WorkFiles(lake, run_context())
    assert fault_server.counters().requests == rows
    entries = list(read_answers(lake, work.answers(0)))
    assert len({entry.key for entry in entries}) == len(entries) == rows
    assert len(read_ledger(lake, work.shard_ledger(0))) == rows
    progress = json.loads(lake.fs.cat_file(work.progress(0)))
    assert (progress["phase"], progress["done"], progress["unwritten"]) == ("done", rows, 0)


def test_a_shard_is_never_far_ahead_of_a_ledger_that_cannot_be_written(
    proxy: OutageProxy, fault_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rows = MAX_AHEAD + 500
    lake = write_shards("s3://outages/ahead", fault_server.base_url, rows, characters=60)
    asked: list[int] = []

    def take_away() -> None:
        wait_for(partial(has_asked, fault_server, 1))
        with proxy.away("refused"):
            wait_for(partial(has_asked, fault_server, MAX_AHEAD))
            # Long enough for many more, were they asked, and for a line in the log.
            wait_for(lambda: "the ledger, " in caplog.text)
            time.sleep(1.0)
            asked.append(fault_server.counters().requests)

    thread = threading.Thread(target=take_away)
    thread.start()
    run_shard(lake, fault_server, 60.0)
    thread.join()
    assert MAX_AHEAD <= asked[0] <= MAX_AHEAD + IN_FLIGHT
    assert fault_server.counters().requests == rows
    assert len(read_ledger(lake, WorkFiles(lake, run_context()).shard_ledger(0))) == rows
    assert caplog.text.count("It is tried again") == 1
    assert "EndpointConnectionError" in caplog.text


@contextmanager
def disk_full_for(seconds: float) -> Iterator[None]:
    """No file of this process grows beyond 4 KB for so long."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    give_back = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    timer = threading.Timer(seconds, give_back)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@pytest.mark.slow
def test_a_shard_outlasts_a_full_disk(fault_server: FaultServer, tmp_path: Path) -> None:
    with disk_full_for(1.5):
        entries = answer_texts(fault_server, tmp_path, TEXTS)
    assert all(entries[text].answer is not None for text in TEXTS)
    assert fault_server.counters().requests == len(TEXTS)


def test_a_disk_that_stays_full_fails_the_shard_and_says_how_many_outcomes_are_lost(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    # A clock on which the storage's patience is over in half a second.
    with (
        disk_full_for(1.5),
        pytest.raises(RetryLater, match=r"\d+ outcomes that are paid for are in memory only"),
    ):
        answer_texts(fault_server, tmp_path, TEXTS, ledger_clock=lambda: time.monotonic() * 1_200)
    kept = len(ledger_by_text(fault_server, tmp_path, TEXTS))
    assert 0 < kept < len(TEXTS)
    answer_texts(fault_server, tmp_path, TEXTS)
    assert fault_server.counters().requests == 2 * len(TEXTS) - kept
