"""Rate limits that are enforced: how long until there is room."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from tests.fault_server.plan import Limit
from tests.fault_server.reply import Reply, error_reply

Clock = Callable[[], float]


class Meter:
    """What one limit has let through.

    Args:
        limit: see there.
        clock: seconds; of the wall for fixed windows, which start at full minutes.
    """

    def __init__(self, limit: Limit, clock: Clock | None = None) -> None:
        self.limit = limit
        self._clock = clock or (time.time if limit.window == "fixed" else time.monotonic)
        self._taken: deque[tuple[float, int, int]] = deque()
        self._requests = self._tokens = 0

    def wait_seconds(self, tokens: int) -> float:
        """Seconds until a request of that many tokens fits; 0 if it does now.

        A request larger than the whole limit never fits; it is told to wait for the longest time there is.
        """
        now = self._clock()
        self._forget(now)
        wait = 0.0
        if self.limit.requests is not None:
            wait = max(wait, self._until_free(1, self.limit.requests, self._requests, 1, now))
        if self.limit.tokens is not None:
            wait = max(wait, self._until_free(tokens, self.limit.tokens, self._tokens, 2, now))
        return wait

    def take(self, tokens: int) -> None:
        """Count a request."""
        now = self._clock()
        self._forget(now)
        self._taken.append((self._ends(now), 1, tokens))
        self._requests += 1
        self._tokens += tokens

    def remaining(self) -> tuple[int | None, int | None, float]:
        """Requests and tokens that still fit (None: without limit), and seconds until all do."""
        now = self._clock()
        self._forget(now)
        limit = self.limit
        return (
            None if limit.requests is None else max(0, limit.requests - self._requests),
            None if limit.tokens is None else max(0, limit.tokens - self._tokens),
            self._taken[-1][0] - now if self._taken else 0.0,
        )

    def _ends(self, now: float) -> float:
        """When a request of now no longer counts."""
        span = self.limit.per_seconds
        return (now // span + 1) * span if self.limit.window == "fixed" else now + span

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0][0] <= now:
            _, requests, tokens = self._taken.popleft()
            self._requests -= requests
            self._tokens -= tokens

    def _until_free(self, wanted: int, limit: int, used: int, column: int, now: float) -> float:
        if used + wanted <= limit:
            return 0.0
        if wanted > limit:
            return self.limit.per_seconds
        for entry in self._taken:
            used -= int(entry[column])
            if used + wanted <= limit:
                return entry[0] - now
        return self.limit.per_seconds


class Limits:
    """All limits of a plan.

    Args:
        limits: see there.
        clock: for tests.
    """

    def __init__(self, limits: Sequence[Limit], clock: Clock | None = None) -> None:
        self._meters = [Meter(limit, clock) for limit in limits]
        self.needs_tokens = any(limit.tokens is not None for limit in limits)

    def admit(self, used: int, reserved: int) -> Reply | None:
        """Count a request, or return the 429 for it.

        Args:
            used: tokens that it will have used.
            reserved: tokens of its prompt and of its longest possible answer.
        """
        full: Meter | None = None
        longest = 0.0
        charges = [reserved if meter.limit.charge == "reserved" else used for meter in self._meters]
        for meter, tokens in zip(self._meters, charges, strict=True):
            wait = meter.wait_seconds(tokens)
            if wait > longest:
                full, longest = meter, wait
        for meter, tokens in zip(self._meters, charges, strict=True):
            if full is None or meter.limit.counts_rejected:
                meter.take(tokens if full is None else 0)
        if full is None:
            return None
        return _rejection(full.limit, "requests" if full.remaining()[0] == 0 else "tokens", longest)

    def headers(self) -> dict[str, str]:
        """`x-ratelimit-*` headers, of each kind those of the limit that is nearest to its end."""
        headers: dict[str, str] = {}
        for index, kind in enumerate(("requests", "tokens")):
            rows = []
            for meter in self._meters:
                remaining = meter.remaining()
                limit = getattr(meter.limit, kind)
                if limit is not None:
                    rows.append((remaining[index] or 0, limit, remaining[2]))
            if rows:
                left, limit, reset = min(rows, key=lambda row: row[0] / row[1])
                headers[f"x-ratelimit-limit-{kind}"] = str(limit)
                headers[f"x-ratelimit-remaining-{kind}"] = str(left)
                headers[f"x-ratelimit-reset-{kind}"] = duration(reset)
        return headers

    def with_headers(self, reply: Reply) -> Reply:
        """The same reply with the headers above."""
        return replace(reply, headers={**reply.headers, **self.headers()})


def duration(seconds: float) -> str:
    """Seconds as OpenAI writes them: `120ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.3g}s" if minutes else f"{rest:.3g}s"


def _rejection(limit: Limit, kind: Literal["requests", "tokens"], wait_seconds: float) -> Reply:
    seconds = math.ceil(wait_seconds) if limit.retry_after_seconds is None else limit.retry_after_seconds
    message = (
        f"Rate limit reached: {getattr(limit, kind)} {kind} per {limit.per_seconds:g} s. "
        f"Please try again in {duration(wait_seconds)}."
    )
    return error_reply(429, message, kind=kind, code="rate_limit_exceeded", headers={"retry-after": f"{seconds:g}"})
