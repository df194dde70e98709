"""What a worker does with its share of the limit, and what it does without its store."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from include.errors import RetryLater
from include.limits.limiter import MARGIN, Limiter
from include.limits.redis_store import RedisStore
from include.limits.sqlite_store import SqliteStore
from include.limits.store import MemoryStore, Step, Store, StoreAway, T
from tests.servers.valkey import running_valkey, url_of


class AwayStore(MemoryStore):
    """A store that nobody reaches."""

    async def update(self, key: str, step: Step[T]) -> T:
        raise StoreAway("gone")


async def send_for(seconds: float, limiter: Limiter, tokens: int = 100, workers: int = 20) -> list[float]:
    """Send as fast as it is let for some seconds; returns when each request went."""
    sent: list[float] = []
    end = time.monotonic() + seconds

    async def work() -> None:
        while time.monotonic() < end:
            permit = await limiter.acquire(tokens)
            sent.append(time.monotonic())
            await asyncio.sleep(0.005)
            await limiter.answered(permit, tokens)

    await asyncio.gather(*(work() for _ in range(workers)))
    return [moment for moment in sent if moment < end]


def with_limiters(
    stores: list[Callable[[], Store]],
    run: Callable[[list[Limiter]], Awaitable[list[list[float]]]],
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    workers: int = 4,
    count_workers: Callable[[], int] | None = None,
) -> list[list[float]]:
    async def main() -> list[list[float]]:
        limiters = [
            Limiter(make(), "k", requests_per_minute, tokens_per_minute, workers, count_workers=count_workers)
            for make in stores
        ]
        try:
            return await run(limiters)
        finally:
            for limiter in limiters:
                await limiter.__aexit__()

    return asyncio.run(main())


def most_within(moments: list[float], seconds: float) -> int:
    ordered = sorted(moments)
    return max(sum(1 for other in ordered if moment <= other < moment + seconds) for moment in ordered)


def test_one_worker_keeps_to_the_limit_of_any_second() -> None:
    (sent,) = with_limiters([MemoryStore], lambda ls: asyncio.gather(*(send_for(3, x) for x in ls)), 6_000)
    assert most_within(sent, 1.0) <= 100
    assert len(sent) <= 300


def test_four_workers_share_one_limit(tmp_path: Path) -> None:
    make = [lambda: SqliteStore(tmp_path / "limits.sqlite")] * 4
    sent = with_limiters(make, lambda ls: asyncio.gather(*(send_for(3, x) for x in ls)), 6_000)
    together = [moment for moments in sent for moment in moments]
    assert most_within(together, 1.0) <= 100
    assert all(sent)


def test_the_token_limit_holds_too() -> None:
    (sent,) = with_limiters(
        [MemoryStore], lambda ls: asyncio.gather(*(send_for(3, x, tokens=50) for x in ls)), 60_000, 120_000
    )
    # 2,000 tokens a second are 40 such requests.
    assert most_within(sent, 1.0) <= 40 + 1
    assert len(sent) >= 3 * 40 * MARGIN * 0.8


def test_tokens_that_were_not_used_are_given_back() -> None:
    async def run(limiters: list[Limiter]) -> list[list[float]]:
        sent: list[float] = []
        end = time.monotonic() + 3

        async def work() -> None:
            while time.monotonic() < end:
                permit = await limiters[0].acquire(100)
                sent.append(time.monotonic())
                await limiters[0].answered(permit, 60)

        await asyncio.gather(*(work() for _ in range(5)))
        return [sent]

    (sent,) = with_limiters([MemoryStore], run, None, 60_000)
    # 1,000 tokens a second are 10 requests of 100 tokens, but 16 of 60.
    assert len(sent) > 3 * 14


def test_without_a_limit_nobody_waits() -> None:
    (sent,) = with_limiters([MemoryStore], lambda ls: asyncio.gather(*(send_for(1, x) for x in ls)))
    assert len(sent) > 1_000


def test_429s_to_all_stop_all_workers_and_one_canary_opens_the_gate_for_all(tmp_path: Path) -> None:
    async def run(limiters: list[Limiter]) -> list[list[float]]:
        first, second = limiters
        while not first.pause_seconds:
            await first.rejected(await first.acquire(1), retry_after_seconds=1.0)
        closed_at = time.monotonic()
        moments: list[float] = []

        async def pass_gate(limiter: Limiter) -> None:
            permit = await limiter.acquire(1)
            moments.append(time.monotonic() - closed_at)
            # Nobody else goes until the canary is back.
            await asyncio.sleep(0.5 if permit.is_canary else 0)
            await limiter.answered(permit, 1)

        await asyncio.gather(*(pass_gate(limiter) for limiter in (first, second) for _ in range(5)))
        return [sorted(moments)]

    make = [lambda: SqliteStore(tmp_path / "limits.sqlite")] * 2
    (moments,) = with_limiters(make, run)
    assert moments[0] >= 1.0
    assert moments[1] >= moments[0] + 0.5


def test_a_header_that_leaves_few_requests_lets_few_go_at_once() -> None:
    async def run(limiters: list[Limiter]) -> list[list[float]]:
        limiter = limiters[0]
        await limiter.answered(await limiter.acquire(1), 1, remaining=3)
        permits = [await limiter.acquire(1) for _ in range(3)]
        fourth = asyncio.create_task(limiter.acquire(1))
        await asyncio.sleep(0.2)
        assert not fourth.done()
        await limiter.answered(permits[0], 1, remaining=100)
        await asyncio.wait_for(fourth, 5)
        return []

    with_limiters([MemoryStore], run)


@pytest.mark.slow
def test_while_the_store_is_away_each_worker_keeps_to_its_share_and_nothing_fails() -> None:
    limit = 6_000

    async def run(limiters: list[Limiter]) -> list[list[float]]:
        with running_valkey(port) as server:
            before = await send_for(3, limiters[0])
            assert server.is_running
        away = await send_for(5, limiters[0])
        with running_valkey(port):
            back = await send_for(4, limiters[0])
        return [before, away, back]

    with running_valkey() as probe:
        port, url = probe.port, url_of(probe)
    before, away, back = with_limiters([lambda: RedisStore(url)], run, limit)
    assert len(before) >= 200
    # One of four workers has a quarter of the limit, and what it had leased before.
    assert 0 < len(away) <= limit / 60 * 5 / 4 + limit / 60
    assert len(back) >= 200
    assert most_within(before + away + back, 1.0) <= limit / 60 * 1.25


def test_who_waits_is_given_up_when_the_shard_ends() -> None:
    async def run(limiters: list[Limiter]) -> list[list[float]]:
        (limiter,) = limiters
        await limiter.acquire(1)
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(3)]
        await asyncio.sleep(0.05)
        limiter.give_up()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ends] == [RetryLater] * 3
        return []

    with_limiters([MemoryStore], run, 1)


@pytest.mark.slow
def test_a_shard_that_begins_while_the_store_is_away_is_counted_before_it_asks() -> None:
    limit, begun = 6_000, [0]

    async def run(limiters: list[Limiter]) -> list[list[float]]:
        async def begin(limiter: Limiter, after_seconds: float) -> list[float]:
            await asyncio.sleep(after_seconds)
            begun[0] += 1
            return await send_for(8 - after_seconds, limiter)

        return await asyncio.gather(begin(limiters[0], 0.0), begin(limiters[1], 4.0))

    first, second = with_limiters([AwayStore, AwayStore], run, limit, count_workers=lambda: begun[0])
    # Alone it has the whole limit, and then each has half.
    assert sum(moment < second[0] for moment in first) > 0
    assert second and most_within(first + second, 1.0) <= limit / 60 * 1.25
    assert most_within([moment for moment in first if moment >= second[0]], 1.0) <= limit / 60 / 2 * 1.25
