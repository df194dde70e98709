"""Validate: join records and answers, let Great Expectations judge, split accepted from quarantined rows."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import BudgetExceeded, QualityGateFailed, RetryLater
from include.lake.effort import NO_EFFORT, NOTHING_USED, Effort
from include.lake.in_order import read_in_order
from include.lake.paths import Lake
from include.lake.quarantine import quarantine_table
from include.lake.read import read_table
from include.lake.row_groups import file_schema, read_groups
from include.lake.schemas import QUARANTINE_SCHEMA, results_schema
from include.lake.write import TableWriter, open_table_writer, write_bytes
from include.llm.answers_file import write_answers
from include.llm.endpoint import Endpoint
from include.llm.fuse import FROM_RECORDS
from include.llm.ledger import scan_ledger
from include.llm.prices import usd
from include.pipelines.chain import prompt_hash
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import planned_chain
from include.quality.gate import GateResult, QualityGate
from include.stages.carried_over import FIRST_QUESTION
from include.stages.judge import (
    AUDITED,
    PLACE,
    Joining,
    Part,
    Tally,
    audit_rows,
    candidates_of,
    failed_rows,
    not_in_records,
    rejected_rows,
)
from include.stages.manifests import Inferred, Planned, Validated
from include.stages.run_context import RunContext
from include.stages.run_outcomes import RunOutcomes
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)


def validate_run(lake: Lake, pipeline: Pipeline, run: RunContext, endpoint: Endpoint) -> dict[str, Any]:
    """Judge all answers of a run, a row group of its records at a time.

    Returns:
        Counts: `accepted`, `quarantined` by stage, `validation_success`.

    Raises:
        StopRun: the answers cannot be read any more.
        QualityGateFailed: a critical expectation about the whole batch failed, or more than nine in ten records are
            quarantined; nothing is published.
        RetryLater: answers are missing although the budget is not used up.
    """
    work = WorkFiles(lake, run)
    plan = work.read(Planned)
    chain, is_demo = planned_chain(plan.planned, pipeline), plan.planned.is_demo
    gate = QualityGate(pipeline, is_demo=is_demo, report=f"{run.run_key}.html?run={quote(run.run_id)}")
    tally = _judge_records(work, pipeline, plan.shards, gate, prompt_hash(chain))
    inferred = [work.read(Inferred, shard) for shard in range(plan.shards)]
    _check_all_answered(work, pipeline, tally, any(shard.over_budget for shard in inferred))
    result = gate.finish()
    _keep_data_docs(work, result)
    _check_gate(work, result)
    if not is_demo:
        _check_quarantine(work, tally)
    _write_in_order(work, work.accepted, [work.path("unordered.parquet")], ["record_id"])
    held = [work.quarantined, work.path("held.parquet")]
    _write_in_order(work, work.path("quarantined.parquet"), held, ["record_id", "record_version"])
    stages = read_table(lake, work.path("quarantined.parquet"), ["stage"])["stage"]
    done = Validated(
        accepted=tally.accepted,
        quarantined={group["values"]: group["counts"] for group in pc.value_counts(stages).to_pylist()},
        skipped=tally.skipped,
        calls=Effort.of_row(tally.calls),
        dialect=str(chain.question.dialect),
        service_tiers=tally.service_tiers,
        unusable=[_unusable_before(work), *(shard.unusable for shard in inferred)],
        validation_success=result.success,
        expectations=result.outcomes,
        measures=result.measures,
        data_docs=sorted(result.data_docs),
    )
    work.write(done)
    counts = {name: getattr(done, name) for name in ("accepted", "quarantined", "validation_success")}
    log.info("%(accepted)d accepted, quarantined by stage %(quarantined)s", counts)
    return counts


def _judge_records(work: WorkFiles, pipeline: Pipeline, shards: int, gate: QualityGate, hash_of_prompt: str) -> Tally:
    """Write the accepted rows, those for the quarantine and those for the audit, in the order of the records."""
    lake, run, tally = work.lake, work.run, Tally()
    attributes = [field for field in file_schema(lake, work.records) if field.name.startswith("attr_")]
    schema = results_schema(pipeline.answer, attributes)
    with ExitStack() as stack:

        def writer(name: str, schema: pa.Schema) -> TableWriter:
            return stack.enter_context(open_table_writer(lake, work.path(name), schema))

        accepted = writer("unordered.parquet", not_in_records(schema))
        held, audit = writer("held.parquet", QUARANTINE_SCHEMA), writer("audit.parquet", AUDITED)
        for start, part in _parts(work, pipeline, shards):
            tally.count(part)
            audit.write(audit_rows(part))
            places = pa.array(range(start, start + len(part.pays)), pa.int64()).filter(pa.array(part.is_answered))
            candidates = candidates_of(part.only(part.is_answered), schema, run, hash_of_prompt)
            failing = gate.take(candidates)
            is_rejected = pc.is_in(candidates["record_id"], pa.array(list(failing), pa.string()))
            rows = failed_rows(part, run) + rejected_rows(candidates.filter(is_rejected), failing, run)
            tally.count_quarantined(rows)
            held.write(quarantine_table(rows))
            kept = candidates.append_column(PLACE, places).filter(pc.invert(is_rejected))
            tally.accepted += kept.num_rows
            accepted.write(kept.select(not_in_records(schema).names))
    return tally


def _parts(work: WorkFiles, pipeline: Pipeline, shards: int) -> Iterator[tuple[int, Part]]:
    lake = work.lake
    plan = read_table(lake, work.plan, ["answer_key", "skip_reason", "characters"])
    carried = work.path("answers", "carried.parquet")
    write_answers(lake, work.carried, carried, pipeline.answer, is_plain=False)
    counts = pc.value_counts(plan["answer_key"])
    shared = counts.field("values").filter(pc.greater(counts.field("counts"), 1)).to_pylist()
    paths = [carried, *(work.answers(shard) for shard in range(shards))]
    joining, start = Joining(RunOutcomes(lake, paths, shared), shared), 0
    for records in read_groups(lake, work.records):
        yield start, joining.part(records, plan.slice(start, records.num_rows))
        start += records.num_rows


def _check_all_answered(work: WorkFiles, pipeline: Pipeline, tally: Tally, is_over_budget: bool) -> None:
    left, run = tally.skipped["over_budget"], work.run
    if left and not is_over_budget:
        raise RetryLater(
            f"{left} records have no outcome in {work.lake.uri(work.ledger)} although the budget is not "
            "used up. Clear the run from `plan` on; what is in the ledger is not asked again."
        )
    if left and pipeline.over_budget == "hold":
        raise work.stopping(
            BudgetExceeded(
                f"The budget of {usd(run.budget_usd)} was used up with {left} of {tally.records} records left, "
                "and this pipeline publishes whole runs only. What was answered is kept: raise budget_usd (or "
                "NIGHTSHIFT_BUDGET_USD) and trigger a run, which pays for the rest only."
            )
        )


def _keep_data_docs(work: WorkFiles, result: GateResult) -> None:
    run = work.run
    for name, page in result.data_docs.items():
        suffix = f".data_docs/{name}.html"
        path = work.lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=suffix)
        write_bytes(work.lake, path, page.encode())


def _check_gate(work: WorkFiles, result: GateResult) -> None:
    for line in result.suite_failures:
        log.error("suite-level expectation failed: %s", line)
    if result.suite_failures:
        raise work.stopping(
            QualityGateFailed(
                f"{len(result.suite_failures)} expectations about the whole batch failed, so nothing is published: "
                f"{'; '.join(result.suite_failures)}. The answers are kept; look at the Data Docs beside the report's "
                "place, correct the prompt or the expectation, and clear this task."
            )
        )


def _check_quarantine(work: WorkFiles, tally: Tally) -> None:
    held = tally.errors.total()
    records = held + tally.accepted
    if records < FROM_RECORDS or held <= 9 * tally.accepted:
        return
    ((kind, count),) = tally.errors.most_common(1)
    raise work.stopping(
        QualityGateFailed(
            f"{held} of {records} records would be quarantined, {count} of them as {kind} ({tally.said[kind]}). More "
            "than nine in ten are not to blame themselves, so nothing is published. The answers are kept: correct the "
            "prompt, the model or the expectation, and trigger a run, which asks again for those without an answer."
        )
    )


def _write_in_order(work: WorkFiles, path: str, unordered: list[str], by: list[str]) -> None:
    with open_table_writer(work.lake, path, file_schema(work.lake, unordered[-1])) as writer:
        for rows in read_in_order(work.lake, unordered, by):
            writer.write(rows)


def _unusable_before(work: WorkFiles) -> Effort:
    """What was paid before the shards began, and ended in no row."""
    total = NO_EFFORT
    for entry in scan_ledger(work.lake, work.carried):
        if entry.is_unusable:
            # Its cost is the run's. Its tokens are no record's, and those in `runs/` are the sum of the records'.
            is_first = entry.key == FIRST_QUESTION
            total += replace(entry.effort, usage=NOTHING_USED) if is_first else entry.effort
    return total
