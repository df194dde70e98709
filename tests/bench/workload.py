"""The question as a pipeline of ours, and shards of texts as `plan` leaves them. All that knows `infer`'s inputs."""

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from include.lake.paths import Lake, open_lake
from include.lake.write import open_table_writer, write_table
from include.llm.endpoint import Endpoint
from include.llm.prices import Price
from include.pipelines.chain import build_chain
from include.pipelines.definition import Pipeline, ReportFields
from include.pipelines.planned_chain import write_down
from include.pipelines.registry import load_pipeline
from include.stages.manifests import Planned
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles
from tests.bench.question import FOLDER, MODEL, Form, texts

PRICE = Price(1.0, 0.5, 2.0, "2026-11-24")


def pipeline() -> Pipeline:
    """A pipeline around the form."""
    fields = ReportFields(topic="topic", summary="summary", sentiment="sentiment")
    made = dataclasses.replace(
        load_pipeline("app_store_reviews"), answer=Form, report_fields=fields, prompt_version="v1", chunking=None
    )
    object.__setattr__(made, "folder", FOLDER)
    return made


def run_context(
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    budget_usd: float = 1e9,
) -> RunContext:
    """A run with these limits."""
    moment = datetime(2026, 11, 23, 3, tzinfo=UTC)
    return RunContext(
        pipeline="app_store_reviews",
        run_id="bench",
        run_key="bench",
        trigger="manual",
        window_start=None,
        window_end=moment,
        run_date=date(2026, 11, 23),
        started_at=moment,
        model=MODEL,
        prompt_version="v1",
        is_trial=False,
        limit=None,
        budget_usd=budget_usd,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        read_from="source",
        reprocess="none",
        dry_run=False,
        is_bounded=False,
    )


def write_shards(folder: Path | str, base_url: str, rows: int, shards: int = 1, characters: int = 600) -> Lake:
    """A lake (folder or URI) in which `plan` has just finished, with `rows` texts in each shard."""
    lake = open_lake(str(folder))
    made, run = pipeline(), run_context()
    work = WorkFiles(lake, run)
    endpoint = Endpoint(base_url, "key", is_demo=False)
    chain = build_chain(made, endpoint, MODEL, "v1")
    schema = pa.schema([("text", pa.string())])
    source, keys = texts(rows * shards, characters), list[str]()
    with open_table_writer(lake, work.records, schema) as writer:
        for start in range(0, rows * shards, 1_000):
            batch = [next(source) for _ in range(min(1_000, rows * shards - start))]
            writer.write(pa.table({"text": batch}, schema))
            keys += [chain.key(text) for text in batch]
    for shard in range(shards):
        places = range(shard * rows, (shard + 1) * rows)
        part = {"answer_key": [keys[place] for place in places], "place": pa.array(places, pa.int64())}
        write_table(lake, work.shard(shard), pa.table(part))
    planned = write_down(chain, endpoint)
    work.write(Planned(asked=rows * shards, shards=shards, price=PRICE, budget_key="bench", planned=planned))
    return lake
