"""The fan-out: a fixed set of workers pulls texts from an iterator and writes each outcome to the ledger."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.errors import Quarantine, RetryLater, StopRun
from include.llm.answering import Chain, Effort
from include.llm.ledger import LedgerEntry, LedgerWriter
from include.llm.progress import ProgressReporter, ShardProgress
from include.llm.retry import Caller
from include.llm.usage import Price, cost_usd


@dataclass(frozen=True)
class Text:
    """One text to be answered, under its answer key."""

    key: str
    text: str


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class FanOut:
    """Answers texts with a bounded number of requests in flight.

    Args:
        chain: how one text is answered.
        caller: shared by all workers.
        ledger: gets every outcome before it counts as done.
        known: entries of earlier attempts at this run, by key; these texts are not asked again.
        progress: counts, updated in place.
        reporter: shows them.
        price: of the model; None when unknown.
        in_flight: number of workers.
        budget_usd: no new text is begun once this much is spent; None when nothing bounds it.
        now: wall clock, for tests.
    """

    chain: Chain
    caller: Caller
    ledger: LedgerWriter
    known: Mapping[str, LedgerEntry]
    progress: ShardProgress
    reporter: ProgressReporter
    price: Price | None
    in_flight: int
    budget_usd: float | None = None
    now: Callable[[], datetime] = _utc_now

    async def run(self, texts: Iterable[Text]) -> None:
        """Answer all texts; every outcome is in the ledger when this returns, unless the budget is used up.

        Paid calls are never cancelled by another's failure: after the first one that ends the shard no text is
        begun, and what is in flight is finished and kept.

        Raises:
            StopRun, RetryLater: the first one that any text met.
        """
        iterator = iter(texts)
        stopped: list[StopRun | RetryLater] = []
        ticker = asyncio.create_task(self._tick())
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self.in_flight):
                    workers.create_task(self._work(iterator, stopped))
        finally:
            ticker.cancel()
            self.reporter.tick(final=True)
        if stopped:
            raise stopped[0]

    async def _work(self, texts: Iterator[Text], stopped: list[StopRun | RetryLater]) -> None:
        for text in texts:
            if stopped or self.over_budget:
                return
            entry = self.known.get(text.key)
            if entry is None:
                self.progress.in_flight += 1
                try:
                    entry = await self._answer(text)
                except (StopRun, RetryLater) as error:
                    stopped.append(error)
                    self.caller.end()
                    return
                finally:
                    self.progress.in_flight -= 1
                self.ledger.append(entry)
            self.progress.count(entry)

    async def _answer(self, text: Text) -> LedgerEntry:
        effort = Effort()
        try:
            answer = await self.chain.answer(self.caller, text.text, effort, self._remember, self.known)
        except Quarantine as problem:
            return self._entry(text.key, effort, None, problem)
        return self._entry(text.key, effort, answer, None)

    def _remember(self, key: str, notes: dict[str, Any], effort: Effort) -> None:
        self.ledger.append(self._entry(key, effort, notes, None))

    def _entry(
        self, key: str, effort: Effort, answer: dict[str, Any] | None, problem: Quarantine | None
    ) -> LedgerEntry:
        return LedgerEntry(
            key=key,
            answer=answer,
            error_type=problem.error_type if problem else None,
            error_message=problem.message if problem else None,
            raw_output=problem.raw_output if problem else None,
            usage=effort.usage,
            cost_usd=cost_usd(self.price, effort.usage),
            attempts=effort.attempts,
            latency_ms=effort.latency_ms,
            requests=effort.counts.requests,
            retries=effort.counts.retries,
            rate_limited=effort.counts.rate_limited,
            processed_at=self.now().isoformat(),
        )

    @property
    def over_budget(self) -> bool:
        """Whether the budget is used up, so that the texts left are for a later run."""
        spent = self.progress.cost_usd
        return self.budget_usd is not None and spent is not None and spent >= self.budget_usd and spent > 0

    async def _tick(self) -> None:
        while True:
            self.reporter.tick()
            await asyncio.sleep(1.0)
