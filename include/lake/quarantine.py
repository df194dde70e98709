"""A row of `quarantine/`: a record that has no accepted answer, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from include.lake.effort import NO_EFFORT, UNKNOWN_SERVICE, Effort, Service
from include.lake.schemas import QUARANTINE_SCHEMA


@dataclass(frozen=True, kw_only=True)
class QuarantineRow:
    """One record.

    Args:
        stage: where it was set aside: `extract`, `infer` or `validate`.
        text: of the record, redacted; for one that could not be read, its row.
        raw_output: what the model said instead of an answer.
        effort: what was paid for it all the same.
        processed_at: when that was; of one that was never asked about, the end of the run's window.
    """

    record_id: str
    record_version: str
    source: str
    occurred_at: datetime | None
    text: str | None
    stage: str
    error_type: str
    error_message: str
    raw_output: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    service: Service = UNKNOWN_SERVICE
    effort: Effort = NO_EFFORT
    run_id: str
    processed_at: datetime


def quarantine_table(rows: Iterable[QuarantineRow]) -> pa.Table:
    """Rows as they are written."""
    columns = [{**vars(row), **row.service.columns(), **row.effort.columns()} for row in rows]
    return pa.Table.from_pylist(columns, schema=QUARANTINE_SCHEMA)
