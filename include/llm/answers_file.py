"""A shard's outcomes as Parquet: what its ledger says, once for each text."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
from pydantic import BaseModel

from include.lake.paths import Lake
from include.lake.schemas import answer_fields
from include.lake.write import open_table_writer
from include.llm.ledger import LedgerEntry, ledger_files, scan_ledger
from include.llm.usage import Usage

ROWS_AT_ONCE = 200
# Of a ledger that are turned into columns at once.
BLOCK_BYTES = 256 * 1024
_USAGE_FIELDS = ("prompt_tokens", "cached_tokens", "completion_tokens")
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


def write_answers(lake: Lake, ledger_folder: str, path: str, answer: type[BaseModel], is_plain: bool) -> None:
    """Turn a shard's ledger into one Parquet file, in the order in which the outcomes came.

    Args:
        answer: the pipeline's answer model.
        is_plain: the ledger is of one attempt and has no notes, so each line is an outcome of its own and Arrow reads
            them. Otherwise a key may be there twice: its first answer wins over any failure, and all keys are held in
            memory.

    Raises:
        RetryLater: the lake cannot be written.
    """
    schema = pa.schema(
        [pa.field("key", pa.string()), pa.field("answer", pa.struct(answer_fields(answer))), *_ENTRY_FIELDS]
    )
    tables = _plain_tables if is_plain else _merged_tables
    with open_table_writer(lake, path, schema) as writer:
        for table in tables(lake, ledger_folder, schema):
            writer.write(table)


def _plain_tables(lake: Lake, ledger_folder: str, schema: pa.Schema) -> Iterator[pa.Table]:
    lines = pa.schema(
        [
            *(field for field in schema if field.name not in _USAGE_FIELDS),
            pa.field("usage", pa.struct([(name, pa.int64()) for name in _USAGE_FIELDS])),
        ]
    )
    in_one_thread = pyarrow.json.ReadOptions(use_threads=False)
    options = pyarrow.json.ParseOptions(explicit_schema=lines, unexpected_field_behavior="ignore")
    for path in ledger_files(lake, ledger_folder):
        with lake.fs.open(path, "rb") as file:
            # Whole lines only.
            while block := file.read(BLOCK_BYTES) + file.readline():
                read = pyarrow.json.read_json(pa.BufferReader(block), in_one_thread, options)
                usage = read["usage"].combine_chunks()
                columns = [
                    usage.field(field.name) if field.name in _USAGE_FIELDS else read[field.name] for field in schema
                ]
                yield pa.table(columns, schema=schema)


def _merged_tables(lake: Lake, ledger_folder: str, schema: pa.Schema) -> Iterator[pa.Table]:
    answered = {entry.key for entry in scan_ledger(lake, ledger_folder) if entry.answer is not None}
    taken: set[str] = set()
    rows: list[dict[str, Any]] = []
    for entry in scan_ledger(lake, ledger_folder):
        if entry.is_notes or entry.key in taken or (entry.answer is None and entry.key in answered):
            continue
        taken.add(entry.key)
        rows.append(_row(entry))
        if len(rows) == ROWS_AT_ONCE:
            yield pa.Table.from_pylist(rows, schema=schema)
            rows = []
    yield pa.Table.from_pylist(rows, schema=schema)


def read_answers(lake: Lake, path: str) -> Iterator[LedgerEntry]:
    """The outcomes in one file."""
    with lake.fs.open(path, "rb") as file:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        for group in range(parquet.num_row_groups):
            for batch in parquet.iter_batches(batch_size=ROWS_AT_ONCE, row_groups=[group]):
                for row in batch.to_pylist():
                    usage = Usage(*(row.pop(name) for name in _USAGE_FIELDS))
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
