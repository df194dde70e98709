"""Planned: what has to be asked, what it will cost, and whether the endpoint is there; before a cent is spent."""

import logging
import uuid
from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import BudgetExceeded
from include.lake.effort import Effort, Service
from include.lake.lake_index import update_index
from include.lake.output_history import OutputHistory, output_history
from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.write import write_table
from include.llm.chain import Chain, Text
from include.llm.endpoint import Endpoint
from include.llm.estimate import estimate
from include.llm.ledger import LedgerEntry, LedgerWriter
from include.llm.paid_answers import paid_answers
from include.llm.preflight import Preflight, check_endpoint
from include.llm.prices import NIGHTS_A_MONTH, Price, check_budget, cost_usd, load_price, usd
from include.pipelines.chain import build_chain, prompt_hash
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import write_down
from include.settings import shard_records
from include.stages.audit import announce
from include.stages.concurrent_runs import RUN_ID, IsRunning, claimed_by_others, nothing_else_runs
from include.stages.manifests import Before, Extracted, Planned
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

# Airflow maps at most 1,024 task instances by default (`[core] max_map_length`); stay well below.
MAX_SHARDS = 500
_SHARD_SCHEMA = pa.schema([(name, pa.string()) for name in ("answer_key", "text", "above")])


async def plan_run(
    lake: Lake, pipeline: Pipeline, run: RunContext, endpoint: Endpoint, is_running: IsRunning = nothing_else_runs
) -> list[int]:
    """Settle what is asked, estimate it, check the endpoint and write the shards.

    Where the endpoint takes the question in another meaning only, such as with another effort, its answers have other
    keys, and the plan is made once more.

    Args:
        is_running: whether another run of the pipeline is under way, by its id.

    Returns:
        Shard numbers, one for each mapped `infer` task; empty when nothing has to be asked.

    Raises:
        BudgetExceeded: the estimate is above the run's budget.
        EndpointUnusable: the endpoint did not answer the first question.
        ConfigurationError: prompt, price table or a setting is wrong, or a budget was set and the price is unknown.
        StopRun: the run is published already.
    """
    chain = build_chain(pipeline, endpoint, run.model, run.prompt_version)
    update_index(lake, run.pipeline)
    return await _plan(lake, pipeline, run, endpoint, is_running, chain, None)


async def _plan(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    endpoint: Endpoint,
    is_running: IsRunning,
    chain: Chain,
    checked: Preflight | None,
) -> list[int]:
    size = shard_records(pipeline)
    work = WorkFiles(lake, run)
    work.read(Extracted)
    records = read_table(lake, work.records)
    texts = _texts(records, chain)
    paid = _already_paid(lake, pipeline, run, chain, texts)
    failed_before = _own_failures(lake, run, records, texts)
    left = claimed_by_others(lake, run, records, is_running)
    reasons = _why_not_asked(pipeline, run, texts, paid.keys() | failed_before.keys(), left)
    asked = {
        text.key: text
        for text, reason in zip(texts, reasons, strict=True)
        if reason is None and text.key not in paid and text.key not in failed_before
    }
    history = output_history(lake, pipeline.name, run.model, prompt_hash(chain))
    price = load_price(run.model, endpoint.base_url)
    estimated, counted_by = _estimate(chain, list(asked.values()), history, price)
    _log_estimate(run, estimated, counted_by, records.num_rows, len(asked), price)
    if run.dry_run:
        reasons, asked = ["dry_run"] * len(texts), {}
    elif asked and run.has_own_budget:
        check_budget(price, run.model, run.budget_usd)
    if asked and (estimated.cost_usd or 0.0) > run.budget_usd:
        raise work.stopping(
            BudgetExceeded(
                f"This run is estimated at {usd(estimated.cost_usd)} for {len(asked)} texts, above its budget of "
                f"{usd(run.budget_usd)}. Nothing was asked. Raise budget_usd in the form (or NIGHTSHIFT_BUDGET_USD), "
                "or set a limit: what is left waits for the next run."
            )
        )
    if asked and checked is None:
        checked = await check_endpoint(endpoint, chain.question)
        guessed, chain = chain.question.identity, chain.in_dialect(checked.dialect)
        if chain.question.identity != guessed:
            return await _plan(lake, pipeline, run, endpoint, is_running, chain, checked)
    questions = _with_questions(records, texts, reasons)
    write_table(lake, work.plan, questions.replace_schema_metadata({RUN_ID: run.run_id.encode()}))
    to_send = questions.select(["record_id", "record_version", "text", "above", "answer_key"]).filter(
        pc.is_in(questions["answer_key"], pa.array(list(asked), pa.string()))
    )
    announce(lake, run, endpoint, to_send)
    with LedgerWriter(lake, work.path("ledger", "carried")) as ledger:
        for entry in [*paid.values(), *failed_before.values()]:
            ledger.append(entry)
        if checked is not None:
            ledger.append(_first_question(checked, price))
    earlier = work.earlier_plan()
    shards = _write_shards(lake, work, asked, size)
    skipped = Counter(reason for reason in reasons if reason and reason != "too_long")
    work.write(
        Planned(
            estimated=estimated,
            price=price,
            expected_output_tokens=history.p90 if history else None,
            skipped=skipped,
            asked=len(asked),
            shards=shards,
            before=_before(lake, run),
            planned=write_down(chain, endpoint),
            has_other_answers=earlier is not None,
            # Gone with the run's work files: the same window again has the whole budget.
            budget_key=earlier.budget_key if earlier else uuid.uuid4().hex,
        )
    )
    return list(range(shards))


def _texts(records: pa.Table, chain: Chain) -> list[Text]:
    """What is asked about each record, under its answer key."""
    shown = [name for name in chain.question.prompt.attributes if f"attr_{name}" in records.column_names]
    # Part by part: a row as a dict takes more than its text.
    parts = records.select(["text", *(f"attr_{name}" for name in shown)]).to_batches(max_chunksize=1_000)
    return [
        chain.about(row["text"], {name: row[f"attr_{name}"] for name in shown})
        for part in parts
        for row in part.to_pylist()
    ]


def _first_question(checked: Preflight, price: Price | None) -> LedgerEntry:
    """What the first question has cost: it is paid for, and no record's."""
    return LedgerEntry(
        key="first question",
        answer=None,
        effort=Effort(checked.usage, cost_usd(price, checked.usage), attempts=1, requests=checked.requests),
        processed_at=datetime.now(UTC).isoformat(),
        is_unusable=True,
    )


def _already_paid(
    lake: Lake, pipeline: Pipeline, run: RunContext, chain: Chain, texts: list[Text]
) -> dict[str, LedgerEntry]:
    if run.reprocess == "all":
        wanted: set[str] = set()
    else:
        wanted = {key for text in texts for key in (text.key, *chain.step_keys(text.text))}
    return paid_answers(
        lake,
        pipeline.name,
        pipeline.answer,
        wanted,
        own_results=lake.run_file("results", run.pipeline, run.run_date, run.run_key),
        own_work=lake.work(run.pipeline, run.run_key),
        reused_at=run.started_at,
    )


def _before(lake: Lake, run: RunContext) -> Before:
    """Of the run whose file this one replaces: its answers and cost are carried over too."""
    path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    row = read_table(lake, path).to_pylist()[0] if lake.fs.exists(path) and run.reprocess == "none" else {}
    if row.get("state") != "success":
        return Before()
    # A row of the version before does not have all of them.
    return Before(**{field.name: row[field.name] for field in fields(Before) if field.name in row})


def _own_failures(lake: Lake, run: RunContext, records: pa.Table, texts: list[Text]) -> dict[str, LedgerEntry]:
    """What this very run could not answer when it was published before: the same run again does the same again."""
    path = lake.run_file("quarantine", run.pipeline, run.run_date, run.run_key)
    if run.reprocess != "none" or not lake.fs.exists(path):
        return {}
    identities = zip(records["record_id"].to_pylist(), records["record_version"].to_pylist(), strict=True)
    key_of = dict(zip(identities, (text.key for text in texts), strict=True))
    failures: dict[str, LedgerEntry] = {}
    for row in read_table(lake, path).to_pylist():
        key = key_of.get((row["record_id"], row["record_version"]))
        if row["stage"] == "infer" and row["error_type"] != "too_long" and key is not None and key not in failures:
            failures[key] = LedgerEntry(
                key=key,
                answer=None,
                error_type=row["error_type"],
                error_message=row["error_message"],
                raw_output=row["raw_output"],
                effort=Effort.of_row(row),
                processed_at=row["processed_at"].isoformat(),
                service=Service.of_row(row),
            )
    return failures


def _why_not_asked(
    pipeline: Pipeline, run: RunContext, texts: list[Text], answered: set[str], left: list[str | None]
) -> list[str | None]:
    taken = 0
    reasons: list[str | None] = []
    for text, reason in zip(texts, left, strict=True):
        if reason is not None:
            reasons.append(reason)
        elif text.characters > pipeline.max_text_characters:
            reasons.append("too_long")
        elif text.key not in answered and run.limit is not None and taken >= run.limit:
            reasons.append("over_limit")
        else:
            reasons.append(None)
            taken += text.key not in answered
    return reasons


def _estimate(
    chain: Chain, texts: list[Text], history: OutputHistory | None, price: Price | None
) -> tuple[Effort, str]:
    """Tokens and cost without what a prompt cache saves, and which token counter says so."""
    found = estimate(chain, texts, history.mean if history else None)
    usage = replace(found.usage, cached_tokens=0)
    return Effort(usage, found.cost_usd(price, is_cached=False)), found.counted_by


def _log_estimate(
    run: RunContext, estimated: Effort, counted_by: str, records: int, asked: int, price: Price | None
) -> None:
    cost, usage = estimated.cost_usd, estimated.usage
    log.info(
        "%d of %d records are to be asked: about %s prompt and %s completion tokens (counted by %s), about %s this "
        "night and %s for a month of such nights, without what a prompt cache saves; the budget is %s, %s costs %s",
        asked,
        records,
        f"{usage.prompt_tokens:,}",
        f"{usage.completion_tokens:,}",
        counted_by,
        usd(cost),
        usd(None if cost is None else NIGHTS_A_MONTH * cost),
        usd(run.budget_usd),
        run.model,
        price or "nobody knows what",
    )
    if cost is None:
        log.warning(
            "The price of %s is unknown, so costs are null and the budget of %s cannot be kept. Name a price table "
            "with NIGHTSHIFT_PRICES.",
            run.model,
            usd(run.budget_usd),
        )


def _with_questions(records: pa.Table, texts: list[Text], reasons: list[str | None]) -> pa.Table:
    columns = {"answer_key": [t.key for t in texts], "skip_reason": reasons, "above": [t.above for t in texts]}
    for name, values in columns.items():
        records = records.append_column(name, pa.array(values, pa.string()))
    return records


def _write_shards(lake: Lake, work: WorkFiles, asked: dict[str, Text], size: int) -> int:
    items = sorted(asked.values(), key=lambda text: text.key)
    size = max(size, -(-len(items) // MAX_SHARDS))
    shards = [items[start : start + size] for start in range(0, len(items), size)]
    for number, shard in enumerate(shards):
        columns = [[t.key for t in shard], [t.text for t in shard], [t.above for t in shard]]
        write_table(lake, work.shard(number), pa.table(columns, schema=_SHARD_SCHEMA))
    return len(shards)
