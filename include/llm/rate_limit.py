"""Keep under the provider's requests and tokens per minute, and stand still together when it says 429."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

# Providers may enforce a minute's limit per second, so no more than one second's worth goes at once.
BURST_SECONDS = 1.0
# Without a Retry-After, a moment that lets a per-second limit pass without stalling the night.
DEFAULT_PAUSE_SECONDS = 5.0
# So that the workers of several shards do not all come back in the same instant.
JITTER_SECONDS = 0.5

Sleep = Callable[[float], Awaitable[None]]


@dataclass
class _Meter:
    """Weighted GCRA (ITU-T I.371): `due` is the moment at which all that was let through is paid off."""

    per_second: float
    due: float = 0.0

    def wait(self, now: float, weight: float) -> float:
        """Seconds until `weight` may pass. One that is larger than a burst passes when nothing is owed."""
        burst = max(BURST_SECONDS - weight / self.per_second, 0.0)
        return max(self.due - burst - now, 0.0)

    def take(self, now: float, weight: float) -> None:
        self.due = max(self.due, now) + weight / self.per_second


class Pace:
    """Requests and tokens per minute of one worker process; all dimensions or none.

    Args:
        requests_per_minute, tokens_per_minute: this process's share; None: no limit.
        clock, sleep: for tests.
    """

    def __init__(
        self,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._requests = _Meter(requests_per_minute / 60) if requests_per_minute else None
        self._tokens = _Meter(tokens_per_minute / 60) if tokens_per_minute else None
        self._clock, self._sleep = clock, sleep
        # First come, first served: without it a heavy request could starve behind light ones.
        self._turn = asyncio.Lock()

    async def acquire(self, tokens: int) -> None:
        """Wait until one request with about `tokens` tokens (prompt and answer) may go."""
        weighted = [(meter, weight) for meter, weight in ((self._requests, 1), (self._tokens, tokens)) if meter]
        if not weighted:
            return
        async with self._turn:
            while delay := max(meter.wait(self._clock(), weight) for meter, weight in weighted):
                await self._sleep(delay)
            now = self._clock()
            for meter, weight in weighted:
                meter.take(now, weight)


class Gate:
    """One gate for all workers of a process. A 429 closes it; after the wait one canary goes, then all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._clock, self._sleep = clock, sleep
        self._closed_until = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self._canary_out = False

    async def enter(self) -> None:
        """Wait until a call may go."""
        while not self._open.is_set():
            delay = self._closed_until - self._clock()
            if delay > 0:
                await self._sleep(delay)
            elif not self._canary_out:
                self._canary_out = True
                return
            else:
                await self._open.wait()

    def close(self, retry_after_seconds: float | None) -> None:
        """Close until the latest moment that any 429 asked for, plus jitter."""
        pause = DEFAULT_PAUSE_SECONDS if retry_after_seconds is None else retry_after_seconds
        until = self._clock() + pause + random.uniform(0, JITTER_SECONDS)
        self._closed_until = max(self._closed_until, until)
        self._canary_out = False
        self._open.clear()

    def succeeded(self) -> None:
        """A call was answered: let everybody through, unless a later 429 has closed the gate again."""
        if self._clock() >= self._closed_until:
            self._canary_out = False
            self._open.set()

    def canary_failed(self) -> None:
        """A call came back without an answer and without a 429: let another one try."""
        self._canary_out = False
