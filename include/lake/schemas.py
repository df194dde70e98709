"""The columns of every table in the lake."""

from collections.abc import Collection, Iterable

import pyarrow as pa
from pydantic import BaseModel

from include.answer.arrow_types import arrow_fields
from include.lake.columns import PROVENANCE_COLUMNS, RECORD_COLUMNS
from include.lake.effort import COUNT_COLUMNS, SERVICE_COLUMNS, USAGE_COLUMNS

UTC_TIME = pa.timestamp("us", tz="UTC")

# A column is of one kind wherever it stands, but for `reused`, which `runs/` counts. What is not here is a text.
_KINDS: dict[str, pa.DataType] = {
    **dict.fromkeys(
        ("occurred_at", "processed_at", "window_start", "window_end", "started_at", "finished_at"), UTC_TIME
    ),
    **dict.fromkeys(("extracted", "published", "quarantined", "skipped", "outside_window"), pa.int64()),
    **dict.fromkeys((*USAGE_COLUMNS, *COUNT_COLUMNS), pa.int64()),
    **dict.fromkeys(("cost_usd", "estimated_cost_usd", "unusable_cost_usd"), pa.float64()),
    **dict.fromkeys(("skipped_by_reason", "service_tier_counts"), pa.map_(pa.string(), pa.int64())),
    **dict.fromkeys(("reused", "validation_success"), pa.bool_()),
}


def fields_of(names: Iterable[str], never_null: Collection[str] = ()) -> list[pa.Field]:
    """Columns of a table, each of its kind.

    Args:
        never_null: of `names`.
    """
    return [pa.field(name, _KINDS.get(name, pa.string()), nullable=name not in never_null) for name in names]


RAW_FIELDS = fields_of(RECORD_COLUMNS, never_null=set(RECORD_COLUMNS) - {"source_url"})
PROVENANCE_FIELDS = fields_of(PROVENANCE_COLUMNS)

QUARANTINE_SCHEMA = pa.schema(
    fields_of(
        (
            *("record_id", "record_version", "source", "occurred_at", "stage", "error_type", "error_message"),
            *("text", "raw_output", "model", "prompt_version", *SERVICE_COLUMNS, *USAGE_COLUMNS),
            *("cost_usd", "attempts", "run_id", "processed_at"),
        ),
        never_null=("record_id", "record_version", "stage", "error_type", "error_message"),
    )
)

RUNS_SCHEMA = pa.schema(
    [
        *fields_of(("run_id", "run_key", "pipeline"), never_null=("run_id", "run_key", "pipeline")),
        *fields_of(("purpose", "trigger", "requested_mode", "mode")),
        *fields_of(("window_start", "window_end", "started_at", "finished_at")),
        *fields_of(("extracted", "published", "quarantined", "skipped", "skipped_by_reason")),
        # What the source had outside the run's window: never extracted, so in none of the counts before.
        *fields_of(("outside_window",)),
        pa.field("reused", pa.int64()),
        *fields_of(("requests", "retries", "rate_limited", "service_tier_counts", *USAGE_COLUMNS)),
        # `cost_usd` is that of its rows in `results/` and `quarantine/`, and of what was paid and ended in no row.
        *fields_of(("estimated_cost_usd", "cost_usd", "unusable_cost_usd")),
        *fields_of(("model", "prompt_version", "endpoint", "dialect", "code_version", "redaction_version")),
        # The reason is one sentence for people; null when all is well.
        *fields_of(("validation_success", "state", "reason")),
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


CANARIES_SCHEMA = pa.schema(
    [
        *fields_of(("run_id", "record_id", "record_version"), never_null=("run_id", "record_id", "record_version")),
        # As JSON; null: it got none.
        pa.field("answer", pa.string()),
        # Fields that are answered otherwise than the night before; null: there was no such question then.
        pa.field("flipped", pa.list_(pa.string())),
        *fields_of(("model", "prompt_version", "cost_usd", "error_type")),
        # What was asked, for the nights to come: only what has the same key is the same question.
        *fields_of(("answer_key", "text", "attributes"), never_null=("answer_key", "text", "attributes")),
    ]
)


def results_schema(answer: type[BaseModel], attributes: list[pa.Field]) -> pa.Schema:
    """Schema of `results/` and `current/` for one pipeline.

    Args:
        answer: the pipeline's answer model.
        attributes: the source's own columns, named `attr_*`.
    """
    return pa.schema(RAW_FIELDS + sorted(attributes, key=lambda f: f.name) + arrow_fields(answer) + PROVENANCE_FIELDS)
