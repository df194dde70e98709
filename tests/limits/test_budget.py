"""What a budget promises: it is kept by all shards together, and nothing of it is lost."""

import asyncio
from pathlib import Path

import pytest

from include.limits.budget import RunBudget
from include.limits.sqlite_store import SqliteStore
from include.limits.store import MemoryStore, Step, StoreAway, T


async def spend_all(budget: RunBudget, usd: float, actual: float | None = None) -> int:
    answered = 0
    while await budget.reserve(usd):
        budget.settle(usd, usd if actual is None else actual)
        answered += 1
    await budget.close()
    return answered


def test_a_shard_spends_the_whole_budget_and_no_more() -> None:
    assert asyncio.run(spend_all(RunBudget(MemoryStore(), "run", 0, 1.0, share=1.0), 0.125)) == 8


def test_two_shards_keep_to_one_budget(tmp_path: Path) -> None:
    async def both() -> int:
        stores = [SqliteStore(tmp_path / "limits.sqlite") for _ in range(2)]
        budgets = [RunBudget(store, "run", shard, 10.0, share=0.5) for shard, store in enumerate(stores)]
        counts = await asyncio.gather(*(spend_all(budget, 0.125) for budget in budgets))
        for store in stores:
            await store.aclose()
        return sum(counts)

    assert asyncio.run(both()) == 80


def test_what_a_shard_leaves_another_takes() -> None:
    async def run() -> int:
        store = MemoryStore()
        first = RunBudget(store, "run", 0, 10.0, share=0.5)
        assert await first.reserve(0.125)
        first.settle(0.125, 0.125)
        await first.close()
        return await spend_all(RunBudget(store, "run", 1, 10.0, share=0.5), 0.125)

    assert asyncio.run(run()) == 79


def test_answers_that_cost_less_than_was_set_aside_leave_more() -> None:
    assert asyncio.run(spend_all(RunBudget(MemoryStore(), "run", 0, 1.0, share=1.0), 0.25, actual=0.125)) == 7


def test_the_last_money_waits_for_what_is_in_flight() -> None:
    async def run() -> bool:
        budget = RunBudget(MemoryStore(), "run", 0, 0.25, share=1.0)
        assert await budget.reserve(0.25)
        waiting = asyncio.create_task(budget.reserve(0.125))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(0.25, 0.0625)
        return await waiting

    assert asyncio.run(run())


def test_the_crumbs_of_fractions_keep_nobody_waiting() -> None:
    async def run() -> bool:
        budget = RunBudget(MemoryStore(), "run", 0, 0.65, share=1.0)
        for usd in (0.1, 0.2, 0.3):
            assert await budget.reserve(usd)
        waiting = asyncio.create_task(budget.reserve(0.1))
        await asyncio.sleep(0)
        for usd in (0.1, 0.2, 0.3):
            budget.settle(usd, usd)
        return await asyncio.wait_for(waiting, 60)

    assert not asyncio.run(run())


def test_a_retry_replaces_what_its_dead_attempt_had_set_aside() -> None:
    async def run() -> int:
        store = MemoryStore()
        dead = RunBudget(store, "run", 0, 1.0, share=1.0)
        assert await dead.reserve(0.125)
        retry = RunBudget(store, "run", 0, 1.0, share=1.0)
        retry.spend(0.25)
        return await spend_all(retry, 0.125)

    assert asyncio.run(run()) == 6


class LosingStore(MemoryStore):
    """A store that somebody empties."""

    def clear(self) -> None:
        """Nothing is left."""
        self._objects.clear()


class AwayStore(MemoryStore):
    """A store that does not answer."""

    async def update(self, key: str, step: Step[T]) -> T:
        raise StoreAway("gone")


def test_without_its_store_a_shard_keeps_to_its_share() -> None:
    assert asyncio.run(spend_all(RunBudget(AwayStore(), "run", 0, 4.0, share=0.25), 0.125)) == 8


def test_a_store_that_has_lost_it_all_gets_back_what_the_lake_knows(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> int:
        store = LosingStore()
        first, second = (RunBudget(store, "run", shard, 10.0, share=0.5) for shard in range(2))
        first.spend(4.0)
        await first.close()
        second.spend(3.0)
        assert await second.reserve(0.125)
        second.settle(0.125, 0.125)
        store.clear()
        second.look_up = lambda: {"0": 4.0, "1": 3.0}
        return await spend_all(second, 1.5)

    # 10 less what the first has spent and the second had: 2.875 are one such text.
    assert asyncio.run(run()) == 1
    assert len(caplog.messages) == 1


def test_a_shard_that_begins_at_a_store_that_has_lost_it_all_knows_of_the_others() -> None:
    async def run() -> int:
        budget = RunBudget(MemoryStore(), "run", 2, 10.0, share=0.5)
        budget.look_up = lambda: {"0": 4.0, "1": 3.0}
        return await spend_all(budget, 1.0)

    assert asyncio.run(run()) == 3


def test_an_older_copy_of_the_store_is_brought_up_to_date() -> None:
    async def run() -> int:
        store = MemoryStore()
        budget = RunBudget(store, "run", 0, 10.0, share=0.5)
        budget.look_up = lambda: {"0": 2.0, "1": 6.0}
        assert await budget.reserve(1.0)
        budget.settle(1.0, 1.0)
        # The replica that took over had not heard of it yet.
        await store.update("budget:run", lambda held, _: ({"1": 2.0}, None))
        return await spend_all(budget, 1.0)

    # 10 less the 6 of the other one and less the 1 of its own.
    assert asyncio.run(run()) == 3


def test_of_a_store_that_is_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(spend_all(RunBudget(AwayStore(), "run", 0, 4_000.0, share=0.25), 0.5))
    assert len(caplog.messages) == 1


def test_where_nothing_has_a_price_the_store_is_not_asked() -> None:
    class Asked(MemoryStore):
        async def update(self, key: str, step: Step[T]) -> T:
            raise AssertionError(key)

    async def run() -> bool:
        budget = RunBudget(Asked(), "run", 0, 4.0, share=1.0)
        budget.settle(0.0, 0.0)
        await budget.close()
        return budget.is_empty

    assert not asyncio.run(run())
