"""What a worker does with its share of the limit, and what it does without its store: by a clock that jumps."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from include.errors import RetryLater
from include.limits.limiter import MARGIN, Limiter
from include.limits.sqlite_store import SqliteStore
from include.limits.store import Clock, MemoryStore, Step, StoreAway, T
from tests.limits.virtual_time import run_virtually


class Shared(MemoryStore):
    """A store that is away for a while, or whose clock is another one than its workers'."""

    is_away = False

    def __init__(self, clock: Clock, ahead_seconds: float = 0.0) -> None:
        super().__init__(lambda: clock() + ahead_seconds)
        self.has_own_clock = ahead_seconds > 0

    def clear(self) -> None:
        """Somebody has emptied it."""
        self._objects.clear()

    async def update(self, key: str, step: Step[T]) -> T:
        if self.is_away:
            raise StoreAway("gone")
        return await super().update(key, step)


async def send_for(seconds: float, limiter: Limiter, tokens: int = 100, workers: int = 20) -> list[float]:
    """Send as fast as it is let for some seconds; returns when each request went."""
    sent: list[float] = []
    now = asyncio.get_running_loop().time
    end = now() + seconds

    async def work() -> None:
        while now() < end:
            permit = await limiter.acquire(tokens)
            sent.append(now())
            await asyncio.sleep(0.005)
            await limiter.answered(permit, tokens)

    await asyncio.gather(*(work() for _ in range(workers)))
    return [moment for moment in sent if moment < end]


def with_limiters(
    workers: int,
    run: Callable[[list[Limiter], Shared], Awaitable[list[list[float]]]],
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    share_of: int = 4,
    ahead_seconds: float = 0.0,
    count_workers: Callable[[], int] | None = None,
) -> list[list[float]]:
    async def main() -> list[list[float]]:
        clock = asyncio.get_running_loop().time
        store = Shared(clock, ahead_seconds)
        limiters = [
            Limiter(
                store,
                "k",
                requests_per_minute,
                tokens_per_minute,
                share_of,
                120.0,
                clock=clock,
                count_workers=count_workers,
            )
            for _ in range(workers)
        ]
        try:
            return await run(limiters, store)
        finally:
            for limiter in limiters:
                await limiter.__aexit__()

    return run_virtually(main())


def most_within(moments: list[float], seconds: float) -> int:
    ordered = sorted(moments)
    return max(sum(1 for other in ordered if moment <= other < moment + seconds) for moment in ordered)


def test_one_worker_keeps_to_the_limit_of_any_second() -> None:
    (sent,) = with_limiters(1, lambda ls, _: asyncio.gather(*(send_for(3, x) for x in ls)), 6_000)
    assert most_within(sent, 1.0) <= 100
    assert 3 * 100 * MARGIN * 0.9 < len(sent) <= 300


@pytest.mark.parametrize("ahead_seconds", [0.0, 5_000.0], ids=["one clock", "the store's own clock"])
def test_four_workers_share_one_limit(ahead_seconds: float) -> None:
    sent = with_limiters(
        4,
        lambda ls, _: asyncio.gather(*(send_for(3, x) for x in ls)),
        6_000,
        ahead_seconds=ahead_seconds,
    )
    together = [moment for moments in sent for moment in moments]
    assert most_within(together, 1.0) <= 100
    assert all(sent)


def test_workers_share_one_limit_through_a_file(tmp_path: Path) -> None:
    async def main() -> float:
        stores = [SqliteStore(tmp_path / "limits.sqlite") for _ in range(2)]
        limiters = [Limiter(store, "k", 6_000, None, 2, 120.0) for store in stores]
        began = time.monotonic()
        for _ in range(40):
            permits = await asyncio.gather(*(limiter.acquire(1) for limiter in limiters))
            await asyncio.gather(*(each.answered(permit, 1) for each, permit in zip(limiters, permits, strict=True)))
        took = time.monotonic() - began
        for limiter, store in zip(limiters, stores, strict=True):
            await limiter.__aexit__()
            # Whoever has opened a store closes it: a budget and a fuse may still be at it.
            assert await store.update("k2", lambda held, now: (held, True))
            await store.aclose()
        return took

    # However busy the machine: the 80th goes 0.79 s after the first, or later; the 40th of one alone, after 0.39 s.
    assert asyncio.run(main()) > 0.7


def test_the_token_limit_holds_too() -> None:
    (sent,) = with_limiters(1, lambda ls, _: asyncio.gather(*(send_for(3, x, tokens=50) for x in ls)), 60_000, 120_000)
    # 2,000 tokens a second are 40 such requests.
    assert most_within(sent, 1.0) <= 40 + 1
    assert len(sent) >= 3 * 40 * MARGIN * 0.8


def test_tokens_that_were_not_used_are_given_back() -> None:
    async def run(limiters: list[Limiter], _: Shared) -> list[list[float]]:
        sent: list[float] = []
        now = asyncio.get_running_loop().time

        async def work() -> None:
            while now() < 3:
                permit = await limiters[0].acquire(100)
                sent.append(now())
                await limiters[0].answered(permit, 60)

        await asyncio.gather(*(work() for _ in range(5)))
        return [sent]

    (sent,) = with_limiters(1, run, None, 60_000)
    # 1,000 tokens a second are 10 requests of 100 tokens, but 16 of 60.
    assert len(sent) > 3 * 14


def test_without_a_limit_nobody_waits() -> None:
    (sent,) = with_limiters(1, lambda ls, _: asyncio.gather(*(send_for(1, x) for x in ls)))
    assert len(sent) > 1_000


def test_429s_to_all_stop_all_workers_and_one_canary_opens_the_gate_for_all() -> None:
    async def run(limiters: list[Limiter], _: Shared) -> list[list[float]]:
        first, second = limiters
        while not first.pause_seconds:
            await first.rejected(await first.acquire(1), retry_after_seconds=1.0)
        now = asyncio.get_running_loop().time
        closed_at = now()
        moments: list[float] = []

        async def pass_gate(limiter: Limiter) -> None:
            permit = await limiter.acquire(1)
            moments.append(now() - closed_at)
            # Nobody else goes until the canary is back.
            await asyncio.sleep(0.5 if permit.is_canary else 0)
            await limiter.answered(permit, 1)

        await asyncio.gather(*(pass_gate(limiter) for limiter in (first, second) for _ in range(5)))
        return [sorted(moments)]

    (moments,) = with_limiters(2, run)
    assert moments[0] >= 1.0
    assert moments[1] >= moments[0] + 0.5


def test_a_header_that_leaves_few_requests_lets_few_go_at_once() -> None:
    async def run(limiters: list[Limiter], _: Shared) -> list[list[float]]:
        limiter = limiters[0]
        await limiter.answered(await limiter.acquire(1), 1, remaining=3)
        permits = [await limiter.acquire(1) for _ in range(3)]
        fourth = asyncio.create_task(limiter.acquire(1))
        await asyncio.sleep(0.2)
        assert not fourth.done()
        await limiter.answered(permits[0], 1, remaining=100)
        await asyncio.wait_for(fourth, 5)
        return []

    with_limiters(1, run)


def test_while_the_store_is_away_each_worker_keeps_to_its_share_and_nothing_fails() -> None:
    limit = 6_000

    async def run(limiters: list[Limiter], store: Shared) -> list[list[float]]:
        before = await send_for(3, limiters[0])
        store.is_away = True
        away = await send_for(5, limiters[0])
        store.is_away = False
        return [before, away, await send_for(4, limiters[0])]

    before, away, back = with_limiters(1, run, limit)
    assert len(before) >= 250
    # One of four workers has a quarter of the limit, and what it had leased before.
    assert 0 < len(away) <= limit / 60 * 5 / 4 + limit / 60
    assert len(back) >= 250
    assert most_within(before + away + back, 1.0) <= limit / 60 * 1.25


@pytest.mark.parametrize("ahead_seconds", [0.0, 5_000.0], ids=["one clock", "the store's own clock"])
def test_a_store_that_has_lost_its_state_gets_it_back_and_nobody_goes_faster(
    ahead_seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(limiters: list[Limiter], store: Shared) -> list[list[float]]:
        async def lose() -> None:
            for _ in range(2):
                await asyncio.sleep(2.1)
                store.clear()

        *sent, _ = await asyncio.gather(*(send_for(8, x) for x in limiters), lose())
        return sent

    sent = with_limiters(4, run, 6_000, ahead_seconds=ahead_seconds)
    together = [moment for moments in sent for moment in moments]
    assert most_within(together, 1.0) <= 100
    # All wait for what anybody may hold.
    assert len(together) >= (8 - 2 * 1.5) * 100 * MARGIN
    assert len(caplog.messages) == 2


def test_a_pause_outlives_the_state_of_the_store() -> None:
    async def run(limiters: list[Limiter], store: Shared) -> list[list[float]]:
        first, second = limiters
        now = asyncio.get_running_loop().time
        await second.answered(await second.acquire(1), 1)
        while not first.pause_seconds:
            await first.rejected(await first.acquire(1), retry_after_seconds=10.0)
        closed_at = now()
        store.clear()
        permit = await first.acquire(1)
        assert permit.is_canary
        assert now() - closed_at >= 10.0
        return []

    with_limiters(2, run)


def test_who_waits_is_given_up_when_the_shard_ends() -> None:
    async def run(limiters: list[Limiter], _: Shared) -> list[list[float]]:
        (limiter,) = limiters
        await limiter.acquire(1)
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(3)]
        await asyncio.sleep(0.05)
        limiter.give_up()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ends] == [RetryLater] * 3
        return []

    with_limiters(1, run, 1)


def test_a_shard_that_begins_while_the_store_is_away_is_counted_before_it_asks() -> None:
    limit, begun = 6_000, [0]

    async def run(limiters: list[Limiter], store: Shared) -> list[list[float]]:
        store.is_away = True

        async def begin(limiter: Limiter, after_seconds: float) -> list[float]:
            await asyncio.sleep(after_seconds)
            begun[0] += 1
            return await send_for(8 - after_seconds, limiter)

        return await asyncio.gather(begin(limiters[0], 0.0), begin(limiters[1], 4.0))

    first, second = with_limiters(2, run, limit, count_workers=lambda: begun[0])
    # Alone it has the whole limit, and then each has half.
    assert sum(moment < second[0] for moment in first) > 0
    assert second and most_within(first + second, 1.0) <= limit / 60 * 1.25
    assert most_within([moment for moment in first if moment >= second[0]], 1.0) <= limit / 60 / 2 * 1.25
