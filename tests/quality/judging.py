"""The gate over rows that come in one part or in several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from include.lake.schemas import results_schema
from include.pipelines.definition import Pipeline
from include.quality.gate import GateResult, QualityGate


@dataclass(frozen=True)
class Judged:
    """What the gate said.

    Args:
        failing_records: record id to the sentences that it fails.
        result: of the run as a whole.
    """

    failing_records: dict[str, list[str]]
    result: GateResult

    @property
    def success(self) -> bool:
        """Whether every critical expectation held."""
        return self.result.success

    @property
    def failed(self) -> list[tuple[str, str]]:
        """Field and severity of the expectations that did not hold."""
        return [(str(outcome.field), outcome.severity) for outcome in self.result.outcomes if not outcome.success]


def table(pipeline: Pipeline, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Answers as candidates for `results/`; each gets an id of its own unless it has one."""
    return table_of(pipeline.answer, rows)


def table_of(answer: type[BaseModel], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """See `table`."""
    filled = [
        {
            "record_id": str(number),
            "record_version": "1",
            "source": "tests",
            "occurred_at": datetime(2026, 11, 1, tzinfo=UTC),
            **row,
        }
        for number, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(filled, schema=results_schema(answer, []))


def judge(pipeline: Pipeline, *parts: pa.Table, is_demo: bool = False) -> Judged:
    """What the gate says of a run that comes in these parts."""
    gate = QualityGate(pipeline, is_demo=is_demo)
    failing: dict[str, list[str]] = {}
    for part in parts:
        failing |= gate.take(part)
    return Judged(failing, gate.finish())
