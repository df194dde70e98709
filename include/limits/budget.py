"""The budget of a run, which its shards spend together.

Money is set aside before a request goes and settled when its answer is there. A shard takes some from the shared
store at a time; what stands there for it is always its whole amount, so that a retry of the shard replaces what its
dead attempt had set aside.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from include.limits.store import Store, StoreAway

log = logging.getLogger(__name__)

# For so many requests money is taken at once, so that the store is asked rarely.
REQUESTS_AT_ONCE = 256


class RunBudget:
    """What one shard may spend of a run's budget.

    Args:
        store: what all shards share.
        key: of the run.
        shard: its number.
        budget_usd: of the whole run.
        share: of the budget that this shard keeps to when the store is away.
    """

    def __init__(self, store: Store, key: str, shard: int, budget_usd: float, share: float) -> None:
        # What all shards have spent, by their numbers, as the lake knows it: for a store that has lost it.
        self.look_up: Callable[[], dict[str, float]] = dict
        self._written: float | None = None
        self._is_away = False
        self._store, self._key, self._shard = store, f"budget:{key}", str(shard)
        self._budget, self._share = budget_usd, share
        self._spent = 0.0
        # Set aside for requests in flight, and what the store has let this shard have in all.
        self._reserved, self._outstanding = 0.0, 0
        self._allowed = 0.0
        self._settled = asyncio.Event()
        self._taking = asyncio.Lock()
        self.is_empty = False

    async def reserve(self, usd: float) -> bool:
        """Set money aside for one text; False when the budget does not have it any more."""
        while not self.is_empty:
            if self._spent + self._reserved + usd > self._allowed:
                # One worker asks for all: a hundred at once would only wait for each other.
                async with self._taking:
                    if self._spent + self._reserved + usd > self._allowed:
                        await self._take(usd)
            if self._spent + self._reserved + usd <= self._allowed:
                self._reserved += usd
                self._outstanding += 1
                return True
            # What is in flight may turn out cheaper than what was set aside for it.
            self._settled.clear()
            if not self._outstanding:
                self.is_empty = True
            else:
                await self._settled.wait()
        return False

    def settle(self, reserved_usd: float, spent_usd: float) -> None:
        """What was set aside for a text has become `spent_usd`."""
        self._outstanding -= 1
        # Sums of fractions leave crumbs.
        self._reserved = self._reserved - reserved_usd if self._outstanding else 0.0
        self._spent += spent_usd
        self._settled.set()

    def spend(self, usd: float) -> None:
        """Money that was paid by earlier attempts at this shard, or besides what a text ends with."""
        self._spent += usd

    async def close(self) -> None:
        """Leave what was not spent to the other shards."""
        self._reserved = 0.0
        # Where nothing has a price the store is not asked.
        if self._spent or self._allowed:
            await self._take(0.0, close=True)

    async def _take(self, usd: float, close: bool = False) -> None:
        needed = self._spent + self._reserved + usd
        wanted = needed if close else needed + usd * (REQUESTS_AT_ONCE - 1)

        known: dict[str, float] | None = None

        def step(amounts: dict[str, Any], _: float) -> tuple[dict[str, Any], float | None]:
            if known is None and self._is_lost(amounts):
                return amounts, None
            for number, spent in (known or {}).items():
                amounts[number] = max(amounts.get(number, 0.0), spent)
            left = self._budget - sum(amount for shard, amount in amounts.items() if shard != self._shard)
            # What is spent is spent, whatever the budget says.
            allowed = max(min(wanted, left), self._spent)
            return {**amounts, self._shard: allowed}, allowed

        try:
            allowed = await self._store.update(self._key, step)
            if allowed is None:
                known = await asyncio.to_thread(self.look_up)
                if any(shard != self._shard for shard in known):
                    log.warning("The budget's store has lost what was spent; it gets back what the lake knows")
                allowed = cast(float, await self._store.update(self._key, step))
            self._allowed = self._written = allowed
            self._is_away = False
        except StoreAway as error:
            if not self._is_away:
                log.warning("The budget's store is away (%s); this shard keeps to its share of the budget", error)
            self._is_away = True
            self._allowed = max(self._spent, self._budget * self._share)

    def _is_lost(self, amounts: dict[str, Any]) -> bool:
        """Whether the store does not hold what this shard has written; nothing at all, when that is not anything yet.

        Another server may have taken its place which has an older copy, or none.
        """
        return not amounts if self._written is None else amounts.get(self._shard) != self._written
