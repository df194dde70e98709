"""What calls came to: of one question, and of a shard at this moment and in the last minute."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

_MINUTE_SECONDS = 60.0


class LastMinute:
    """Counts of the last 60 seconds, to the second; however much is counted, it takes 61 numbers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # (second, how many in it), oldest first.
        self._seconds: deque[tuple[int, int]] = deque()

    def add(self) -> None:
        """Count one."""
        second = int(self._clock())
        count = self._seconds.pop()[1] if self._seconds and self._seconds[-1][0] == second else 0
        self._seconds.append((second, count + 1))
        self._forget(second)

    @property
    def count(self) -> int:
        """How many there were."""
        self._forget(int(self._clock()))
        return sum(count for _, count in self._seconds)

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - _MINUTE_SECONDS:
            self._seconds.popleft()


@dataclass
class CallCounts:
    """What one question took: calls that reached the provider, of these repeated ones, and 429s.

    Args:
        no_room_since: when the first of them was sent that found no room at flex; None: all found it.
    """

    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    no_room_since: float | None = None


@dataclass
class CallMeter:
    """Of all calls that one `Caller` makes; for people, nothing is decided by it.

    Args:
        in_flight: sent, and not answered yet.
        waiting_for_permit: would be sent if the rate limit let them.
        waiting_to_retry: failed or refused with a 429, and to be sent again after a while.
        rate_limited, failures: 429s and other calls without an answer, of the last minute.
        last_error: one sentence about the last of either; None: there was none.
    """

    in_flight: int = 0
    waiting_for_permit: int = 0
    waiting_to_retry: int = 0
    rate_limited: LastMinute = field(default_factory=LastMinute)
    failures: LastMinute = field(default_factory=LastMinute)
    last_error: str | None = None

    @property
    def rate_limited_60s(self) -> int:
        """429s of the last minute."""
        return self.rate_limited.count

    @property
    def failures_60s(self) -> int:
        """Calls of the last minute that had no answer for another reason: 5xx, timeouts, broken connections."""
        return self.failures.count
