"""The fan-out: workers, one for each place in flight, pull texts from an iterator and write outcomes to the ledger."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial

from include.errors import ConfigurationError, FuseBlown, NightshiftError, Quarantine, RetryLater, StopRun
from include.lake.effort import NO_EFFORT, Usage
from include.limits.budget import RunBudget
from include.llm.chain import Text
from include.llm.conversation import Conversation, Terms
from include.llm.fuse import Fuse
from include.llm.job import Answered, Job
from include.llm.ledger import LedgerEntry, LedgerWriter, ledger_files, read_ledger, scan_ledger
from include.llm.prices import cost_usd
from include.llm.progress import ProgressReporter, ShardProgress, earlier_attempts, spent_by_shards
from include.llm.providers.provider_errors import COUNTED_BY_FUSE, Unusable
from include.llm.providers.service_tier import FLEX
from include.llm.retry import Caller

log = logging.getLogger(__name__)

# How often a shard looks what has become of the others' records.
FUSE_SECONDS = 1.0


class FanOut:
    """Answers texts with a bounded number of requests in flight: the `Answerer` of the modes `online` and `flex`.

    Args:
        terms: of all conversations; notes that earlier attempts have paid for are added to what they know.
        caller: shared by all workers.
        job: what the texts are.
        run_budget: what may be spent.
        fuse: ends the job when too many records of the run fail.
        in_flight: calls that may be on their way at once.
    """

    def __init__(
        self, terms: Terms, caller: Caller, job: Job, run_budget: RunBudget, fuse: Fuse, in_flight: int
    ) -> None:
        self._terms, self._caller, self._job = terms, caller, job
        self._run_budget, self._fuse, self._in_flight = run_budget, fuse, in_flight
        self._dearest = job.price.dearest_by(FLEX) if job.price and job.flex else 1.0
        # Keys of the texts that earlier attempts have settled, and what they and this one have paid for no outcome.
        self._settled: set[str] = set()
        self._unusable = NO_EFFORT
        self._stopped: list[NightshiftError] = []
        self._ledger_trouble: NightshiftError | None = None
        self._look_at_ledger = asyncio.Event()

    async def answer(self, texts: Iterable[Text], ledger: LedgerWriter) -> Answered:
        """See `Answerer`; the ledger is opened here, and its earlier attempts go on from where they ended.

        Paid calls are never cancelled by another's failure: after the first one that ends the shard no text is
        begun, and what is in flight is finished and kept. While the ledger cannot be written no call is sent once so
        many outcomes wait in memory, and at the end it is tried until the storage's patience is over.
        """
        self._ledger = ledger
        is_plain = self._terms.chain.notes is None and not ledger_files(ledger.lake, ledger.folder)
        self._progress = progress = ShardProgress(self._job.number, self._job.texts)
        progress.attempt = earlier_attempts(ledger.lake, self._job.progress) + 1
        self._run_budget.look_up = partial(spent_by_shards, ledger.lake, self._job.progress)
        self._take_up_earlier()
        self._reporter = ProgressReporter(ledger.lake, self._job.progress, progress)
        with ledger:
            await self._run(iter(texts))
        is_plain = is_plain and ledger.is_whole and self._unusable == NO_EFFORT
        return Answered(progress.done, progress.failed, self._run_budget.is_empty, self._unusable, is_plain)

    async def _run(self, texts: Iterator[Text]) -> None:
        background = [asyncio.create_task(each()) for each in (self._keep, self._tick, self._show, self._watch_fuse)]
        phase = "failed"
        try:
            async with asyncio.TaskGroup() as workers:

                def start_worker() -> None:
                    workers.create_task(self._work(texts))

                self._caller.places.open(self._in_flight, start_worker)
            await self._keep_rest()
            phase = "failed" if self._stopped else "done"
        finally:
            for task in background:
                task.cancel()
            await self._run_budget.close()
            self._take_stock()
            await asyncio.to_thread(self._reporter.finish, phase)
            for stood, count in self._terms.unwrapped.items():
                log.info("answers that stood %s: %d", stood, count)
        if self._stopped:
            raise self._stopped[0]

    def stop(self, error: NightshiftError) -> None:
        """End the shard with this: no text is begun, what is in flight is finished and kept."""
        self._stopped.append(error)
        self._caller.end()

    def _next(self, texts: Iterator[Text]) -> Text | None:
        try:
            return None if self._stopped else next(texts, None)
        except NightshiftError as error:
            self.stop(error)
            return None

    def _take_up_earlier(self) -> None:
        """Count what earlier attempts have left; what they have settled is not asked again."""
        lake, known = self._ledger.lake, self._terms.known
        if self._job.carried is not None and self._terms.chain.notes is not None:
            known |= read_ledger(lake, self._job.carried)
        for entry in scan_ledger(lake, self._ledger.folder):
            is_for_the_fuse = self._job.times_blown > 0 and entry.error_type in COUNTED_BY_FUSE
            if entry.is_notes:
                known[entry.key] = entry
            elif entry.is_unusable:
                self._unusable += entry.effort
                self._progress.count(entry)
            elif entry.key not in self._settled and not is_for_the_fuse:
                self._settled.add(entry.key)
                self._progress.count(entry)
                self._fuse.add(entry)
        self._run_budget.spend(self._progress.cost_usd or 0.0)

    async def _work(self, texts: Iterator[Text]) -> None:
        places = self._caller.places
        while (text := self._next(texts)) is not None:
            if text.key in self._settled:
                continue
            reserved_usd = await self._reserve(text)
            if reserved_usd is None:
                break
            conversation = Conversation(self._terms, text)
            try:
                if self._stopped:
                    raise self._stopped[0]
                await self._converse(conversation)
            except (StopRun, RetryLater, ConfigurationError) as error:
                self.stop(error)
                self._settle(conversation.write_off(), reserved_usd)
                break
            entry = conversation.outcome()
            self._settle(entry, reserved_usd)
            if self._fuse.add(entry):
                await self._check_fuse()
            if places.hand_over():
                return
        places.leave()

    async def _reserve(self, text: Text) -> float | None:
        """Set money aside for a text; None when there is none left."""
        if self._terms.price is None:
            return 0.0
        reserved_usd = self._expected_usd(text)
        # A worker that waits for money must not keep a call from its place whose end sets money free.
        self._caller.places.leave()
        has_money = await self._run_budget.reserve(reserved_usd)
        await self._caller.places.enter()
        return reserved_usd if has_money else None

    def _expected_usd(self, text: Text) -> float:
        """What an answer costs on the average so far; before the first one an estimate.

        At flex it may yet be billed at the standard tier.
        """
        if self._progress.done and self._progress.cost_usd:
            return self._dearest * self._progress.cost_usd / self._progress.done
        chain, learned = self._terms.chain, self._terms.learned
        tokens = Usage(chain.estimate_prompt_tokens(text), 0, learned.expected_output(chain.question))
        return cost_usd(self._terms.price, tokens) or 0.0

    async def _converse(self, conversation: Conversation) -> None:
        """Do for a conversation whatever takes time: send, wait, and find out whose trouble it is."""
        caller = self._caller
        while (body := conversation.body()) is not None:
            tokens = caller.charge(conversation.question, conversation.prepared.prompt_tokens)
            asked_at = caller.now()
            try:
                completion = await caller.ask(body, tokens, conversation.calls)
            except (Unusable, Quarantine) as problem:
                kept = conversation.take(problem, caller.now())
            else:
                kept = conversation.take(completion, caller.now())
                if kept is None or not kept.is_unusable:
                    caller.witness.answered(asked_at)
            self._keep_at_once(kept)
            if conversation.rest_after:
                await caller.rest(conversation.rest_after)
        if conversation.doubtful_since is not None:
            await caller.stop_if_everybodys(
                conversation.doubtful_since,
                conversation.calls,
                lambda usage, tier: self._keep_at_once(conversation.waste(usage, tier)),
            )

    def _keep_at_once(self, entry: LedgerEntry | None) -> None:
        """Keep what was paid for on the way to an outcome."""
        if entry is None:
            return
        self._append(entry)
        if entry.is_unusable:
            self._unusable += entry.effort
            self._progress.count(entry)
            self._run_budget.spend(entry.effort.cost_usd or 0.0)

    def _settle(self, entry: LedgerEntry, reserved_usd: float) -> None:
        """Keep what a text has ended with; what gets no outcome is kept where it was asked at all."""
        if entry.effort.requests or not entry.is_unusable:
            self._append(entry)
            self._progress.count(entry)
        self._run_budget.settle(reserved_usd, entry.effort.cost_usd or 0.0)

    async def _watch_fuse(self) -> None:
        """Other shards may blow it too."""
        while True:
            await self._check_fuse()
            await asyncio.sleep(FUSE_SECONDS)

    async def _check_fuse(self) -> None:
        if not self._stopped:
            try:
                await self._fuse.check()
            except FuseBlown as error:
                self.stop(error)

    def _append(self, entry: LedgerEntry) -> None:
        self._ledger.append(entry)
        if self._ledger.waiting:
            if self._ledger.is_full:
                self._caller.hold()
            if self._ledger.is_due:
                self._look_at_ledger.set()

    async def _keep(self) -> None:
        """Write the ledger whenever it is due."""
        while True:
            # A task that is to end may have a few seconds only.
            if self._ledger.is_due or self._stopped:
                await self._flush()
            if not self._ledger.is_full:
                self._caller.go_on()
            self._look_at_ledger.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_at_ledger.wait(), self._ledger.look_seconds)

    async def _keep_rest(self) -> None:
        """Write what is left, with the storage's patience."""
        while self._ledger.waiting:
            await self._flush()
            if self._ledger.has_failed or isinstance(self._ledger_trouble, ConfigurationError):
                return
            if self._ledger.waiting:
                await asyncio.sleep(self._ledger.look_seconds)

    async def _flush(self) -> None:
        try:
            # Files in object storage take their time; calls go on meanwhile.
            await asyncio.to_thread(self._ledger.flush)
        except (RetryLater, ConfigurationError) as error:
            if self._ledger_trouble is None:
                log.warning("%s It is tried again.", error)
            self._ledger_trouble = error
            if self._ledger.has_failed or isinstance(error, ConfigurationError):
                self.stop(error)
        else:
            if self._ledger_trouble is not None:
                log.info("the ledger is written again")
            self._ledger_trouble = None

    async def _tick(self) -> None:
        """Say in the log how far the shard is, whatever the storage does."""
        while True:
            self._take_stock()
            self._reporter.log_line()
            await asyncio.sleep(self._ledger.look_seconds)

    async def _show(self) -> None:
        """Keep the shard's file up to date."""
        while True:
            await asyncio.to_thread(self._reporter.write_file)
            await asyncio.sleep(self._ledger.look_seconds)

    def _take_stock(self) -> None:
        meter, trouble = self._caller.meter, None if self._ledger_trouble is None else str(self._ledger_trouble)
        is_held = self._caller.is_held or (trouble is not None and not meter.in_flight)
        caller, unwritten = self._caller, self._ledger.waiting
        self._progress.show(meter, caller.pause_seconds, caller.at_a_time, unwritten, trouble, is_held)
