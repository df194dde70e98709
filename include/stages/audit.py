"""What left the house: one row for each text that a run sent to the provider."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from include.lake.schemas import UTC_TIME
from include.llm.endpoint import Endpoint
from include.llm.ledger import LedgerEntry
from include.privacy.policy import kinds_in
from include.stages.run_context import RunContext

AUDIT_SCHEMA = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("record_version", pa.string(), nullable=False),
        pa.field("answer_key", pa.string(), nullable=False),
        pa.field("endpoint", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("characters", pa.int64(), nullable=False),
        pa.field("requests", pa.int64(), nullable=False),
        pa.field("kinds_redacted", pa.list_(pa.string()), nullable=False),
        pa.field("answered_at", UTC_TIME),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)


def audit_table(
    questions: list[dict[str, Any]], ledger: dict[str, LedgerEntry], run: RunContext, endpoint: Endpoint
) -> pa.Table:
    """The audit of one run; a text that several records share is sent once, and stands under the first of them.

    Args:
        questions: the run's records with `answer_key` and `not_asked`.
        ledger: what became of them, by answer key.

    Returns:
        Columns: the record, the endpoint's host and the model, the length of the redacted text and how many requests
        carried it, the kinds of personal data that were taken out of it before, and when its answer was there.
    """
    rows: list[dict[str, Any]] = []
    sent: set[str] = set()
    host = urlsplit(endpoint.base_url).netloc.rpartition("@")[2]
    for record in questions:
        key = record["answer_key"]
        entry = ledger.get(key)
        if record["not_asked"] is not None or entry is None or entry.reused or not entry.requests or key in sent:
            continue
        sent.add(key)
        rows.append(
            {
                "record_id": record["record_id"],
                "record_version": record["record_version"],
                "answer_key": key,
                "endpoint": host,
                "model": run.model,
                "characters": len(record["text"]),
                "requests": entry.requests,
                "kinds_redacted": list(kinds_in(record["text"])),
                "answered_at": datetime.fromisoformat(entry.processed_at),
                "run_id": run.run_id,
            }
        )
    return pa.Table.from_pylist(rows, schema=AUDIT_SCHEMA)
