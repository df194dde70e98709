"""`make try`: two prompts or models on the same records, side by side, without touching the lake.

make try PIPELINE=support_tickets PROMPT=v2 N=20 [MODEL=gpt-6-sol]
"""

import argparse
import asyncio
import sys
import time
from contextlib import aclosing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime

from include.errors import ConfigurationError, NightshiftError
from include.lake.lake_index import run_rows
from include.lake.paths import open_lake
from include.limits.open_store import open_store
from include.llm.answerer import open_answerer
from include.llm.client import ChatClient
from include.llm.endpoint import Endpoint
from include.llm.first_question import ask_first
from include.llm.job import Job
from include.llm.ledger import LedgerWriter, read_ledger
from include.llm.prices import check_budget, load_price
from include.llm.providers.dialect import Dialect
from include.llm.providers.model_end import model_end
from include.local.model_server import running_model
from include.pipelines.chain import build_chain
from include.pipelines.definition import Pipeline
from include.pipelines.readable_records import readable_records
from include.pipelines.registry import load_pipeline, pipeline_names
from include.quality.comparison import Variant, score_table, score_variants, side_by_side
from include.quality.golden import check_scorable, load_golden
from include.settings import lake_uri, live_source
from include.sources.record import Record
from include.stages.airflow_run import endpoint_of_deployment
from include.stages.pool import POOL_SLOTS
from include.stages.run_context import RunContext, settle_run
from include.stages.source import source_of

# What a night is taken to be until the lake knows better.
ASSUMED_NIGHT_RECORDS = 1_000


async def answer_all(
    pipeline: Pipeline, endpoint: Endpoint, run: RunContext, dialect: Dialect, records: list[Record]
) -> Variant:
    """Answer records as a run would; ledger and progress stay in memory."""
    chain = build_chain(pipeline, endpoint, run.model, run.prompt_version, dialect)
    texts = {record.record_id: chain.about(record.text, record.attributes) for record in records}
    by_key = {text.key: text for text in texts.values()}
    lake = open_lake(f"memory://try/{run.prompt_version}-{time.monotonic_ns()}")
    ledger = LedgerWriter(lake, f"{lake.root}/ledger")
    price = load_price(run.model, endpoint.base_url)
    job = Job(lake.root, len(by_key), f"{lake.root}/progress.json", price, pipeline.redaction)
    started = time.monotonic()
    async with (
        aclosing(open_store()) as store,
        open_answerer(chain, endpoint, run.limits, job, store, lambda: POOL_SLOTS) as answerer,
    ):
        await answerer.answer(by_key.values(), ledger)
    entries = read_ledger(lake, ledger.folder)
    answered = {record_id: entries[text.key] for record_id, text in texts.items() if text.key in entries}
    return Variant(run.model, run.prompt_version, answered, time.monotonic() - started)


def sample_records(pipeline: Pipeline, count: int) -> list[Record]:
    """Readable records of the pipeline's source, redacted and spread evenly over it."""
    found = readable_records(pipeline, source_of(pipeline), pipeline.first_window if live_source(pipeline) else None)
    records = [record for record in found if len(record.text) <= pipeline.max_text_characters]
    step = max(len(records) // count, 1)
    return records[::step][:count]


def records_of_a_night(pipeline: Pipeline) -> int:
    """Records that the newest successful run took up, or `ASSUMED_NIGHT_RECORDS`."""
    lake = open_lake(lake_uri())
    runs = run_rows(lake, pipeline.name).rows.values()
    rows = [row for row in runs if row["state"] == "success" and row["extracted"]]
    newest = max(rows, key=lambda row: row["finished_at"], default=None)
    return newest["extracted"] if newest else ASSUMED_NIGHT_RECORDS


def _run(pipeline: Pipeline, endpoint: Endpoint, **form: str | None) -> RunContext:
    """What a run of a form would be, for its model, prompt and limits."""
    now = datetime.now(UTC)
    return settle_run(
        pipeline, endpoint, run_id="try", trigger="manual", data_interval=None, run_after=now, started_at=now, form=form
    )


async def compare(pipeline: Pipeline, endpoint: Endpoint, prompt: str, model: str | None, count: int) -> str:
    """Ask the production way and the other one, and lay them side by side.

    Raises:
        NightshiftError: the prompt does not exist, the endpoint cannot be used, or there is no record to ask about.
    """
    runs = [_run(pipeline, endpoint), _run(pipeline, endpoint, model=model, prompt_version=prompt)]
    by_model = {run.model: run for run in runs}
    for name, run in by_model.items():
        check_scorable(name)
        if run.has_own_budget:
            check_budget(load_price(name, endpoint.base_url), name, run.budget_usd)
    records = sample_records(pipeline, count)
    if not records:
        raise ConfigurationError(f"There is nothing to try on: the source of {pipeline.name} gives no readable record.")
    dialects = {}
    for name, run in by_model.items():
        chain = build_chain(pipeline, endpoint, name, run.prompt_version)
        endpoint, checked = await ask_first(endpoint, chain.question)
        dialects[name] = checked.dialect
        async with ChatClient(endpoint, 1) as client:
            await model_end(endpoint, name, client.get_json)
    variants = []
    for run in runs:
        print(f"asking {run.prompt_version} on {run.model} about {len(records)} records ...", flush=True)
        variants.append(await answer_all(pipeline, endpoint, run, dialects[run.model], records))
    labelled = score_variants(pipeline, variants, load_golden(pipeline))
    table = score_table(variants, labelled, records_of_a_night(pipeline))
    note = "\nThe bundled demo model proves the machinery, not the quality." if endpoint.is_demo else ""
    texts = {record.record_id: record.text for record in records}
    return f"{side_by_side(variants, texts)}\n\n{table}{note}"


def main(arguments: list[str]) -> int:
    """Parse the command line, start the bundled model if nothing else is set, compare and print."""
    parser = argparse.ArgumentParser(prog="make try", description=__doc__)
    parser.add_argument("--pipeline", required=True, choices=pipeline_names())
    parser.add_argument("--prompt", required=True, help="prompt version to try, such as v2")
    parser.add_argument("--model", help="model to try; the production one if not given")
    parser.add_argument("--count", type=int, default=20, help="records")
    options = parser.parse_args(arguments)
    if options.count < 1:
        parser.error("--count (N) is a number of records from 1 on")
    try:
        pipeline, endpoint = load_pipeline(options.pipeline), endpoint_of_deployment()
        with running_model() if endpoint.is_demo else nullcontext(endpoint.base_url) as base_url:
            endpoint = replace(endpoint, base_url=base_url)
            print(asyncio.run(compare(pipeline, endpoint, options.prompt, options.model, options.count)))
    except NightshiftError as error:
        print(f"make try: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
