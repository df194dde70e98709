"""The pace keeps to the limit; the gate lets one canary go first."""

import asyncio

from include.llm.rate_limit import Gate, Pace


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def test_requests_go_at_the_configured_rate_with_a_second_of_burst() -> None:
    clock = Clock()
    pace = Pace(600, None, clock, clock.sleep)

    async def run() -> list[float]:
        times = []
        for _ in range(100):
            await pace.acquire(tokens=1)
            times.append(clock.now)
        return times

    times = asyncio.run(run())
    for start in range(len(times)):
        in_a_minute = sum(times[start] <= moment < times[start] + 60 for moment in times)
        assert in_a_minute <= 600 + 10
    assert 8.9 <= times[-1] <= 9.1


def test_tokens_bind_when_they_are_scarcer_than_requests() -> None:
    clock = Clock()
    pace = Pace(6000, 60_000, clock, clock.sleep)

    async def run() -> float:
        for _ in range(21):
            await pace.acquire(tokens=500)
        return clock.now

    # 1,000 tokens a second: two requests a second after the first second's burst.
    assert 8.9 <= asyncio.run(run()) <= 10.1


def test_a_request_larger_than_a_burst_passes_when_nothing_is_owed() -> None:
    clock = Clock()

    async def run() -> float:
        pace = Pace(None, 60, clock, clock.sleep)
        await pace.acquire(tokens=600)
        return clock.now

    assert asyncio.run(run()) == 0


def test_after_a_429_one_canary_goes_and_the_others_wait_for_its_answer() -> None:
    clock = Clock()

    async def run() -> tuple[int, int]:
        gate = Gate(clock, clock.sleep)
        gate.close(retry_after_seconds=5)
        passed: list[int] = []

        async def worker(number: int) -> None:
            await gate.enter()
            passed.append(number)

        workers = [asyncio.create_task(worker(number)) for number in range(5)]
        for _ in range(50):
            await asyncio.sleep(0)
        canaries = len(passed)
        gate.succeeded()
        await asyncio.gather(*workers)
        return canaries, len(passed)

    assert asyncio.run(run()) == (1, 5)
    assert clock.now >= 5


def test_the_latest_retry_after_counts() -> None:
    clock = Clock()

    async def run() -> None:
        gate = Gate(clock, clock.sleep)
        gate.close(retry_after_seconds=20)
        gate.close(retry_after_seconds=1)
        await gate.enter()

    asyncio.run(run())
    assert clock.now >= 20
