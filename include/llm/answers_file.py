"""A shard's outcomes as Parquet: what its ledger says, once for each text."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.json
from pydantic import BaseModel

from include.answer.arrow_types import arrow_fields
from include.lake.effort import EFFORT_COLUMNS, SERVICE_COLUMNS, USAGE_COLUMNS
from include.lake.paths import Lake
from include.lake.row_groups import open_file
from include.lake.schemas import fields_of
from include.lake.write import open_table_writer
from include.llm.ledger import LedgerEntry, ledger_files, scan_ledger

ROWS_AT_ONCE = 200
# Of a ledger that are turned into columns at once.
BLOCK_BYTES = 256 * 1024
# Columns that are one value each in a line of the ledger.
_NESTED = {"usage": (USAGE_COLUMNS, pa.int64()), "service": (SERVICE_COLUMNS, pa.string())}
_PARENT = {name: parent for parent, (names, _) in _NESTED.items() for name in names}
_TROUBLE = ("error_type", "error_message", "raw_output")
_OWN_COLUMNS = ("key", "answer", *_TROUBLE, "processed_at", "reused")
# A time stands there as the ledger has it.
_ENTRY_FIELDS = [
    *fields_of((*_TROUBLE, *SERVICE_COLUMNS, *EFFORT_COLUMNS, "reused")),
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
        [pa.field("key", pa.string()), pa.field("answer", pa.struct(arrow_fields(answer))), *_ENTRY_FIELDS]
    )
    tables = _plain_tables if is_plain else _merged_tables
    with open_table_writer(lake, path, schema) as writer:
        for table in tables(lake, ledger_folder, schema):
            writer.write(table)


def _plain_tables(lake: Lake, ledger_folder: str, schema: pa.Schema) -> Iterator[pa.Table]:
    lines = pa.schema(
        [
            *(field for field in schema if field.name not in _PARENT),
            *(pa.field(name, pa.struct([(part, kind) for part in parts])) for name, (parts, kind) in _NESTED.items()),
        ]
    )
    in_one_thread = pyarrow.json.ReadOptions(use_threads=False)
    options = pyarrow.json.ParseOptions(explicit_schema=lines, unexpected_field_behavior="ignore")
    for path in ledger_files(lake, ledger_folder):
        with open_file(lake, path) as file:
            # Whole lines only.
            while block := file.read(BLOCK_BYTES) + file.readline():
                read = pyarrow.json.read_json(pa.BufferReader(block), in_one_thread, options)
                nested = {name: read[name].combine_chunks() for name in _NESTED}
                columns = [
                    nested[_PARENT[name]].field(name) if name in _PARENT else read[name] for name in schema.names
                ]
                yield pa.table(columns, schema=schema)


def _merged_tables(lake: Lake, ledger_folder: str, schema: pa.Schema) -> Iterator[pa.Table]:
    answered = {entry.key for entry in scan_ledger(lake, ledger_folder) if entry.answer is not None}
    taken: set[str] = set()
    rows: list[dict[str, Any]] = []
    for entry in scan_ledger(lake, ledger_folder):
        is_outcome = not (entry.is_notes or entry.is_unusable)
        if not is_outcome or entry.key in taken or (entry.answer is None and entry.key in answered):
            continue
        taken.add(entry.key)
        rows.append(_row(entry))
        if len(rows) == ROWS_AT_ONCE:
            yield pa.Table.from_pylist(rows, schema=schema)
            rows = []
    yield pa.Table.from_pylist(rows, schema=schema)


def _row(entry: LedgerEntry) -> dict[str, Any]:
    own = {name: getattr(entry, name) for name in _OWN_COLUMNS}
    return {**own, **entry.service.columns(), **entry.effort.columns()}
