"""Infer: answer the texts of one shard, every outcome in the ledger before it counts."""

import asyncio
import gc
import io
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing

import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import RetryLater, StopRun
from include.lake.effort import Service
from include.lake.paths import Lake
from include.limits.budget import RunBudget
from include.limits.open_store import open_store
from include.llm.answers_file import write_answers
from include.llm.conversation import Chain, Text
from include.llm.endpoint import Endpoint
from include.llm.fuse import Fuse
from include.llm.ledger import (
    FLUSH_SECONDS,
    LedgerEntry,
    LedgerWriter,
    ledger_files,
    read_ledger,
    scan_ledger,
    total_spent,
)
from include.llm.online import FanOut
from include.llm.open_caller import open_caller
from include.llm.prices import planned_price
from include.llm.progress import ProgressReporter, ShardProgress, earlier_attempts
from include.llm.provider_errors import COUNTED_BY_FUSE
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import planned_chain, planned_endpoint
from include.settings import max_error_share, number_setting
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

ROWS_PER_READ = 1_000
# Objects that may have become garbage before the collector looks: some MB.
GARBAGE = 50_000
STOPPED = "The task was told to stop. What was answered is kept, and the task's retry goes on from there."


async def infer_shard(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    endpoint: Endpoint,
    shard: int,
    environ: Mapping[str, str] = os.environ,
    count_shards: Callable[[], int] = lambda: 1,
) -> dict[str, int]:
    """Answer one shard; what an earlier attempt answered is not asked again. SIGTERM ends it early.

    Args:
        count_shards: how many shards run now, this one among them.

    Returns:
        Counts: `done`, and of these `failed`.

    Raises:
        StopRun: what was planned cannot be asked, or its answers not be read, any more.
        EndpointUnusable: the endpoint refuses everything.
        RetryLater: the endpoint was away for too long, or the worker stops; what was answered is in the ledger.
    """
    # Arrow's own allocator keeps the pages that it has used once; a shard runs for hours beside others.
    pa.set_memory_pool(pa.system_memory_pool())
    # What is loaded by now stays, and calls leave no cycles, whether they are answered or not: the collector, which
    # would take a fifth of the time, is there for the unforeseen.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    work = WorkFiles(lake, run)
    plan = work.read_plan()
    endpoint = planned_endpoint(plan["planned"], endpoint)
    chain = planned_chain(plan["planned"], pipeline)
    price = planned_price(plan["price"])
    folder = work.shard_ledger(shard)
    # A storage that goes away in mid-shard must not hold up the calls that are on their way.
    source = lake.fs.open(work.shard(shard), "rb") if lake.is_local else io.BytesIO(lake.fs.cat_file(work.shard(shard)))
    with pq.ParquetFile(source, page_checksum_verification=True) as texts:
        progress = ShardProgress(shard=shard, total=texts.metadata.num_rows)
        progress.attempt = earlier_attempts(lake, work.progress(shard)) + 1
        store = open_store(environ)
        is_plain = chain.notes is None and not ledger_files(lake, folder)
        times_blown = work.times_blown()
        run_key = f"{lake.uri(work.path())} {plan['budget_key']}"
        fuse = None if endpoint.is_demo else Fuse(store, f"{run_key} {times_blown}", shard, max_error_share(environ))
        done, notes, unusable = _earlier(
            lake, folder, work.path("ledger", "carried"), chain, progress, fuse, has_blown=times_blown > 0
        )
        expected = plan.get("expected_output_tokens")
        # Without a price nothing is known to be spent; `plan` has said so.
        run_budget = (
            None
            if price is None
            else RunBudget(
                store,
                run_key,
                shard,
                run.budget_usd,
                share=progress.total / max(plan["asked"], 1),
                spent_usd=progress.cost_usd or 0.0,
            )
        )
        limits = (run.requests_per_minute, run.tokens_per_minute)
        async with aclosing(store), open_caller(chain, endpoint, store, limits, count_shards, expected) as caller:
            flush_seconds = number_setting("NIGHTSHIFT_LEDGER_FLUSH_SECONDS", environ) or FLUSH_SECONDS
            with LedgerWriter(lake, folder, flush_seconds) as ledger:
                fan_out = FanOut(
                    chain=chain,
                    caller=caller,
                    ledger=ledger,
                    done=done,
                    notes=notes,
                    progress=progress,
                    reporter=ProgressReporter(lake, work.progress(shard), progress),
                    price=price,
                    in_flight=endpoint.in_flight,
                    redaction=pipeline.redaction,
                    run_budget=run_budget,
                    fuse=fuse,
                    service=Service(run.mode, None, endpoint.address, str(chain.question.dialect)),
                )
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fan_out.stop, RetryLater(STOPPED))
                try:
                    await fan_out.run(_texts(texts))
                except StopRun as error:
                    work.stopping(error)
                    raise
    if fan_out.over_budget:
        log.warning("the budget of %.2f USD is used up; what is left of shard %d waits", run.budget_usd, shard)
    # Give back what the calls have used before the file is built.
    pa.default_memory_pool().release_unused()
    is_plain = is_plain and ledger.is_whole and not fan_out.wasted
    write_answers(lake, folder, work.answers(shard), pipeline.answer, is_plain)
    unusable += fan_out.wasted
    work.write_manifest(
        f"infer-{shard:04d}", {"over_budget": fan_out.over_budget, "unusable": total_spent(unusable).columns()}
    )
    return {"done": progress.done, "failed": progress.failed}


def _earlier(
    lake: Lake,
    folder: str,
    carried: str,
    chain: Chain,
    progress: ShardProgress,
    fuse: Fuse | None,
    has_blown: bool,
) -> tuple[set[str], dict[str, LedgerEntry], list[LedgerEntry]]:
    """What earlier attempts have left.

    Args:
        has_blown: whether the fuse has ended one: then what it had counted against is asked again.

    Returns:
        The keys that they have settled, counted as done, the notes that they or other runs paid for, and what they paid
        for texts that they did not settle.
    """
    notes = {} if chain.notes is None else read_ledger(lake, carried)
    done: set[str] = set()
    unusable: list[LedgerEntry] = []
    for entry in scan_ledger(lake, folder):
        if entry.is_notes:
            notes[entry.key] = entry
        elif entry.is_unusable:
            unusable.append(entry)
            progress.count(entry)
        elif entry.key not in done and not (has_blown and entry.error_type in COUNTED_BY_FUSE):
            done.add(entry.key)
            progress.count(entry)
            if fuse is not None:
                fuse.add(entry)
    return done, notes, unusable


def _texts(file: pq.ParquetFile) -> Iterator[Text]:
    # Group by group: a reader of the whole file keeps the bytes of all groups that it has been through.
    for group in range(file.num_row_groups):
        for batch in file.iter_batches(batch_size=ROWS_PER_READ, row_groups=[group], use_threads=False):
            pa.default_memory_pool().release_unused()
            for row in batch.to_pylist():
                # What the version before has planned has nothing above its texts.
                yield Text(row["answer_key"], row["text"], row.get("above") or "")
