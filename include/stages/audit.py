"""What was sent to the provider: one row for each text that a run sent to the provider.

`plan` announces what the run is going to send, before the first of it is sent, so that a run which dies leaves its rows
whatever killed it. `publish`, or the failure of the run, puts in their place what came of them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.schemas import UTC_TIME
from include.lake.write import write_table
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
        # Null: announced, and not known to have been answered. It may have been sent.
        pa.field("requests", pa.int64()),
        pa.field("kinds_redacted", pa.list_(pa.string()), nullable=False),
        pa.field("answered_at", UTC_TIME),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)


def announce(lake: Lake, run: RunContext, endpoint: Endpoint, asked: pa.Table) -> None:
    """Write down what is going to be sent.

    Args:
        asked: records with their `answer_key`, of which each is sent once.

    Raises:
        RetryLater: the lake cannot be written.
    """
    of_key: dict[str, dict[str, Any]] = {}
    for record in asked.to_pylist():
        of_key.setdefault(record["answer_key"], record)
    rows = [_row(record, run, endpoint, requests=None, answered_at=None) for record in of_key.values()]
    commit_audit(lake, run, pa.Table.from_pylist(rows, schema=AUDIT_SCHEMA))


def audit_table(
    questions: list[dict[str, Any]], ledger: Mapping[str, LedgerEntry], run: RunContext, endpoint: Endpoint
) -> pa.Table:
    """What a run has sent; a text that several records share is sent once, and stands under the first of them.

    Args:
        questions: the run's records with `answer_key` and `skip_reason`.
        ledger: what became of them, by answer key.

    Returns:
        Columns: the record, the endpoint's host and the model, the length of the redacted text with what stands above
        it and how many requests carried it (0: none, because the budget was used up before), the kinds of personal data
        that were taken out of it before, and when its answer was there.
    """
    rows: dict[str, dict[str, Any]] = {}
    for record in questions:
        key = record["answer_key"]
        entry = ledger.get(key)
        is_reused = entry is not None and entry.reused
        if record["skip_reason"] is None and not is_reused and key not in rows:
            answered = {"requests": 0, "answered_at": None} if entry is None else _answered(entry)
            rows[key] = _row(record, run, endpoint, **answered)
    return pa.Table.from_pylist(list(rows.values()), schema=AUDIT_SCHEMA)


def commit_audit(lake: Lake, run: RunContext, audit: pa.Table) -> None:
    """Put a run's rows in the place of those that were announced; all others of its earlier tries stay.

    Args:
        audit: of `audit_table`.
    """
    path = lake.run_file("audit", run.pipeline, run.run_date, run.run_key)
    earlier = read_table(lake, path).to_pylist() if lake.fs.exists(path) else []
    rows = audit.to_pylist()
    sent = [row for row in rows if row["requests"] != 0]
    # What was announced has no `answered_at` yet.
    settled = {(row["answer_key"], None) for row in rows} | {(row["answer_key"], row["answered_at"]) for row in sent}
    kept = [row for row in earlier if (row["answer_key"], row["answered_at"]) not in settled]
    write_table(lake, path, pa.Table.from_pylist(kept + sent, schema=AUDIT_SCHEMA))


def settle_announced(lake: Lake, run: RunContext, ledger: Mapping[str, LedgerEntry]) -> None:
    """Say of a run that failed what is known of the texts that it announced; the others may have been sent.

    Args:
        ledger: of the run, by answer key.
    """
    path = lake.run_file("audit", run.pipeline, run.run_date, run.run_key)
    if not lake.fs.exists(path):
        return
    rows = read_table(lake, path).to_pylist()
    for row in rows:
        entry = ledger.get(row["answer_key"])
        if row["answered_at"] is None and entry is not None:
            row |= _answered(entry)
    write_table(lake, path, pa.Table.from_pylist(rows, schema=AUDIT_SCHEMA))


def _row(record: Mapping[str, Any], run: RunContext, endpoint: Endpoint, **answered: Any) -> dict[str, Any]:
    # The version before had nothing above a text.
    sent = record.get("above", "") + record["text"]
    return {
        "record_id": record["record_id"],
        "record_version": record["record_version"],
        "answer_key": record["answer_key"],
        "endpoint": endpoint.address,
        "model": run.model,
        "characters": len(sent),
        "kinds_redacted": list(kinds_in(sent)),
        "run_id": run.run_id,
        **answered,
    }


def _answered(entry: LedgerEntry) -> dict[str, Any]:
    return {"requests": entry.effort.requests, "answered_at": datetime.fromisoformat(entry.processed_at)}
