"""A shard's outcomes as Parquet: what its ledger says, once for each text."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from include.lake.paths import Lake
from include.lake.schemas import answer_fields
from include.lake.write import open_table_writer
from include.llm.ledger import LedgerEntry, scan_ledger
from include.llm.usage import Usage

ROWS_AT_ONCE = 200
_ENTRY_FIELDS = [
    pa.field("error_type", pa.string()),
    pa.field("error_message", pa.string()),
    pa.field("raw_output", pa.string()),
    pa.field("prompt_tokens", pa.int64()),
    pa.field("cached_tokens", pa.int64()),
    pa.field("completion_tokens", pa.int64()),
    pa.field("cost_usd", pa.float64()),
    pa.field("attempts", pa.int64()),
    pa.field("latency_ms", pa.int64()),
    pa.field("requests", pa.int64()),
    pa.field("retries", pa.int64()),
    pa.field("rate_limited", pa.int64()),
    pa.field("processed_at", pa.string()),
]


def write_answers(lake: Lake, ledger_folder: str, path: str, answer: type[BaseModel], has_attempts: bool) -> None:
    """Turn a shard's ledger into one Parquet file, in the order in which the outcomes came.

    Args:
        answer: the pipeline's answer model.
        has_attempts: more than one attempt has written the ledger, so that a key may be there twice. Its first answer
            wins over any failure; only then all keys are held in memory.

    Raises:
        RetryLater: the lake cannot be written.
    """
    schema = pa.schema(
        [pa.field("key", pa.string()), pa.field("answer", pa.struct(answer_fields(answer))), *_ENTRY_FIELDS]
    )
    answered = {e.key for e in scan_ledger(lake, ledger_folder) if e.answer is not None} if has_attempts else set()
    taken: set[str] = set()
    rows: list[dict[str, Any]] = []
    with open_table_writer(lake, path, schema) as writer:
        for entry in scan_ledger(lake, ledger_folder):
            if entry.is_notes:
                continue
            if has_attempts:
                if entry.key in taken or (entry.answer is None and entry.key in answered):
                    continue
                taken.add(entry.key)
            rows.append(_row(entry))
            if len(rows) == ROWS_AT_ONCE:
                writer.write(pa.Table.from_pylist(rows, schema=schema))
                rows = []
        writer.write(pa.Table.from_pylist(rows, schema=schema))


def read_answers(lake: Lake, path: str) -> Iterator[LedgerEntry]:
    """The outcomes in one file."""
    with lake.fs.open(path, "rb") as file:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        for batch in parquet.iter_batches(batch_size=ROWS_AT_ONCE):
            for row in batch.to_pylist():
                usage = Usage(row.pop("prompt_tokens"), row.pop("cached_tokens"), row.pop("completion_tokens"))
                yield LedgerEntry(usage=usage, **row)


def _row(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "answer": entry.answer,
        "error_type": entry.error_type,
        "error_message": entry.error_message,
        "raw_output": entry.raw_output,
        "prompt_tokens": entry.usage.prompt_tokens,
        "cached_tokens": entry.usage.cached_tokens,
        "completion_tokens": entry.usage.completion_tokens,
        "cost_usd": entry.cost_usd,
        "attempts": entry.attempts,
        "latency_ms": entry.latency_ms,
        "requests": entry.requests,
        "retries": entry.retries,
        "rate_limited": entry.rate_limited,
        "processed_at": entry.processed_at,
    }
