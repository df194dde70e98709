"""Join a run's records with what became of them, part by part; tell accepted, quarantined and skipped ones apart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.effort import EFFORT_COLUMNS, NO_EFFORT, SERVICE_COLUMNS, Effort, Service
from include.lake.quarantine import QuarantineRow
from include.lake.row_hashes import Mask
from include.lake.schema_evolution import conform
from include.lake.schemas import RAW_FIELDS, UTC_TIME
from include.stages.run_context import RunContext
from include.stages.run_outcomes import RunOutcomes

_CALLS = ("requests", "retries", "rate_limited")
_SPENT = tuple(name for name in EFFORT_COLUMNS if name not in _CALLS)
# Where an accepted row's record stands among the run's records; what stands there is not written once more.
PLACE = pa.field("place", pa.int64())
_IN_RECORDS = frozenset(field.name for field in RAW_FIELDS if field.name != "record_id")
# Of the file for `commit_audit`.
AUDITED = pa.schema([("answer_key", pa.string()), ("requests", pa.int64()), ("answered_at", UTC_TIME)])
_OF_RECORD = ("record_id", "record_version", "source", "occurred_at", "text")


@dataclass(frozen=True)
class Part:
    """Some records in their order, with what became of each.

    Args:
        records: as `extract` left them.
        plan: of each its `answer_key`, `skip_reason` and `characters`.
        outcomes: of each its row of `RunOutcomes`.
        pays: those that carry what their answer took: the first ones of their key.
    """

    records: pa.Table
    plan: pa.Table
    outcomes: pa.Table
    pays: Mask

    @property
    def is_due(self) -> Mask:
        """Records that are not skipped."""
        return _mask(pc.is_null(self.plan["skip_reason"]))

    @property
    def has_outcome(self) -> Mask:
        """Records that are answered or failed."""
        return _mask(pc.is_valid(self.outcomes["key"]))

    @property
    def is_answered(self) -> Mask:
        """Records with an answer."""
        return _mask(pc.is_valid(self.outcomes["answer"]))

    def only(self, these: Mask) -> "Part":
        """Some of its records."""
        chosen = pa.array(these)
        return Part(
            self.records.filter(chosen), self.plan.filter(chosen), self.outcomes.filter(chosen), self.pays[these]
        )

    def spent(self, name: str) -> pa.ChunkedArray:
        """What a column of the effort says in each row: nothing where another row carries it."""
        values = self.outcomes[name]
        return pc.if_else(pa.array(self.pays), values, pa.scalar(0, values.type))


class Joining:
    """Finds the outcomes of part after part.

    Args:
        shared: keys of several records.
    """

    def __init__(self, outcomes: RunOutcomes, shared: Sequence[str]) -> None:
        self._outcomes, self._shared = outcomes, frozenset(shared)
        self._charged: set[str] = set()

    def part(self, records: pa.Table, plan: pa.Table) -> Part:
        """The next records with their outcomes."""
        reasons = plan["skip_reason"].to_pylist()
        keys = [None if reason else key for key, reason in zip(plan["answer_key"].to_pylist(), reasons, strict=True)]
        outcomes = self._outcomes.of(keys)
        found = zip(keys, outcomes["key"].is_valid().to_pylist(), strict=True)
        pays = np.array([is_found and self._pays(key) for key, is_found in found], dtype=np.bool_)
        return Part(records, plan, outcomes, pays)

    def _pays(self, key: str | None) -> bool:
        if key is None or key in self._charged:
            return False
        if key in self._shared:
            self._charged.add(key)
        return True


@dataclass
class Tally:
    """Counts of a run.

    Args:
        records: all of them.
        skipped: records by reason.
        calls: what all answers took: `requests`, `retries`, `rate_limited`.
        service_tiers: on which answers were billed.
        errors: quarantined records by error type, without those that could not be read.
        said: of each error type the first message.
    """

    records: int = 0
    accepted: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    calls: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_CALLS, 0))
    service_tiers: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)

    def count(self, part: Part) -> None:
        """Add what a part has skipped and spent."""
        self.records += part.records.num_rows
        reasons = Counter(part.plan["skip_reason"].drop_null().to_pylist())
        reasons.pop("too_long", None)
        self.skipped += reasons
        self.skipped["over_budget"] += int((part.is_due & ~part.has_outcome).sum())
        for name in self.calls:
            self.calls[name] += pc.sum(part.spent(name)).as_py() or 0
        is_own = pc.invert(pc.fill_null(part.outcomes["reused"], True))
        paid = part.outcomes["service_tier"].filter(pc.and_(pa.array(part.pays), is_own))
        self.service_tiers.update(filter(None, paid.to_pylist()))

    def count_quarantined(self, rows: Sequence[QuarantineRow]) -> None:
        """Add rows for the quarantine."""
        for row in rows:
            self.errors[row.error_type] += 1
            self.said.setdefault(row.error_type, row.error_message)


def candidates_of(part: Part, schema: pa.Schema, run: RunContext, prompt_hash: str) -> pa.Table:
    """Rows for `results/`.

    Args:
        part: answered records.
        schema: of `results/`.
        prompt_hash: of the planned prompt.
    """
    answer = part.outcomes["answer"].combine_chunks()
    constant = {
        "model": run.model,
        "prompt_version": run.prompt_version,
        "prompt_hash": prompt_hash,
        "run_id": run.run_id,
    }
    columns = {
        **{name: part.records[name] for name in part.records.column_names},
        **{name: pc.struct_field(answer, name) for name in (field.name for field in answer.type)},
        **{name: pa.repeat(value, part.records.num_rows) for name, value in constant.items()},
        "answer_key": part.plan["answer_key"],
        "reused": pc.or_(part.outcomes["reused"], pa.array(~part.pays)),
        **{name: part.outcomes[name] for name in SERVICE_COLUMNS},
        **{name: part.spent(name) for name in _SPENT},
        "processed_at": _moments(part.outcomes["processed_at"]),
    }
    return conform(pa.table(columns), schema)


def not_in_records(schema: pa.Schema) -> pa.Schema:
    """Columns of accepted rows: what no record has, and its place.

    Args:
        schema: of `results/`.
    """
    own = [field for field in schema if field.name not in _IN_RECORDS and not field.name.startswith("attr_")]
    return pa.schema([PLACE, *own])


def failed_rows(part: Part, run: RunContext) -> list[QuarantineRow]:
    """Quarantine rows of the records that are too long or could not be answered."""
    rows = []
    too_long = part.only(_mask(pc.fill_null(pc.equal(part.plan["skip_reason"], "too_long"), False)))
    for record, characters in zip(_records(too_long), too_long.plan["characters"].to_pylist(), strict=True):
        what = "The text with what stands above it" if characters > len(record["text"]) else "The text"
        message = f"{what} has {characters:,} characters, more than the pipeline's max_text_characters."
        rows.append(_set_aside(record, run, "infer", "too_long", message))
    failed = part.only(part.has_outcome & ~part.is_answered)
    outcomes = failed.outcomes.drop_columns("answer").to_pylist()
    for record, outcome, pays in zip(_records(failed), outcomes, failed.pays, strict=True):
        took = {
            "raw_output": outcome["raw_output"],
            "service": Service.of_row(outcome),
            "effort": Effort.of_row(outcome) if pays else NO_EFFORT,
            "processed_at": datetime.fromisoformat(outcome["processed_at"]),
        }
        kind, message = outcome["error_type"] or "unknown", outcome["error_message"] or ""
        rows.append(_set_aside(record, run, "infer", kind, message, **took))
    return rows


def rejected_rows(candidates: pa.Table, failing: Mapping[str, Sequence[str]], run: RunContext) -> list[QuarantineRow]:
    """Quarantine rows of candidates that the quality gate rejects.

    Args:
        failing: record id to the expectations that it fails.
    """
    rows = []
    for row in candidates.to_pylist():
        took = {"service": Service.of_row(row), "effort": Effort.of_row(row), "processed_at": row["processed_at"]}
        sentences = "; ".join(failing[row["record_id"]])
        rows.append(_set_aside(row, run, "validate", "expectation_failed", sentences, **took))
    return rows


def _set_aside(
    record: Mapping[str, Any], run: RunContext, stage: str, error_type: str, message: str, **took: Any
) -> QuarantineRow:
    return QuarantineRow(
        **{name: record[name] for name in _OF_RECORD},
        stage=stage,
        error_type=error_type,
        error_message=message,
        model=run.model,
        prompt_version=run.prompt_version,
        run_id=run.run_id,
        **{"processed_at": run.window_end, **took},
    )


def audit_rows(part: Part) -> pa.Table:
    """What became of the questions of a part that this run has asked, for `commit_audit`."""
    is_reused = _mask(pc.fill_null(part.outcomes["reused"], False))
    asked = part.only(part.is_due & ~is_reused & (part.pays | ~part.has_outcome))
    return pa.table(
        {
            "answer_key": asked.plan["answer_key"],
            "requests": pc.fill_null(asked.outcomes["requests"], 0),
            "answered_at": _moments(asked.outcomes["processed_at"]),
        },
        AUDITED,
    )


def _records(part: Part) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = part.records.select(_OF_RECORD).to_pylist()
    return rows


def _moments(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO times as they stand in the ledger."""
    return texts.cast(UTC_TIME)


def _mask(values: pa.ChunkedArray) -> Mask:
    mask: Mask = values.to_numpy().astype(np.bool_)
    return mask
