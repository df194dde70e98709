"""Validate: join records and answers, let Great Expectations judge, split accepted from quarantined rows."""

import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import BudgetExceeded, QualityGateFailed, RetryLater
from include.lake.effort import NO_EFFORT, NOTHING_USED, Effort, Service
from include.lake.paths import Lake
from include.lake.quarantine import QuarantineRow, quarantine_table
from include.lake.read import read_table
from include.lake.schemas import results_schema
from include.lake.write import write_bytes, write_table
from include.llm.answers_file import read_answers
from include.llm.endpoint import Endpoint
from include.llm.fuse import FROM_RECORDS
from include.llm.ledger import LedgerEntry, read_ledger, scan_ledger, total_spent
from include.llm.prices import usd
from include.pipelines.chain import prompt_hash
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import planned_chain
from include.quality.gate import QualityGate
from include.stages.audit import audit_table
from include.stages.manifests import Inferred, Planned, Validated
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)


def validate_run(lake: Lake, pipeline: Pipeline, run: RunContext, endpoint: Endpoint) -> dict[str, Any]:
    """Judge all answers of a run.

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
    questions = read_table(lake, work.plan)
    shards = plan.shards
    planned = plan.planned
    endpoint = replace(endpoint, base_url=planned.base_url, is_demo=planned.is_demo, is_recorded=planned.is_recorded)
    ledger = read_ledger(lake, work.path("ledger", "carried"))
    for shard in range(shards):
        ledger |= {entry.key: entry for entry in read_answers(lake, work.answers(shard))}
    chain = planned_chain(planned, pipeline)
    rows = _Rows(run, prompt_hash(chain))
    records = questions.to_pylist()
    write_table(lake, work.path("audit.parquet"), audit_table(records, ledger, run, endpoint))
    for record in records:
        rows.take(record, ledger)
    inferred = [work.read(Inferred, shard) for shard in range(shards)]
    left = rows.skipped["over_budget"]
    if left and not any(shard.over_budget for shard in inferred):
        raise RetryLater(
            f"{left} records have no outcome in {lake.uri(work.ledger)} although the budget is not "
            "used up. Clear the run from `plan` on; what is in the ledger is not asked again."
        )
    if left and pipeline.over_budget == "hold":
        raise work.stopping(
            BudgetExceeded(
                f"The budget of {usd(run.budget_usd)} was used up with {left} of {questions.num_rows} records left, "
                "and this pipeline publishes whole runs only. What was answered is kept: raise budget_usd (or "
                "NIGHTSHIFT_BUDGET_USD) and trigger a run, which pays for the rest only."
            )
        )
    carried = scan_ledger(lake, work.path("ledger", "carried"))
    # Its cost is the run's. Its tokens are no record's, and those in `runs/` are the sum of the records'.
    first_questions = replace(total_spent(entry for entry in carried if entry.is_unusable), usage=NOTHING_USED)
    attributes = [f for f in questions.schema if f.name.startswith("attr_")]
    schema = results_schema(pipeline.answer, attributes)
    candidates = pa.Table.from_pylist(rows.answered, schema=schema)
    judge = QualityGate(pipeline, is_demo=endpoint.is_demo, report=f"{run.run_key}.html?run={quote(run.run_id)}")
    failing = judge.take(candidates)
    gate = judge.finish()
    for name, page in gate.data_docs.items():
        path = lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=f".data_docs/{name}.html")
        write_bytes(lake, path, page.encode())
    for line in gate.suite_failures:
        log.error("suite-level expectation failed: %s", line)
    if gate.suite_failures:
        raise work.stopping(
            QualityGateFailed(
                f"{len(gate.suite_failures)} expectations about the whole batch failed, so nothing is published: "
                f"{'; '.join(gate.suite_failures)}. The answers are kept; look at the Data Docs beside the report's "
                "place, correct the prompt or the expectation, and clear this task."
            )
        )
    rejected = pc.is_in(candidates["record_id"], pa.array(list(failing), pa.string()))
    for row in candidates.filter(rejected).to_pylist():
        rows.reject(row, failing[row["record_id"]])
    accepted = candidates.filter(pc.invert(rejected))
    held = len(rows.quarantined)
    if not endpoint.is_demo and held + accepted.num_rows >= FROM_RECORDS and held > 9 * accepted.num_rows:
        raise work.stopping(_nearly_all_quarantined(rows.quarantined, held + accepted.num_rows))
    quarantined = pa.concat_tables([read_table(lake, work.quarantined), quarantine_table(rows.quarantined)]).sort_by(
        [("record_id", "ascending"), ("record_version", "ascending")]
    )
    write_table(lake, work.path("accepted.parquet"), accepted.sort_by("record_id"))
    write_table(lake, work.path("quarantined.parquet"), quarantined)
    done = Validated(
        accepted=accepted.num_rows,
        quarantined=dict(Counter(quarantined["stage"].to_pylist())),
        skipped=rows.skipped,
        calls=rows.spent,
        dialect=str(chain.question.dialect),
        service_tiers=rows.service_tiers,
        unusable=[first_questions, *(shard.unusable for shard in inferred)],
        validation_success=gate.success,
        expectations=gate.outcomes,
        measures=gate.measures,
        data_docs=sorted(gate.data_docs),
    )
    work.write(done)
    counts = {name: getattr(done, name) for name in ("accepted", "quarantined", "validation_success")}
    log.info("%(accepted)d accepted, quarantined by stage %(quarantined)s", counts)
    return counts


def _nearly_all_quarantined(rows: list[QuarantineRow], records: int) -> QualityGateFailed:
    kinds = Counter(row.error_type for row in rows)
    (kind, count), *_ = kinds.most_common(1)
    said = next(row.error_message for row in rows if row.error_type == kind)
    return QualityGateFailed(
        f"{len(rows)} of {records} records would be quarantined, {count} of them as {kind} ({said}). More than nine in "
        "ten are not to blame themselves, so nothing is published. The answers are kept: correct the prompt, the model "
        "or the expectation, and trigger a run, which asks again for those without an answer."
    )


class _Rows:
    """Sorts records into answered, quarantined and skipped; the first record of a key carries what it cost."""

    def __init__(self, run: RunContext, hash_of_prompt: str) -> None:
        self._run, self._prompt_hash = run, hash_of_prompt
        self._charged: set[str] = set()
        self.answered: list[dict[str, Any]] = []
        self.quarantined: list[QuarantineRow] = []
        self.skipped: Counter[str] = Counter()
        self.spent = NO_EFFORT
        self.service_tiers: Counter[str] = Counter()

    def take(self, record: dict[str, Any], ledger: dict[str, LedgerEntry]) -> None:
        """Sort one record in."""
        reason, key, above = record.pop("skip_reason"), record.pop("answer_key"), record.pop("above", "")
        entry = ledger.get(key)
        if reason == "too_long":
            what = "The text with what stands above it" if above else "The text"
            size = len(above) + len(record["text"])
            message = f"{what} has {size:,} characters, more than the pipeline's max_text_characters."
            self._quarantine(record, "infer", "too_long", message)
        elif reason is not None:
            self.skipped[reason] += 1
        elif entry is None:
            self.skipped["over_budget"] += 1
        elif entry.answer is None:
            outcome = {
                "raw_output": entry.raw_output,
                "service": entry.service,
                "effort": entry.effort if self._pays(key, entry) else NO_EFFORT,
                "processed_at": datetime.fromisoformat(entry.processed_at),
            }
            self._quarantine(record, "infer", entry.error_type or "unknown", entry.error_message or "", **outcome)
        else:
            self.answered.append({**record, **entry.answer, **self._provenance(key, entry)})

    def reject(self, row: dict[str, Any], expectations: list[str]) -> None:
        """Move an answered row to the quarantine."""
        took = {"service": Service.of_row(row), "effort": Effort.of_row(row), "processed_at": row["processed_at"]}
        self._quarantine(row, "validate", "expectation_failed", "; ".join(expectations), **took)

    def _provenance(self, key: str, entry: LedgerEntry) -> dict[str, Any]:
        pays = self._pays(key, entry)
        return {
            "model": self._run.model,
            "prompt_version": self._run.prompt_version,
            "prompt_hash": self._prompt_hash,
            "answer_key": key,
            "reused": entry.reused or not pays,
            # What it took stands in the first row of a key alone.
            **entry.service.columns(),
            **(entry.effort if pays else NO_EFFORT).columns(),
            "run_id": self._run.run_id,
            "processed_at": datetime.fromisoformat(entry.processed_at),
        }

    def _quarantine(self, record: dict[str, Any], stage: str, error_type: str, message: str, **outcome: Any) -> None:
        row = QuarantineRow(
            **{name: record[name] for name in ("record_id", "record_version", "source", "occurred_at", "text")},
            stage=stage,
            error_type=error_type,
            error_message=message,
            model=self._run.model,
            prompt_version=self._run.prompt_version,
            run_id=self._run.run_id,
            **{"processed_at": self._run.window_end, **outcome},
        )
        self.quarantined.append(row)

    def _pays(self, key: str, entry: LedgerEntry) -> bool:
        if key in self._charged:
            return False
        self._charged.add(key)
        self.spent += entry.effort
        if entry.service.service_tier and not entry.reused:
            self.service_tiers[entry.service.service_tier] += 1
        return True
