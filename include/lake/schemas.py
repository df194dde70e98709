"""The columns of every table in the lake."""

import pyarrow as pa
from pydantic import BaseModel

from include.answer.arrow_types import arrow_fields
from include.lake.effort import EFFORT_COLUMNS, SERVICE_COLUMNS, USAGE_COLUMNS

UTC_TIME = pa.timestamp("us", tz="UTC")

RAW_FIELDS: list[pa.Field] = [
    pa.field("record_id", pa.string(), nullable=False),
    pa.field("record_version", pa.string(), nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("source_url", pa.string()),
    pa.field("occurred_at", UTC_TIME, nullable=False),
    pa.field("text", pa.string(), nullable=False),
]

SERVICE_FIELDS = [pa.field(name, pa.string()) for name in SERVICE_COLUMNS]
USAGE_FIELDS = [pa.field(name, pa.int64()) for name in USAGE_COLUMNS]
EFFORT_FIELDS = [pa.field(name, pa.float64() if name == "cost_usd" else pa.int64()) for name in EFFORT_COLUMNS]

PROVENANCE_FIELDS: list[pa.Field] = [
    pa.field("model", pa.string()),
    pa.field("prompt_version", pa.string()),
    pa.field("prompt_hash", pa.string()),
    pa.field("answer_key", pa.string()),
    pa.field("reused", pa.bool_()),
    *SERVICE_FIELDS,
    *USAGE_FIELDS,
    pa.field("cost_usd", pa.float64()),
    pa.field("attempts", pa.int64()),
    pa.field("latency_ms", pa.int64()),
    pa.field("run_id", pa.string()),
    pa.field("processed_at", UTC_TIME),
]

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("record_version", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("occurred_at", UTC_TIME),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("error_type", pa.string(), nullable=False),
        pa.field("error_message", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("raw_output", pa.string()),
        pa.field("model", pa.string()),
        pa.field("prompt_version", pa.string()),
        *SERVICE_FIELDS,
        *USAGE_FIELDS,
        pa.field("cost_usd", pa.float64()),
        pa.field("attempts", pa.int64()),
        pa.field("run_id", pa.string()),
        pa.field("processed_at", UTC_TIME),
    ]
)

RUNS_SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("run_key", pa.string(), nullable=False),
        pa.field("pipeline", pa.string(), nullable=False),
        pa.field("purpose", pa.string()),
        pa.field("trigger", pa.string()),
        pa.field("requested_mode", pa.string()),
        pa.field("mode", pa.string()),
        pa.field("window_start", UTC_TIME),
        pa.field("window_end", UTC_TIME),
        pa.field("started_at", UTC_TIME),
        pa.field("finished_at", UTC_TIME),
        pa.field("extracted", pa.int64()),
        pa.field("published", pa.int64()),
        pa.field("quarantined", pa.int64()),
        pa.field("skipped", pa.int64()),
        pa.field("skipped_by_reason", pa.map_(pa.string(), pa.int64())),
        # What the source had outside the run's window: never extracted, so in none of the counts before.
        pa.field("outside_window", pa.int64()),
        pa.field("reused", pa.int64()),
        pa.field("requests", pa.int64()),
        pa.field("retries", pa.int64()),
        pa.field("rate_limited", pa.int64()),
        pa.field("service_tier_counts", pa.map_(pa.string(), pa.int64())),
        *USAGE_FIELDS,
        pa.field("estimated_cost_usd", pa.float64()),
        # Of its rows in `results/` and `quarantine/`, and of what was paid and ended in no row.
        pa.field("cost_usd", pa.float64()),
        pa.field("unusable_cost_usd", pa.float64()),
        pa.field("model", pa.string()),
        pa.field("prompt_version", pa.string()),
        pa.field("endpoint", pa.string()),
        pa.field("dialect", pa.string()),
        pa.field("code_version", pa.string()),
        pa.field("redaction_version", pa.string()),
        pa.field("validation_success", pa.bool_()),
        pa.field("state", pa.string()),
        # One sentence for people; null when all is well.
        pa.field("reason", pa.string()),
    ]
)

MEASURES_SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("run_key", pa.string(), nullable=False),
        pa.field("purpose", pa.string(), nullable=False),
        # Null: of the whole run.
        pa.field("occurred_on", pa.date32()),
        pa.field("measure", pa.string(), nullable=False),
        pa.field("field", pa.string()),
        pa.field("value", pa.string()),
        pa.field("basis", pa.string(), nullable=False),
        pa.field("number", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n", pa.int64()),
        pa.field("says", pa.string()),
    ]
)


def results_schema(answer: type[BaseModel], attributes: list[pa.Field]) -> pa.Schema:
    """Schema of `results/` and `current/` for one pipeline.

    Args:
        answer: the pipeline's answer model.
        attributes: the source's own columns, named `attr_*`.
    """
    return pa.schema(RAW_FIELDS + sorted(attributes, key=lambda f: f.name) + arrow_fields(answer) + PROVENANCE_FIELDS)
