"""The state of one limit in the store that all workers share; this worker's own while the store is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from include.limits.state import LimitState
from include.limits.store import MemoryStore, Store, StoreAway
from include.limits.store_clock import StoreClock

log = logging.getLogger(__name__)

# While the store is away.
STORE_RETRY_SECONDS = 1.0
# By then all others have counted a worker that begins while the store is away: they try it once a second, for as long.
COUNTED_SECONDS = 3.0

Sleep = Callable[[float], Awaitable[None]]
R = TypeVar("R")


class SharedState:
    """What a worker sees of the store, and of its clock.

    Args:
        store: what all workers share.
        key: of the limit.
        workers: so many share it; each takes its part of the limit while the store is away.
        sleep: for tests.
        clock: learns the store's.
        count_workers: counts them anew then; None: nothing does.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        workers: int,
        sleep: Sleep,
        clock: StoreClock,
        count_workers: Callable[[], int] | None,
    ) -> None:
        self._store, self._key, self._workers = store, key, workers
        self._sleep, self._clock, self._count_workers = sleep, clock, count_workers
        self._fallback = MemoryStore(clock.own)
        self._store_back_at = 0.0
        # As the store held it last; a store that has lost it gets it back.
        self._seen: dict[str, Any] = {}

    @property
    def share(self) -> float:
        """Part of the limit that this worker may lease from the state: all of it, unless the store is away."""
        return 1.0 if self._store_back_at == 0.0 else 1.0 / self._workers

    async def update(self, step: Callable[[LimitState, float], R]) -> R:
        """Change the state in one step, and return what the step does."""

        def on_object(held: dict[str, Any], now: float) -> tuple[dict[str, Any], tuple[R, float, dict[str, Any]]]:
            state = LimitState.from_dict(held)
            # The fallback begins anew, by a clock of its own.
            if self._seen and not held and not self._store_back_at:
                log.warning("The limiter's store has lost the state of %s; it gets back what is known here", self._key)
                state = LimitState.restored(self._seen, now)
            result = step(state, now)
            changed = state.to_dict()
            return changed, (result, now, changed)

        asked_at = self._clock.own()
        if asked_at >= self._store_back_at:
            was_away, self._store_back_at = self._store_back_at > 0.0, 0.0
            try:
                result, now, self._seen = await self._store.update(self._key, on_object)
            except StoreAway as error:
                if self._count_workers is not None:
                    self._workers = await asyncio.to_thread(self._count_workers)
                if not was_away:
                    log.warning(
                        "The limiter's store is away (%s); going on with 1/%d of the limit", error, self._workers
                    )
                    if self._count_workers is not None:
                        await self._sleep(COUNTED_SECONDS)
                    self._clock.change(0.0)
            else:
                back_at = self._clock.own()
                offset = now - (asked_at + back_at) / 2 if self._store.has_own_clock else 0.0
                if was_away:
                    log.info("The limiter's store is back")
                    self._clock.change(offset)
                self._clock.learn(offset, back_at - asked_at)
                return result
            self._store_back_at = self._clock.own() + STORE_RETRY_SECONDS
        result, *_ = await self._fallback.update(self._key, on_object)
        return result
