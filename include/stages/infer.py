"""Infer: answer the texts of one shard, every outcome in the ledger before it counts."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace

import pyarrow as pa

from include.errors import RetryLater, StopRun
from include.lake.paths import Lake
from include.limits.open_store import open_store
from include.llm.answerer import Answerer, open_answerer
from include.llm.answers_file import write_answers
from include.llm.chain import Text
from include.llm.endpoint import Endpoint
from include.llm.flex import FlexPatience
from include.llm.job import Answered, Job
from include.llm.ledger import FLUSH_SECONDS, LedgerWriter
from include.llm.providers.service_tier import FLEX
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import planned_chain, planned_endpoint
from include.settings import max_error_share, number_setting
from include.stages.manifests import Inferred, Planned
from include.stages.planned_texts import shard_texts
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

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
    _save_memory()
    work = WorkFiles(lake, run)
    plan = work.read(Planned)
    endpoint, chain = planned_endpoint(plan.planned, endpoint), planned_chain(plan.planned, pipeline)
    count, texts = shard_texts(lake, work, shard, chain)
    job = _job(work, pipeline, plan, shard, count, environ)
    limits = replace(run.limits, budget_usd=run.budget_usd - plan.spent_usd)
    async with (
        aclosing(open_store(environ)) as store,
        open_answerer(chain, endpoint, limits, job, store, count_shards) as answerer,
    ):
        answered = await _answer(answerer, work, shard, texts, environ)
    _write_outcomes(work, pipeline, shard, answered)
    return {"done": answered.done, "failed": answered.failed}


async def _answer(
    answerer: Answerer, work: WorkFiles, shard: int, texts: Iterator[Text], environ: Mapping[str, str]
) -> Answered:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, answerer.stop, RetryLater(STOPPED))
    flush_seconds = number_setting("NIGHTSHIFT_LEDGER_FLUSH_SECONDS", environ) or FLUSH_SECONDS
    try:
        return await answerer.answer(texts, LedgerWriter(work.lake, work.shard_ledger(shard), flush_seconds))
    except StopRun as error:
        work.stopping(error)
        raise


def _save_memory() -> None:
    # Arrow's own allocator keeps the pages that it has used once; a shard runs for hours beside others.
    pa.set_memory_pool(pa.system_memory_pool())
    # What is loaded by now stays, and calls leave no cycles, whether they are answered or not: the collector, which
    # would take a fifth of the time, is there for the unforeseen.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _job(work: WorkFiles, pipeline: Pipeline, plan: Planned, shard: int, texts: int, environ: Mapping[str, str]) -> Job:
    patience = FlexPatience(pipeline.flex_patience_seconds, pipeline.flex_refused_share)
    return Job(
        run_key=f"{work.lake.uri(work.path())} {plan.budget_key}",
        texts=texts,
        progress=work.progress(shard),
        price=plan.price,
        redaction=pipeline.redaction,
        mode=plan.mode,
        flex=patience if plan.mode == FLEX else None,
        number=shard,
        share_of_run=texts / max(plan.asked, 1),
        expected_output_tokens=plan.expected_output_tokens,
        carried=work.carried,
        max_error_share=max_error_share(environ),
        times_blown=work.stopped().times_blown,
    )


def _write_outcomes(work: WorkFiles, pipeline: Pipeline, shard: int, answered: Answered) -> None:
    if answered.is_over_budget:
        log.warning("the budget of %.2f USD is used up; what is left of shard %d waits", work.run.budget_usd, shard)
    # Give back what the calls have used before the file is built.
    pa.default_memory_pool().release_unused()
    write_answers(work.lake, work.shard_ledger(shard), work.answers(shard), pipeline.answer, answered.is_plain)
    work.write(Inferred(over_budget=answered.is_over_budget, unusable=answered.unusable), shard)
