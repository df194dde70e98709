"""Which 429s close the circuit breaker, and which are only their own call's trouble: whole storms in virtual time."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from include.limits.in_flight import Permit
from include.limits.limiter import Limiter
from include.limits.store import MemoryStore
from tests.limits.virtual_time import run_virtually

LATENCY_SECONDS, REFUSAL_SECONDS = (0.05, 0.1), 0.002


@dataclass
class Provider:
    """Answers after a while and refuses at once.

    Args:
        refuses: whether it refuses a call at a moment.
        retry_after: what it then asks for, in seconds.
        slowest_refusal: refusals take so long at most.
    """

    refuses: Callable[[float], bool]
    retry_after: Callable[[], float | None] = lambda: 1.0
    slowest_refusal: float = REFUSAL_SECONDS
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    async def ask(self, now: float) -> bool:
        is_refused = self.refuses(now)
        (self.refused if is_refused else self.accepted).append(now)
        await asyncio.sleep(
            self.chance.uniform(REFUSAL_SECONDS, self.slowest_refusal)
            if is_refused
            else self.chance.uniform(*LATENCY_SECONDS)
        )
        return not is_refused


async def storm(
    provider: Provider, texts: int, in_flight: int = 64, workers: int = 1, seconds: float = 3_600.0, **limits: float
) -> tuple[float, float]:
    """Ask until all is answered, or for some seconds; what is refused is asked again after its Retry-After.

    Returns:
        Seconds that it took, and for how many of them the circuit breaker was closed for the first worker.
    """
    loop = asyncio.get_running_loop()
    store, left = MemoryStore(loop.time), [texts]
    # How many calls the provider takes at once is known by now.
    await store.update("limit:k", lambda held, now: ({"crowd": {"allowed": float(workers * in_flight)}}, None))
    limiters = [
        Limiter(
            store,
            "k",
            limits.get("requests_per_minute"),
            limits.get("tokens_per_minute"),
            workers,
            120.0,
            clock=loop.time,
        )
        for _ in range(workers)
    ]
    closed = 0.0

    async def watch() -> None:
        nonlocal closed
        while True:
            await asyncio.sleep(0.05)
            closed += 0.05 * (limiters[0].pause_seconds > 0)

    async def once(limiter: Limiter, places: asyncio.Semaphore) -> float | None:
        async with places:
            permit: Permit = await limiter.acquire(100)
            if await provider.ask(loop.time()):
                await limiter.answered(permit, 100)
                return None
            asked = provider.retry_after()
            await limiter.rejected(permit, asked)
            return 1.0 if asked is None else asked

    async def text(limiter: Limiter, places: asyncio.Semaphore, waiting: asyncio.Semaphore) -> None:
        try:
            while (wait := await once(limiter, places)) is not None:
                await asyncio.sleep(wait)
        finally:
            waiting.release()

    async def shard(limiter: Limiter) -> None:
        places, waiting = asyncio.Semaphore(in_flight), asyncio.Semaphore(16 * in_flight)
        async with asyncio.TaskGroup() as group:
            while left[0]:
                left[0] -= 1
                await waiting.acquire()
                group.create_task(text(limiter, places, waiting))

    watching = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as shards:
            for limiter in limiters:
                shards.create_task(shard(limiter))
    except TimeoutError:
        pass
    finally:
        watching.cancel()
        for limiter in limiters:
            await limiter.__aexit__()
    return loop.time(), closed


def sporadic(share: float, seed: int) -> Callable[[float], bool]:
    chance = random.Random(seed)
    return lambda now: chance.random() < share


def per_window(requests: int, seconds: float) -> Callable[[float], bool]:
    """A limit that begins anew at every full window, as one per minute of the clock."""
    counts: dict[int, int] = {}

    def refuses(now: float) -> bool:
        window = int(now // seconds)
        counts[window] = counts.get(window, 0) + 1
        return counts[window] > requests

    return refuses


def bucket(per_second: float, burst: float) -> Callable[[float], bool]:
    """A limit that is refilled all the time: beyond it the share that is refused grows with the pace, evenly."""
    state = [burst, 0.0]

    def refuses(now: float) -> bool:
        state[0] = min(state[0] + (now - state[1]) * per_second, burst)
        state[1] = now
        if state[0] < 1:
            return True
        state[0] -= 1
        return False

    return refuses


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("slowest_refusal", [REFUSAL_SECONDS, 1.0], ids=["refused at once", "refused in any order"])
def test_a_share_that_is_refused_whatever_the_pace_never_closes_the_gate(share: float, slowest_refusal: float) -> None:
    provider = Provider(sporadic(share, seed=1), slowest_refusal=slowest_refusal)
    _, closed = run_virtually(storm(provider, texts=1_000))
    assert len(provider.accepted) == 1_000
    assert closed == 0


def test_one_call_that_shall_wait_for_a_minute_holds_nobody() -> None:
    provider = Provider(sporadic(0.02, seed=2), retry_after=lambda: 60.0)
    run_virtually(storm(provider, texts=1_000))
    in_time = [moment for moment in provider.accepted if moment < 10]
    assert len(in_time) > 950


@pytest.mark.parametrize("workers", [1, 4])
def test_a_limit_that_nobody_has_told_us_is_met_with_few_refusals(workers: int) -> None:
    provider = Provider(per_window(600, 60.0), retry_after=lambda: 5.0)
    seconds, _ = run_virtually(storm(provider, texts=900, workers=workers))
    assert len(provider.accepted) == 900
    assert len(provider.refused) <= 36
    assert seconds < 66


@pytest.mark.parametrize("retry_after", [1.0, None])
def test_a_provider_that_refuses_all_gets_one_call_at_a_time(retry_after: float | None) -> None:
    provider = Provider(lambda now: now >= 1.0, retry_after=lambda: retry_after)
    run_virtually(storm(provider, texts=100_000, seconds=61))
    at_first = [moment for moment in provider.refused if moment < 2.0]
    assert len(at_first) <= 20
    assert len(provider.refused) - len(at_first) <= 61


def test_few_texts_that_are_all_refused_close_the_gate_within_seconds() -> None:
    provider = Provider(lambda now: True)
    run_virtually(storm(provider, texts=5, seconds=62))
    assert len([moment for moment in provider.refused if moment > 2.5]) <= 62


def test_after_a_total_refusal_the_pace_is_what_it_was() -> None:
    provider = Provider(lambda now: 5.0 <= now < 25.0)
    seconds, _ = run_virtually(storm(provider, texts=7_000))
    assert seconds < 40


@pytest.mark.parametrize("burst", [10.0, 300.0])
def test_the_pace_follows_what_is_accepted(burst: float) -> None:
    provider = Provider(bucket(10.0, burst))
    run_virtually(storm(provider, texts=100_000, seconds=90))
    later = [moment for moment in provider.accepted if moment > 45]
    assert len(later) > 0.6 * 45 * 10.0
    refused = [moment for moment in provider.refused if moment > 45]
    assert len(refused) < 0.6 * len(later)


def test_many_workers_meet_a_storm_as_one_does() -> None:
    provider = Provider(sporadic(0.2, seed=3))
    _, closed = run_virtually(storm(provider, texts=1_500, workers=8))
    assert len(provider.accepted) == 1_500
    assert closed == 0
