"""What was sent to the provider: one row for each text that a run sent to the provider.

`plan` announces what the run is going to send, before the first of it is sent, so that a run which dies leaves its rows
whatever killed it. `publish`, or the failure of the run, puts in their place what came of them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.row_groups import read_groups
from include.lake.schemas import UTC_TIME, fields_of
from include.lake.write import open_table_writer, write_table
from include.llm.chain import Text
from include.llm.endpoint import Endpoint
from include.llm.ledger import LedgerEntry
from include.privacy.policy import kinds_in
from include.stages.run_context import RunContext

_OF_RECORD = ["record_id", "record_version"]
_TEXTS = (*_OF_RECORD, "answer_key", "endpoint", "model")
AUDIT_SCHEMA = pa.schema(
    [
        *fields_of(_TEXTS, never_null=_TEXTS),
        pa.field("characters", pa.int64(), nullable=False),
        # Null: announced, and not known to have been answered. It may have been sent.
        pa.field("requests", pa.int64()),
        pa.field("kinds_redacted", pa.list_(pa.string()), nullable=False),
        pa.field("answered_at", UTC_TIME),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)


def announce(
    lake: Lake, run: RunContext, endpoint: Endpoint, keys: pa.Array, asked: Iterable[tuple[pa.Table, list[Text]]]
) -> None:
    """Write down what is going to be sent; all that earlier tries have sent stays.

    Args:
        keys: answer keys of what is going to be sent.
        asked: of each of them the first record and its text, in parts.

    Raises:
        RetryLater: the lake cannot be written.
    """
    earlier = _rows_of(lake, run)
    is_again = pc.and_(pc.is_null(earlier["answered_at"]), pc.is_in(earlier["answer_key"], keys))
    with open_table_writer(lake, _path(lake, run), AUDIT_SCHEMA) as writer:
        writer.write(earlier.filter(pc.invert(is_again)))
        for records, texts in asked:
            rows = [
                _row(record, text, run, endpoint)
                for record, text in zip(records.select(_OF_RECORD).to_pylist(), texts, strict=True)
            ]
            writer.write(pa.Table.from_pylist(rows, schema=AUDIT_SCHEMA))


def commit_audit(lake: Lake, run: RunContext, outcomes: pa.Table) -> None:
    """Say of what was announced what came of it; what was not sent after all was not announced.

    Args:
        outcomes: `answer_key`, `requests` (0: none, because the budget was used up before) and `answered_at` of all
            that the run has asked.
    """
    keys = outcomes["answer_key"].combine_chunks()
    with open_table_writer(lake, _path(lake, run), AUDIT_SCHEMA) as writer:
        for rows in read_groups(lake, _path(lake, run)) if lake.has(_path(lake, run)) else ():
            place = pc.index_in(rows["answer_key"], keys)
            is_settled = pc.and_(pc.is_null(rows["answered_at"]), pc.is_valid(place))
            for name in ("requests", "answered_at"):
                settled = pc.if_else(is_settled, outcomes[name].take(place), rows[name])
                rows = rows.set_column(rows.column_names.index(name), AUDIT_SCHEMA.field(name), settled)
            is_unsent = pc.and_(is_settled, pc.equal(rows["requests"], 0))
            writer.write(rows.filter(pc.invert(is_unsent)))


def settle_announced(lake: Lake, run: RunContext, ledger: Mapping[str, LedgerEntry]) -> None:
    """Say of a run that failed what is known of the texts that it announced; the others may have been sent.

    Args:
        ledger: of the run, by answer key.
    """
    if not lake.has(_path(lake, run)):
        return
    rows = _rows_of(lake, run).to_pylist()
    for row in rows:
        entry = ledger.get(row["answer_key"])
        if row["answered_at"] is None and entry is not None:
            row |= _answered(entry)
    write_table(lake, _path(lake, run), pa.Table.from_pylist(rows, schema=AUDIT_SCHEMA))


def _path(lake: Lake, run: RunContext) -> str:
    return lake.run_file("audit", run.pipeline, run.run_date, run.run_key)


def _rows_of(lake: Lake, run: RunContext) -> pa.Table:
    path = _path(lake, run)
    return read_table(lake, path) if lake.has(path) else AUDIT_SCHEMA.empty_table()


def _row(record: Mapping[str, Any], text: Text, run: RunContext, endpoint: Endpoint) -> dict[str, Any]:
    return {
        **record,
        "answer_key": text.key,
        "endpoint": endpoint.address,
        "model": run.model,
        "characters": text.characters,
        "kinds_redacted": list(kinds_in(text.above + text.text)),
        "run_id": run.run_id,
    }


def _answered(entry: LedgerEntry) -> dict[str, Any]:
    return {"requests": entry.effort.requests, "answered_at": datetime.fromisoformat(entry.processed_at)}
