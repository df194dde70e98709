"""Names of the columns that Nightshift itself writes into `results/` and `current/`.

Apart from `schemas.py` so that a DAG file can check a pipeline's names without importing pyarrow.
"""

import re

from include.lake.effort import SERVICE_COLUMNS, USAGE_COLUMNS

# Of a pipeline and of what is named after it in the lake.
NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")

RECORD_COLUMNS = ("record_id", "record_version", "source", "source_url", "occurred_at", "text")
PROVENANCE_COLUMNS = (
    "model",
    "prompt_version",
    "prompt_hash",
    "answer_key",
    "reused",
    *SERVICE_COLUMNS,
    *USAGE_COLUMNS,
    "cost_usd",
    "attempts",
    "latency_ms",
    "run_id",
    "processed_at",
)
PARTITION_COLUMNS = ("run_date", "occurred_month")
RESULT_SYSTEM_COLUMNS = frozenset(RECORD_COLUMNS + PROVENANCE_COLUMNS + PARTITION_COLUMNS)
