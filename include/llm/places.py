"""Places in flight: as many as calls may be on their way at once.

A worker holds one place from text to text. While a call of it waits to be repeated, another worker has the place; the
call gets the next one that is free, before any new text. So calls that wait hold nobody up, and no worker asks for its
place as long as all goes well.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from include.limits.shared_state import Sleep

# So many texts may wait outside for each place, and at most: each keeps its text and its request in memory, some tens
# of KB. With more, workers wait in their places, and fewer calls go.
WAITING_PER_PLACE, MOST_WAITING = 16, 4_096


class Places:
    """The places of one fan-out. Before `open` there are none, and whoever waits just waits.

    Args:
        sleep: for tests.
    """

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._free = self._outside = self._most_outside = 0
        self._claims: deque[asyncio.Future[None]] = deque()
        self._sleepers: set[asyncio.Timeout] = set()
        self._start_worker: Callable[[], None] = lambda: None
        self._is_closed = False

    def open(self, count: int, start_worker: Callable[[], None]) -> None:
        """Fill all places.

        Args:
            count: of the places.
            start_worker: starts a worker that holds a place, and leaves it when it has no text.
        """
        self._start_worker = start_worker
        self._most_outside = min(WAITING_PER_PLACE * count, MOST_WAITING)
        for _ in range(count):
            start_worker()

    def close(self) -> None:
        """Nobody waits any longer."""
        self._is_closed = True
        while self._sleepers:
            self._sleepers.pop().reschedule(0.0)

    def hand_over(self) -> bool:
        """Give the caller's place to a call that has waited for one; whether there was any."""
        while self._claims:
            claim = self._claims.popleft()
            if not claim.done():
                claim.set_result(None)
                return True
        return False

    def leave(self) -> None:
        """Give the caller's place back."""
        if not self.hand_over():
            self._free += 1

    async def enter(self) -> None:
        """Take a place, as soon as there is one."""
        if self._free:
            self._free -= 1
            return
        claim: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._claims.append(claim)
        await claim

    async def wait(self, seconds: float, outside: bool) -> None:
        """Wait before a call is repeated.

        Args:
            seconds: how long.
            outside: whether others may have the place meanwhile.
        """
        if not outside or self._outside >= self._most_outside:
            await self._doze(seconds)
            return
        self._outside += 1
        try:
            if not self.hand_over():
                self._start_worker()
            await self._doze(seconds)
            await self.enter()
        finally:
            self._outside -= 1

    async def _doze(self, seconds: float) -> None:
        if self._is_closed:
            return
        # Until `close` ends it. A task for each wait costs more than all the rest of it.
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as sleeper:
                self._sleepers.add(sleeper)
                try:
                    await self._sleep(seconds)
                finally:
                    self._sleepers.discard(sleeper)
