"""Plan: what has to be asked, what it will cost, and whether the endpoint is there; before a cent is spent."""

import logging
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from include.errors import BudgetExceeded
from include.lake.effort import Effort, Service
from include.lake.lake_index import update_index
from include.lake.output_history import OutputHistory, output_history
from include.lake.paths import Lake
from include.lake.row_groups import read_rows
from include.lake.row_hashes import Positions
from include.llm.chain import Chain, Text
from include.llm.client import ChatClient
from include.llm.endpoint import Endpoint
from include.llm.estimate import estimate
from include.llm.first_question import ask_first
from include.llm.ledger import LedgerEntry, LedgerWriter
from include.llm.preflight import Preflight
from include.llm.prices import NIGHTS_A_MONTH, Price, check_budget, cost_usd, load_price, usd
from include.llm.providers.model_end import ModelEnd, model_end
from include.llm.providers.service_tier import FLEX
from include.pipelines.chain import build_chain, prompt_hash
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import write_down
from include.settings import shard_records
from include.stages.audit import announce
from include.stages.carried_over import FIRST_QUESTION, carry_over, keep_tries
from include.stages.concurrent_runs import IsRunning, claimed_by_others, nothing_else_runs
from include.stages.costs_before import costs_before
from include.stages.flex_night import Going, going
from include.stages.manifests import Extracted, Planned
from include.stages.planned_texts import ROWS_AT_ONCE, texts_of
from include.stages.questions import (
    Questions,
    places_to_ask,
    planned_texts,
    read_questions,
    skip_reasons,
    write_plan,
    write_shards,
)
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)


async def plan_run(
    lake: Lake, pipeline: Pipeline, run: RunContext, endpoint: Endpoint, is_running: IsRunning = nothing_else_runs
) -> list[int]:
    """Settle what is asked, estimate it, check the endpoint and write the shards.

    Where the endpoint takes the question in another meaning only, so that answers have other keys, or has no flex, so
    that they cost more, the plan is made once more. Texts are read part by part.

    Args:
        is_running: whether another run of the pipeline is under way, by its id.

    Returns:
        Shard numbers, one for each mapped `infer` task; empty when nothing has to be asked.

    Raises:
        BudgetExceeded: the estimate is above what is left of the run's budget.
        EndpointUnusable: the endpoint did not answer the first question.
        ConfigurationError: prompt, price table or a setting is wrong, or a budget was set and the price is unknown.
        StopRun: the run is published already.
    """
    work = WorkFiles(lake, run)
    work.read(Extracted)
    # Looks whether the run has a ledger, so before it gets one; kept, for a plan that dies after that.
    work.write(before := costs_before(work))
    spent_usd = keep_tries(work)
    update_index(lake, run.pipeline)
    chain = build_chain(pipeline, endpoint, run.model, run.prompt_version)
    goes = going(lake, run, load_price(run.model, endpoint.base_url))
    checked: Preflight | None = None
    settled = _settle(work, pipeline, chain, goes, spent_usd, is_running)
    if len(settled.asked):
        endpoint, checked = await ask_first(endpoint, chain.question, at_flex=goes.mode == FLEX)
        guessed, chain = chain.question.identity, chain.in_dialect(checked.dialect)
        if chain.question.identity != guessed or checked.no_flex is not None:
            goes = goes.online(checked.no_flex)
            settled = _settle(work, pipeline, chain, goes, spent_usd, is_running)
    write_plan(work, settled.questions, settled.reasons)
    announce(lake, run, endpoint, pa.array(settled.keys, pa.string()), _parts_to_ask(work, chain, settled.asked))
    if checked is not None:
        _keep_first_question(work, checked, goes)
    shards = write_shards(work, settled.keys, settled.asked, shard_records(pipeline))
    work.write(
        Planned(
            estimated=settled.estimated,
            price=goes.price,
            expected_output_tokens=settled.history.p90 if settled.history else None,
            skipped=settled.skipped,
            asked=len(settled.asked),
            shards=shards,
            before=before,
            planned=write_down(chain, endpoint),
            has_other_answers=lake.has(work.path("plan.json")),
            spent_usd=spent_usd,
            budget_key=uuid.uuid4().hex,
            mode=goes.mode,
            no_flex=goes.no_flex,
            model_end=await _model_end(endpoint, run) if len(settled.asked) or run.dry_run else None,
        )
    )
    return list(range(shards))


async def _model_end(endpoint: Endpoint, run: RunContext) -> ModelEnd | None:
    async with ChatClient(endpoint, 1) as client:
        return await model_end(endpoint, run.model, client.get_json)


@dataclass(frozen=True)
class _Settled:
    questions: Questions
    reasons: list[str | None]
    # Places of the records whose texts are sent.
    asked: Positions
    estimated: Effort
    history: OutputHistory | None

    @property
    def keys(self) -> list[str]:
        """Answer keys of what is asked."""
        return [self.questions.keys[place] for place in self.asked]

    @property
    def skipped(self) -> Counter[str]:
        """Records by the reason why they are not asked about; what is too long is quarantined."""
        return Counter(reason for reason in self.reasons if reason and reason != "too_long")


def _settle(
    work: WorkFiles, pipeline: Pipeline, chain: Chain, goes: Going, spent_usd: float, is_running: IsRunning
) -> _Settled:
    """What is asked with this chain, and its estimate, which is within the budget."""
    # Arrow's own allocator keeps the pages that it has used once.
    pa.set_memory_pool(pa.system_memory_pool())
    lake, run = work.lake, work.run
    questions = read_questions(work, chain)
    settled = carry_over(work, pipeline, questions)
    left = claimed_by_others(lake, run, questions.rows, is_running)
    reasons = skip_reasons(pipeline, run, questions, settled, left)
    asked = places_to_ask(questions, reasons, settled)
    history = output_history(lake, pipeline.name, run.model, prompt_hash(chain))
    found = estimate(chain, planned_texts(work, chain, asked), history.mean if history else None)
    estimated = Effort(replace(found.usage, cached_tokens=0), goes.cost_usd(found))
    _log_estimate(run, estimated, found.counted_by, len(questions.keys), len(asked), goes)
    if run.dry_run:
        reasons, asked = ["dry_run"] * len(reasons), asked[:0]
    settled_now = _Settled(questions, reasons, asked, estimated, history)
    _check_budget(work, settled_now, goes.price, spent_usd)
    return settled_now


def _parts_to_ask(work: WorkFiles, chain: Chain, asked: Positions) -> Iterator[tuple[pa.Table, list[Text]]]:
    for records in read_rows(work.lake, work.records, asked):
        for part in records.to_batches(max_chunksize=ROWS_AT_ONCE):
            rows = pa.Table.from_batches([part])
            yield rows, list(texts_of(chain, rows))


def _check_budget(work: WorkFiles, settled: _Settled, price: Price | None, spent_usd: float) -> None:
    estimated, asked = settled.estimated, len(settled.asked)
    run = work.run
    if asked and run.has_own_budget:
        check_budget(price, run.model, run.budget_usd)
    if asked and (estimated.cost_usd or 0.0) + spent_usd > run.budget_usd:
        before = f" after {usd(spent_usd)} that it has spent already" if spent_usd else ""
        raise work.stopping(
            BudgetExceeded(
                f"This run is estimated at {usd(estimated.cost_usd)} for {asked} texts{before}, above its budget of "
                f"{usd(run.budget_usd)}. Nothing was asked. Raise budget_usd in the form (or NIGHTSHIFT_BUDGET_USD), "
                "or set a limit: what is left waits for the next run."
            )
        )


def _keep_first_question(work: WorkFiles, checked: Preflight, goes: Going) -> None:
    """What the first question has cost: it is paid for, and no record's."""
    cost = cost_usd(goes.price, checked.usage, checked.service_tier)
    effort = Effort(checked.usage, cost, attempts=1, requests=checked.requests)
    service = Service(goes.mode, checked.service_tier, work.run.endpoint)
    moment = datetime.now(UTC).isoformat()
    entry = LedgerEntry(FIRST_QUESTION, None, effort, moment, is_unusable=True, service=service)
    with LedgerWriter(work.lake, work.carried) as ledger:
        ledger.append(entry)


def _log_estimate(run: RunContext, estimated: Effort, counted_by: str, records: int, asked: int, goes: Going) -> None:
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
        goes,
    )
    if cost is None:
        log.warning(
            "The price of %s is unknown, so costs are null and the budget of %s cannot be kept. Name a price table "
            "with NIGHTSHIFT_PRICES.",
            run.model,
            usd(run.budget_usd),
        )
