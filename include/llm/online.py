"""The fan-out: workers, one for each place in flight, pull texts from an iterator and write outcomes to the ledger."""

import asyncio
import functools
import logging
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from include.errors import ConfigurationError, FuseBlown, NightshiftError, Quarantine, RetryLater, StopRun
from include.lake.effort import Effort, Service, Usage
from include.limits.budget import RunBudget
from include.llm.conversation import Chain, Spending, Text
from include.llm.fuse import Fuse
from include.llm.ledger import LedgerEntry, LedgerWriter
from include.llm.prices import Price, cost_usd
from include.llm.progress import ProgressReporter, ShardProgress
from include.llm.retry import Caller
from include.privacy.policy import RedactionPolicy
from include.privacy.redact import redact_output

log = logging.getLogger(__name__)

# How often a shard looks what has become of the others' records.
FUSE_SECONDS = 1.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class FanOut:
    """Answers texts with a bounded number of requests in flight.

    Args:
        chain: how one text is answered.
        caller: shared by all workers.
        ledger: gets every outcome before it counts as done.
        done: answer keys that have an outcome from an earlier attempt at this run; they are not asked again.
        notes: steps on the way to an answer that an earlier attempt paid for, by key.
        progress: counts, updated in place.
        reporter: shows them.
        price: of the model; None when unknown.
        in_flight: calls that may be on their way at once.
        redaction: what is taken out of raw outputs that are kept.
        run_budget: what may be spent; None when nothing bounds it.
        service: of all requests, but for the tier that each answer names.
        fuse: ends the shard when too many records of the run fail; None: nothing does.
        wasted: what was paid for answers that were none.
        now: wall clock, for tests.
    """

    chain: Chain
    caller: Caller
    ledger: LedgerWriter
    done: Container[str]
    notes: Mapping[str, LedgerEntry]
    progress: ShardProgress
    reporter: ProgressReporter
    price: Price | None
    in_flight: int
    redaction: RedactionPolicy = field(default_factory=RedactionPolicy)
    run_budget: RunBudget | None = None
    service: Service = field(default_factory=Service)
    fuse: Fuse | None = None
    wasted: list[LedgerEntry] = field(default_factory=list)
    now: Callable[[], datetime] = _utc_now

    def __post_init__(self) -> None:
        self._stopped: list[NightshiftError] = []
        self._ledger_trouble: NightshiftError | None = None
        self._look_at_ledger = asyncio.Event()
        self._on_tier = functools.cache(lambda tier: replace(self.service, service_tier=tier))

    async def run(self, texts: Iterable[Text]) -> None:
        """Answer all texts; every outcome is in the ledger when this returns, unless the budget is used up.

        Paid calls are never cancelled by another's failure: after the first one that ends the shard no text is
        begun, and what is in flight is finished and kept. While the ledger cannot be written no call is sent once so
        many outcomes wait in memory, and at the end it is tried until the storage's patience is over.

        Raises:
            StopRun, RetryLater, ConfigurationError: the first one that any text, or the ledger, met.
        """
        iterator = iter(texts)
        background = [asyncio.create_task(each()) for each in (self._keep, self._tick, self._show, self._watch_fuse)]
        phase = "failed"
        try:
            async with asyncio.TaskGroup() as workers:

                def start_worker() -> None:
                    workers.create_task(self._work(iterator))

                self.caller.places.open(self.in_flight, start_worker)
            await self._keep_rest()
            phase = "failed" if self._stopped else "done"
        finally:
            for task in background:
                task.cancel()
            if self.run_budget is not None:
                await self.run_budget.close()
            self._take_stock()
            await asyncio.to_thread(self.reporter.finish, phase)
        if self._stopped:
            raise self._stopped[0]

    def stop(self, error: NightshiftError) -> None:
        """End the shard with this: no text is begun, what is in flight is finished and kept."""
        self._stopped.append(error)
        self.caller.end()

    def _next(self, texts: Iterator[Text]) -> Text | None:
        try:
            return None if self._stopped else next(texts, None)
        except NightshiftError as error:
            self.stop(error)
            return None

    async def _work(self, texts: Iterator[Text]) -> None:
        places = self.caller.places
        while (text := self._next(texts)) is not None:
            if text.key in self.done:
                continue
            reserved = await self._reserve(text)
            if reserved is None:
                break
            effort = Spending(self.price, account=functools.partial(self._waste, text.key))
            try:
                if self._stopped:
                    raise self._stopped[0]
                entry = await self._answer(text, effort)
            except (StopRun, RetryLater, ConfigurationError) as error:
                self.stop(error)
                self._write_off(text, effort, reserved)
                break
            self._append(entry)
            self.progress.count(entry)
            if self.run_budget is not None:
                self.run_budget.settle(reserved, entry.effort.cost_usd or 0.0)
            if self.fuse is not None and self.fuse.add(entry):
                await self._check_fuse(self.fuse)
            if places.hand_over():
                return
        places.leave()

    async def _reserve(self, text: Text) -> float | None:
        """Set money aside for a text; None when there is none left."""
        if self.run_budget is None:
            return 0.0
        reserved = self._expected_usd(text)
        # A worker that waits for money must not keep a call from its place whose end sets money free.
        self.caller.places.leave()
        has_money = await self.run_budget.reserve(reserved)
        await self.caller.places.enter()
        return reserved if has_money else None

    def _expected_usd(self, text: Text) -> float:
        """What an answer costs on the average so far; before the first one an estimate."""
        if self.progress.done and self.progress.cost_usd:
            return self.progress.cost_usd / self.progress.done
        question = self.chain.question
        tokens = Usage(self.chain.estimate_prompt_tokens(text), 0, self.caller.expected_output(question))
        return cost_usd(self.price, tokens) or 0.0

    async def _answer(self, text: Text, effort: Spending) -> LedgerEntry:
        try:
            remember = functools.partial(self._remember, text.key)
            answer = await self.chain.answer(self.caller, text, effort, remember, self.notes)
        except Quarantine as problem:
            return self._entry(text.key, effort, None, problem)
        return self._entry(text.key, effort, answer, None)

    def _write_off(self, text: Text, effort: Spending, reserved: float) -> None:
        """Keep what was asked and paid for a text that gets no outcome now."""
        entry = self._entry(text.key, effort.last_step or effort, None, None, is_unusable=True)
        if entry.effort.requests:
            self._append(entry)
            self.progress.count(entry)
        if self.run_budget is not None:
            self.run_budget.settle(reserved, entry.effort.cost_usd or 0.0)

    def _waste(self, key: str, usage: Usage) -> None:
        """Keep at once what was paid for an answer that is none: a kill must not hide it from the budget."""
        effort = Spending(self.price)
        effort.pay(usage, None)
        entry = self._entry(key, effort, None, None, is_unusable=True)
        if usage.total:
            self._append(entry)
            self.wasted.append(entry)
            self.progress.count(entry)
            if self.run_budget is not None:
                self.run_budget.spend(entry.effort.cost_usd or 0.0)

    async def _watch_fuse(self) -> None:
        """Other shards may blow it too."""
        while self.fuse is not None:
            await self._check_fuse(self.fuse)
            await asyncio.sleep(FUSE_SECONDS)

    async def _check_fuse(self, fuse: Fuse) -> None:
        if not self._stopped:
            try:
                await fuse.check()
            except FuseBlown as error:
                self.stop(error)

    def _remember(self, step_of: str, key: str, notes: dict[str, Any], effort: Spending) -> None:
        self._append(replace(self._entry(key, effort, notes, None, is_notes=True), step_of=step_of))

    def _append(self, entry: LedgerEntry) -> None:
        self.ledger.append(entry)
        if self.ledger.waiting:
            if self.ledger.is_full:
                self.caller.hold()
            if self.ledger.is_due:
                self._look_at_ledger.set()

    def _entry(
        self,
        key: str,
        effort: Spending,
        answer: dict[str, Any] | None,
        problem: Quarantine | None,
        is_notes: bool = False,
        is_unusable: bool = False,
    ) -> LedgerEntry:
        return LedgerEntry(
            key=key,
            answer=answer,
            error_type=problem.error_type if problem else None,
            error_message=problem.message if problem else None,
            raw_output=redact_output(problem.raw_output, self.redaction) if problem and problem.raw_output else None,
            effort=Effort(
                effort.usage,
                None if self.price is None else effort.cost_usd,
                effort.attempts,
                effort.latency_ms,
                effort.counts.requests,
                effort.counts.retries,
                effort.counts.rate_limited,
            ),
            processed_at=self.now().isoformat(),
            is_notes=is_notes,
            is_unusable=is_unusable,
            service=self._on_tier(effort.service_tier),
        )

    @property
    def over_budget(self) -> bool:
        """Whether the budget is used up, so that the texts left are for a later run."""
        return self.run_budget is not None and self.run_budget.is_empty

    async def _keep(self) -> None:
        """Write the ledger whenever it is due."""
        while True:
            # A task that is to end may have a few seconds only.
            if self.ledger.is_due or self._stopped:
                await self._flush()
            if not self.ledger.is_full:
                self.caller.go_on()
            self._look_at_ledger.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_at_ledger.wait(), self.ledger.look_seconds)

    async def _keep_rest(self) -> None:
        """Write what is left, with the storage's patience."""
        while self.ledger.waiting:
            await self._flush()
            if self.ledger.has_failed or isinstance(self._ledger_trouble, ConfigurationError):
                return
            if self.ledger.waiting:
                await asyncio.sleep(self.ledger.look_seconds)

    async def _flush(self) -> None:
        try:
            # Files in object storage take their time; calls go on meanwhile.
            await asyncio.to_thread(self.ledger.flush)
        except (RetryLater, ConfigurationError) as error:
            if self._ledger_trouble is None:
                log.warning("%s It is tried again.", error)
            self._ledger_trouble = error
            if self.ledger.has_failed or isinstance(error, ConfigurationError):
                self.stop(error)
        else:
            if self._ledger_trouble is not None:
                log.info("the ledger is written again")
            self._ledger_trouble = None

    async def _tick(self) -> None:
        """Say in the log how far the shard is, whatever the storage does."""
        while True:
            self._take_stock()
            self.reporter.log_line()
            await asyncio.sleep(self.ledger.look_seconds)

    async def _show(self) -> None:
        """Keep the shard's file up to date."""
        while True:
            await asyncio.to_thread(self.reporter.write_file)
            await asyncio.sleep(self.ledger.look_seconds)

    def _take_stock(self) -> None:
        meter, trouble = self.caller.meter, None if self._ledger_trouble is None else str(self._ledger_trouble)
        is_held = self.caller.is_held or (trouble is not None and not meter.in_flight)
        self.progress.show(meter, self.caller.pause_seconds, self.ledger.waiting, trouble, is_held)
