"""How many calls are in flight at a server with few slots, and at one with many: whole nights in virtual time."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from include.limits.crowd import Crowd, Seen
from include.limits.limiter import Limiter
from include.limits.store import MemoryStore
from tests.limits.virtual_time import run_virtually

PATIENCE, MOST = 120.0, 64
HANGS = float("inf")


@dataclass
class Server:
    """A queue in front of some slots; who gives up is dropped from it, as Ollama does.

    Args:
        slots: calls that are answered at a time.
        seconds: that one takes, from its beginning and the number of its text.
        stalls: nothing is answered between these moments.
    """

    slots: int
    seconds: Callable[[float, int], float]
    stalls: tuple[float, float] = (0.0, 0.0)
    calls: int = 0
    in_flight: list[int] = field(default_factory=list)
    now_in_flight: int = 0

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.slots)

    async def answer(self, text: int) -> None:
        loop = asyncio.get_running_loop()
        self.calls += 1
        self.now_in_flight += 1
        self.in_flight.append(self.now_in_flight)
        try:
            async with asyncio.timeout(PATIENCE), self._free:
                seconds = self.seconds(loop.time(), text)
                if loop.time() < self.stalls[1] and loop.time() + seconds > self.stalls[0]:
                    seconds += self.stalls[1] - loop.time()
                await asyncio.sleep(seconds if seconds < HANGS else 10 * PATIENCE)
        finally:
            self.now_in_flight -= 1


@dataclass
class Night:
    """What came of it.

    Args:
        seconds: until the last text was answered or given up.
        overdue: how often a text was overdue with all others, and by itself.
        at_a_time: what people were told, at any moment.
    """

    seconds: float
    everybodys: dict[int, int]
    own: dict[int, int]
    at_a_time: set[int | None]


async def night(server: Server, texts: int, workers: int = 1, strikes: int = 7) -> Night:
    """Ask until all is answered; a text that was overdue by itself so often is given up."""
    loop = asyncio.get_running_loop()
    store, left, chance = MemoryStore(loop.time), list(range(texts, 0, -1)), random.Random(5)
    limiters = [Limiter(store, "k", 6_000_000, None, workers, PATIENCE, clock=loop.time) for _ in range(workers)]
    came = Night(0.0, {}, {}, set())

    async def ask(limiter: Limiter, text: int) -> None:
        tries = 0
        while came.own.get(text, 0) < strikes:
            permit = await limiter.acquire(1)
            came.at_a_time.add(limiter.at_a_time)
            try:
                await server.answer(text)
            except TimeoutError:
                counted = came.everybodys if await limiter.failed(permit) else came.own
                counted[text] = counted.get(text, 0) + 1
                tries += 1
                await asyncio.sleep(chance.uniform(0, min(0.5 * 2**tries, 30.0)))
            else:
                await limiter.answered(permit, 1)
                return

    async def work(limiter: Limiter) -> None:
        while left:
            await ask(limiter, left.pop())

    await asyncio.gather(*(work(limiter) for limiter in limiters for _ in range(MOST)))
    came.seconds = loop.time()
    for limiter in limiters:
        await limiter.__aexit__()
    return came


def spend(server: Callable[[], Server], texts: int, workers: int = 1) -> tuple[Server, Night]:
    async def main() -> tuple[Server, Night]:
        served = server()
        return served, await night(served, texts, workers)

    return run_virtually(main())


def steadily(seconds: float) -> Callable[[float, int], float]:
    return lambda now, text: seconds


def unevenly(low: float, high: float) -> Callable[[float, int], float]:
    chance = random.Random(3)
    return lambda now, text: chance.uniform(low, high)


@pytest.mark.parametrize("service", [steadily(30.0), unevenly(15.0, 45.0)], ids=["30 s", "15 to 45 s"])
def test_a_server_with_one_slot_answers_all_with_hardly_a_call_more(service: Callable[[float, int], float]) -> None:
    server, came = spend(lambda: Server(1, service), texts=60)
    assert server.calls <= 63
    assert max(server.in_flight) <= 4
    assert not came.own
    # It is never idle, and people are told why so few calls go.
    assert came.seconds == pytest.approx(60 * 30, rel=0.15)
    assert {1, None} == came.at_a_time - {2, 3}


def test_a_worker_that_has_ended_leaves_its_part_and_what_it_has_learned_to_the_next() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        store = MemoryStore(loop.time)
        # Shards of one text each, one after the other.
        for _ in range(20):
            async with Limiter(store, "k", 6_000_000, None, 1, PATIENCE, clock=loop.time) as limiter:
                permit = await limiter.acquire(1)
                await asyncio.sleep(0.1)
                await limiter.answered(permit, 1)
        return loop.time()

    assert run_virtually(main()) == pytest.approx(20 * 0.1, rel=0.1)


@pytest.mark.parametrize("seconds", [1.0, 10.0])
def test_a_server_with_four_slots_is_kept_busy_and_nobody_waits_for_long(seconds: float) -> None:
    server, came = spend(lambda: Server(4, steadily(seconds)), texts=400)
    assert server.calls == 400
    assert came.seconds <= 400 * seconds / 4 * 1.05
    # Far from the end of anybody's patience.
    assert max(server.in_flight[20:]) * seconds / 4 <= PATIENCE / 2


@pytest.mark.parametrize("service", [steadily(0.1), unevenly(0.05, 0.1)], ids=["100 ms", "50 to 100 ms"])
def test_a_large_server_is_asked_with_all_calls_after_three_answers(service: Callable[[float, int], float]) -> None:
    server, came = spend(lambda: Server(1_000, service), texts=1_000)
    assert server.calls == 1_000
    # The third answer fills all places, and they stay filled.
    assert max(server.in_flight[: 3 + MOST]) == MOST
    assert came.seconds <= (1_000 / MOST + 2) * 0.1
    assert came.at_a_time == {None}


def test_a_large_server_that_takes_long_for_each_is_soon_asked_with_all_calls() -> None:
    server, came = spend(lambda: Server(1_000, unevenly(30.0, 60.0)), texts=1_000)
    assert server.calls == 1_000
    assert max(server.in_flight[:200]) == MOST
    # The beginning takes six waits.
    assert came.seconds <= 1_000 * 45 / MOST + 6 * 45


def test_a_server_that_becomes_slow_in_the_middle_loses_few_calls() -> None:
    def slower(now: float, text: int) -> float:
        return 0.1 if now < 2 else 20.0

    # From many slots to one: as if the other machines had gone.
    class Shrinking(Server):
        async def answer(self, text: int) -> None:
            if asyncio.get_running_loop().time() >= 2 and self.slots > 1:
                self.slots, self._free = 1, asyncio.Semaphore(1)
            await super().answer(text)

    server, came = spend(lambda: Shrinking(1_000, slower), texts=1_360)
    assert not came.own
    assert max(server.in_flight[-60:]) <= 3
    # One wave of all places, and a small one.
    assert server.calls - 1_360 <= 1.5 * MOST


def test_a_stall_of_all_is_over_when_it_is_over() -> None:
    server, came = spend(lambda: Server(1_000, unevenly(0.05, 0.1), stalls=(1.0, 31.0)), texts=2_000)
    assert server.calls == 2_000
    # 1 s before it and some 1.4 s after it at full speed.
    assert came.seconds <= 30 + 2_000 * 0.075 / MOST * 1.1


def test_a_stall_beyond_all_patience_is_nobodys_fault() -> None:
    _, came = spend(lambda: Server(1_000, unevenly(0.05, 0.1), stalls=(1.0, 201.0)), texts=2_000)
    # Of those that were sent last before it a few had just been overtaken; one strike of seven each.
    assert len(came.everybodys) + len(came.own) == MOST
    assert set(came.everybodys.values()) | set(came.own.values()) == {1}
    assert len(came.own) <= 8
    assert came.seconds <= 240 + 2_000 * 0.075 / MOST * 1.2


def test_four_workers_at_a_server_with_one_slot_keep_to_its_pace_together() -> None:
    server, came = spend(lambda: Server(1, steadily(30.0)), texts=60, workers=4)
    assert server.calls <= 70
    assert max(server.in_flight[10:]) <= 4
    assert not came.own
    assert came.seconds <= 60 * 30 * 1.1


def test_a_text_that_never_ends_is_known_by_itself_and_the_others_are_not_blamed() -> None:
    poisoned = 7

    def service(now: float, text: int) -> float:
        return HANGS if text == poisoned else 5.0

    _, came = spend(lambda: Server(1, service), texts=60)
    assert came.own.pop(poisoned) == 7
    assert not came.own


def test_a_text_that_hangs_at_a_large_server_holds_nobody() -> None:
    def service(now: float, text: int) -> float:
        return HANGS if text == 7 else 0.1

    server, came = spend(lambda: Server(1_000, service), texts=3_000)
    assert (came.own, came.everybodys) == ({7: 7}, {})
    assert server.calls == 3_006
    assert came.seconds <= 8 * PATIENCE


def test_many_reports_of_one_wave_cut_once() -> None:
    crowd = Crowd(allowed=64.0)
    for _ in range(4):
        crowd.take_in(Seen(overdue_seconds=120.0, fewer=16.0), now=1_000.0)
    assert crowd.allowed == 16.0
    crowd.take_in(Seen(overdue_seconds=120.0, fewer=4.0), now=1_130.0)
    assert crowd.allowed == 4.0


def test_what_was_too_much_is_tried_again_slowly() -> None:
    crowd = Crowd(allowed=8.0)
    crowd.take_in(Seen(overdue_seconds=1.0, fewer=4.0), now=10.0)
    crowd.take_in(Seen(more=2.0), now=11.0)
    assert crowd.allowed == 6.0
    crowd.take_in(Seen(more=10.0), now=12.0)
    assert 7.0 < crowd.allowed < 7.2


@pytest.mark.parametrize(("allowed", "workers", "shares"), [(64.0, 4, [16] * 4), (6.5, 4, [2, 2, 1, 1])])
def test_workers_share_what_is_allowed(allowed: float, workers: int, shares: list[int]) -> None:
    names = [f"w{number}" for number in range(workers)]
    assert [Crowd(allowed).share(names, name, now=0.0) for name in names] == shares


def test_where_there_are_fewer_calls_than_workers_they_take_turns() -> None:
    turns = [[Crowd(1.0).share(["a", "b", "c"], name, now=60.0 * turn) for name in "abc"] for turn in range(3)]
    assert sorted(turns) == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
