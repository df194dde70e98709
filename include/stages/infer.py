"""Infer: answer the texts of one shard, every outcome in the ledger before it counts."""

import logging
from collections.abc import Iterator

import pyarrow.parquet as pq

from include.lake.paths import Lake
from include.llm.build_chain import build_chain
from include.llm.client import ChatClient
from include.llm.endpoint import Endpoint
from include.llm.fanout import FanOut, Text
from include.llm.ledger import LedgerWriter, read_ledger
from include.llm.progress import ProgressReporter, ShardProgress
from include.llm.rate_limit import Pace
from include.llm.retry import Caller
from include.llm.usage import load_price
from include.pipelines.definition import Pipeline
from include.stages.pool import POOL_SLOTS
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

ROWS_PER_READ = 1_000


async def infer_shard(
    lake: Lake, pipeline: Pipeline, run: RunContext, endpoint: Endpoint, shard: int
) -> dict[str, int]:
    """Answer one shard; what an earlier attempt answered is not asked again.

    Returns:
        Counts: `done`, and of these `failed`.

    Raises:
        EndpointUnusable: the endpoint refuses everything.
        RetryLater: the endpoint was away for too long; what was answered is in the ledger.
    """
    work = WorkFiles(lake, run)
    chain = build_chain(pipeline, endpoint, run.model, run.prompt_version)
    plan = work.read_manifest("plan")
    texts = pq.ParquetFile(lake.fs.open(work.shard(shard), "rb"), page_checksum_verification=True)
    known = read_ledger(lake, work.shard_ledger(shard)) | read_ledger(lake, work.path("ledger", "carried"))
    progress = ShardProgress(shard=shard, records=texts.metadata.num_rows)
    price = load_price(run.model)
    with LedgerWriter(lake, work.shard_ledger(shard)) as ledger:
        async with ChatClient(endpoint, endpoint.in_flight) as client:
            fan_out = FanOut(
                chain=chain,
                caller=Caller(client, _share_of_limit(run), probe=chain.question.body("OK")),
                ledger=ledger,
                known=known,
                progress=progress,
                reporter=ProgressReporter(lake, work.progress(shard), progress),
                price=price,
                in_flight=endpoint.in_flight,
                budget_usd=run.budget_usd * progress.records / max(plan["asked"], 1),
            )
            await fan_out.run(_texts(texts))
    if fan_out.over_budget:
        log.warning("shard %d has used up its budget (%.4f USD); the rest waits", shard, fan_out.budget_usd)
    work.write_manifest(f"infer-{shard:04d}", {"over_budget": fan_out.over_budget})
    return {"done": progress.done, "failed": progress.failed}


def _share_of_limit(run: RunContext) -> Pace:
    requests, tokens = run.requests_per_minute, run.tokens_per_minute
    return Pace(requests and requests / POOL_SLOTS, tokens and tokens / POOL_SLOTS)


def _texts(file: pq.ParquetFile) -> Iterator[Text]:
    for batch in file.iter_batches(batch_size=ROWS_PER_READ):
        for key, text in zip(batch["answer_key"].to_pylist(), batch["text"].to_pylist(), strict=True):
            yield Text(key, text)
