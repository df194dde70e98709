"""A worker that is killed at any moment: nothing that was answered is lost, and nothing that was kept is paid again."""

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from include.lake.paths import Lake, open_lake
from include.llm.endpoint import Endpoint
from include.llm.ledger import LedgerEntry, read_ledger
from include.stages.infer import infer_shard
from include.stages.work_files import WorkFiles
from tests.bench.workload import pipeline, run_context, write_shards
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.llm.answers import read_answers
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.slow

ROWS, IN_FLIGHT = 400, 16
MODULES = ["include.stages.infer", "tests.bench.workload", "openai"]
# Calls on their way when the process died are answered without anybody to take the answer.
SETTLE_SECONDS = 0.2


def run_shard(folder: str, base_url: str) -> None:
    endpoint = Endpoint(base_url, "key", is_demo=False, in_flight=IN_FLIGHT)
    asyncio.run(infer_shard(open_lake(folder), pipeline(), run_context(), endpoint, 0))


def start(folder: Path, server: FaultServer) -> BaseProcess:
    # Forked from a process that has everything imported, so that a moment after the start is a moment of the shard.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    process = context.Process(target=run_shard, args=(str(folder), server.base_url))
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    time.sleep(SETTLE_SECONDS)


def wait_until(condition: Callable[[], bool], process: BaseProcess) -> None:
    while not condition() and process.is_alive():
        time.sleep(0.0005)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(Plan(latency_seconds=(0.01, 0.05)), process=True) as running:
        yield running


def has_asked(server: FaultServer, count: int) -> bool:
    return server.counters().requests >= count


def kept(lake: Lake) -> dict[str, LedgerEntry]:
    return read_ledger(lake, WorkFiles(lake, run_context()).shard_ledger(0))


def check_promises(lake: Lake, before: dict[str, LedgerEntry], server: FaultServer, kills: int) -> None:
    entries = list(read_answers(lake, WorkFiles(lake, run_context()).answers(0)))
    assert len(entries) == len({entry.key for entry in entries}) == ROWS
    final = {entry.key: entry for entry in entries}
    assert {key: final[key] for key in before} == before
    assert server.counters().answered_ok <= ROWS + kills * IN_FLIGHT


def kill_and_resume(
    folder: Path, server: FaultServer, asked_between: Sequence[int], delay: Callable[[], float]
) -> None:
    """Kill a shard after so many questions each time, a little later than that, and let it end then."""
    lake = write_shards(folder, server.base_url, ROWS)
    before: dict[str, LedgerEntry] = {}
    for count in asked_between:
        asked = server.counters().requests + count
        process = start(folder, server)
        wait_until(partial(has_asked, server, asked), process)
        time.sleep(delay())
        kill(process)
        now = kept(lake)
        assert {key: now[key] for key in before} == before
        before = now
    last = start(folder, server)
    last.join()
    assert last.exitcode == 0
    check_promises(lake, before, server, len(asked_between))


@pytest.mark.parametrize(
    "asked_between",
    [
        pytest.param([0], id="before it has asked anything"),
        pytest.param([1], id="with its first calls on their way"),
        pytest.param([ROWS // 2], id="in the middle"),
        pytest.param([ROWS], id="while its last calls come back"),
        pytest.param([1, 1], id="again before it has caught up"),
        pytest.param([ROWS // 4] * 3, id="three times"),
    ],
)
def test_a_shard_that_is_killed_is_resumed(asked_between: list[int], tmp_path: Path, server: FaultServer) -> None:
    kill_and_resume(tmp_path, server, asked_between, lambda: 0.0)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_shard_killed_at_random_moments_is_resumed(seed: int, tmp_path: Path, server: FaultServer) -> None:
    chance = random.Random(seed)
    kills = chance.randint(1, 3)
    asked_between = [chance.randint(1, ROWS // kills) for _ in range(kills)]
    kill_and_resume(tmp_path, server, asked_between, lambda: chance.uniform(0, 0.02))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 4))])
def test_a_shard_killed_while_its_parquet_is_written_is_resumed(seed: int, tmp_path: Path, server: FaultServer) -> None:
    lake = write_shards(tmp_path, server.base_url, ROWS)
    process = start(tmp_path, server)
    wait_until(lambda: any((tmp_path / "_staging").glob("*-0000.parquet")), process)
    time.sleep(random.Random(seed).uniform(0, 0.005))
    kill(process)
    before = kept(lake)
    assert len(before) == ROWS
    last = start(tmp_path, server)
    last.join()
    assert last.exitcode == 0
    check_promises(lake, before, server, kills=0)


def test_a_shard_that_is_told_to_stop_ends_what_is_on_its_way_keeps_it_and_is_resumed(
    tmp_path: Path, server: FaultServer
) -> None:
    lake = write_shards(tmp_path, server.base_url, ROWS)
    process = start(tmp_path, server)
    wait_until(partial(has_asked, server, ROWS // 3), process)
    process.terminate()
    process.join()
    # An error that Airflow retries, not a death by the signal.
    assert process.exitcode == 1
    before = kept(lake)
    assert ROWS // 3 <= len(before) < ROWS
    assert server.counters().answered_ok == len(before)
    run_shard(str(tmp_path), server.base_url)
    check_promises(lake, before, server, kills=0)


def test_a_line_that_was_torn_by_the_kill_is_asked_again(tmp_path: Path, server: FaultServer) -> None:
    lake = write_shards(tmp_path, server.base_url, ROWS)
    run_shard(str(tmp_path), server.base_url)
    (ledger,) = (tmp_path / "_work").rglob("ledger/0000/*.jsonl")
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[: whole.rstrip(b"\n").rfind(b"\n") + 20])
    run_shard(str(tmp_path), server.base_url)
    assert server.counters().requests == ROWS + 1
    check_promises(lake, kept(lake), server, kills=1)


def test_on_object_storage_a_kill_costs_at_most_the_answers_of_the_flush_interval(
    tmp_path: Path, server: FaultServer, s3_server: S3Server, s3_environ: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush_seconds = 0.5
    monkeypatch.setenv("NIGHTSHIFT_LEDGER_FLUSH_SECONDS", str(flush_seconds))
    server.set_plan(Plan(latency_seconds=0.2))
    s3_server.file_system().mkdir("killed")
    lake = write_shards("s3://killed/lake", server.base_url, ROWS)
    # No fork server: what it was started with would be the environment of its children.
    uri = lake.uri(lake.root)
    process = multiprocessing.get_context("spawn").Process(target=run_shard, args=(uri, server.base_url))
    process.start()
    wait_until(partial(has_asked, server, ROWS // 2), process)
    kill(process)
    answered, before = server.counters().answered_ok, kept(lake)
    # 16 in flight at 0.2 s each are 80 answers a second.
    assert answered - len(before) <= IN_FLIGHT + 80 * (flush_seconds + 1.0)
    assert len(before) > 0
    run_shard(uri, server.base_url)
    entries = {entry.key: entry for entry in read_answers(lake, WorkFiles(lake, run_context()).answers(0))}
    assert len(entries) == ROWS
    assert {key: entries[key] for key in before} == before
