"""A call that waits to be repeated: its place goes to others, within bounds, and it is counted while it waits."""

import asyncio
import gc
from pathlib import Path

import pytest

from include.limits.store import MemoryStore
from include.llm.call_meter import LastMinute
from include.llm.places import WAITING_PER_PLACE, Places
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.llm.asking import answer_texts

SLOW = "Slow text. It waits."
OTHERS = [f"Review number {number}. It works." for number in range(20)]


@pytest.mark.parametrize("fault", ["429_retry_after", "503_retry_after"])
def test_others_are_asked_in_the_place_of_a_call_that_waits(
    fault: str, fault_server: FaultServer, tmp_path: Path
) -> None:
    busy = Rule(fault=fault, settings={"seconds": 60}, marker="Slow", times=1)
    fault_server.set_plan(Plan(rules=(busy,)))
    entries = answer_texts(fault_server, tmp_path, [SLOW, *OTHERS], in_flight=1)
    asked = [entry.text_key for entry in fault_server.log().requests]
    assert asked.index(asked[0], 1) > 1
    assert fault_server.counters().max_in_flight == 1
    assert all(entries[text].answer is not None for text in (SLOW, *OTHERS))


def test_a_server_that_answers_one_at_a_time_answers_all_and_nobody_is_blamed(
    fault_server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ollama on a CPU: with all of them in its queue most would give up before their turn, again and again."""
    caplog.set_level("INFO")
    monkeypatch.setattr("include.llm.progress.LOG_EVERY_SECONDS", 0.0)
    fault_server.set_plan(Plan(slots=1, latency_seconds=0.05))
    texts = [f"Ticket number {number}. It waits." for number in range(60)]
    # An earlier night has learned how long a call takes alone; the first one of a busy machine takes longer.
    store, known = MemoryStore(), {"crowd": {"allowed": 3.0, "alone_seconds": 0.05}}
    asyncio.run(store.update(f"limit:{fault_server.base_url} test-model", lambda held, now: (known, None)))
    entries = answer_texts(fault_server, tmp_path, texts, in_flight=64, timeout_seconds=1.0, store=store)
    assert all(entries[text].answer is not None for text in texts)
    counters = fault_server.counters()
    assert counters.requests <= 10 + 1.1 * 60
    # 64 of them would wait for 3 s.
    assert counters.max_in_flight <= 20
    assert any("the server answers 1 at a time: " in message for message in caplog.messages)


class Shop:
    """A fan-out in small: every worker takes a number and waits for as long as it is told."""

    def __init__(self, count: int, waits: list[float]) -> None:
        self.places, self.waits, self.count = Places(self.sleep), iter(waits), count
        self.sleeping: list[float] = []
        self.opened = asyncio.Event()
        self.in_place = self.most_in_place = self.served = 0

    async def sleep(self, seconds: float) -> None:
        self.sleeping.append(seconds)
        await self.opened.wait()

    async def work(self) -> None:
        for seconds in self.waits:
            if seconds:
                await self.places.wait(seconds, outside=True)
            self.in_place += 1
            self.most_in_place = max(self.most_in_place, self.in_place)
            await asyncio.sleep(0)
            self.in_place -= 1
            self.served += 1
            if self.places.hand_over():
                return
        self.places.leave()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as workers:
            self.places.open(self.count, lambda: [workers.create_task(self.work())].clear())


async def until_quiet() -> None:
    for _ in range(2_000):
        await asyncio.sleep(0)


def test_no_more_wait_outside_than_there_is_room_for_and_none_is_lost() -> None:
    async def main() -> Shop:
        shop = Shop(2, [1.0] * 100)
        running = asyncio.create_task(shop.run())
        await until_quiet()
        # Those outside, and the two that keep their places.
        assert len(shop.sleeping) == 2 * WAITING_PER_PLACE + 2
        shop.opened.set()
        await running
        return shop

    shop = asyncio.run(main())
    assert shop.served == 100
    assert shop.most_in_place == 2


def test_what_waits_at_the_end_of_the_texts_is_finished() -> None:
    async def main() -> Shop:
        shop = Shop(3, [5.0, 0.0, 0.0, 7.0])
        running = asyncio.create_task(shop.run())
        await until_quiet()
        assert (shop.served, sorted(shop.sleeping)) == (2, [5.0, 7.0])
        shop.opened.set()
        await running
        return shop

    assert asyncio.run(main()).served == 4


def test_when_all_ends_nobody_waits_on() -> None:
    async def main() -> int:
        shop = Shop(1, [600.0, 600.0])
        running = asyncio.create_task(shop.run())
        await until_quiet()
        shop.places.close()
        await asyncio.wait_for(running, 60)
        return shop.served

    assert asyncio.run(main()) == 2


def test_a_call_leaves_nothing_for_the_collector_whether_it_is_answered_or_not(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    texts = [f"Ticket number {number}. It waits." for number in range(200)]
    refused, broken = Rule(fault="429_retry_after", times=1, probability=0.5), Rule(fault="500", times=1)
    fault_server.set_plan(Plan(rules=(refused, broken)))
    answer_texts(fault_server, tmp_path / "warm", OTHERS)
    gc.collect()
    gc.disable()
    try:
        entries = answer_texts(fault_server, tmp_path / "measured", texts)
        left = gc.collect()
    finally:
        gc.enable()
    assert all(entry.effort.retries for entry in entries.values())
    # With a cycle a failure it is about 90 a text; some belong to the server, which shares this process.
    assert left < 20 * len(texts)


@pytest.mark.parametrize(("later", "count"), [(0, 3), (59, 3), (60, 1), (61, 0)])
def test_a_minute_forgets_what_is_older(later: int, count: int) -> None:
    now = [100.0]
    last = LastMinute(lambda: now[0])
    for moment in (100.2, 100.9, 101.5):
        now[0] = moment
        last.add()
    now[0] = 100.0 + later
    assert last.count == count
