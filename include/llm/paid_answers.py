"""Answers that were paid for before, by answer key: in `results/`, and in the ledgers of runs that never published."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from include.answer.arrow_types import arrow_fields
from include.lake.answer_index import find_answers
from include.lake.columns import SERVICE_COLUMNS, USAGE_COLUMNS
from include.lake.paths import Lake
from include.lake.schemas import PROVENANCE_FIELDS
from include.llm.ledger import LedgerEntry, read_ledger
from include.llm.usage import Service, Usage


def paid_answers(
    lake: Lake,
    pipeline: str,
    answer: type[BaseModel],
    keys: Collection[str],
    own_results: str,
    own_work: str,
    reused_at: datetime,
) -> dict[str, LedgerEntry]:
    """Entries for those of `keys` that somebody has paid for.

    Args:
        answer: the pipeline's answer model.
        keys: wanted answer keys.
        own_results: this run's file in `results/`: the same run again keeps its tokens and its cost as they were.
        own_work: this run's folder below `_work/`, whose ledger the stages read themselves.
        reused_at: what `processed_at` says of reused answers: the newest run to give an answer is the newest answer.

    Returns:
        Key to entry. Those of other runs are marked `reused` and cost nothing.
    """
    fields = [field.name for field in arrow_fields(answer)]
    own: dict[str, LedgerEntry] = {}
    found: dict[str, LedgerEntry] = {}
    columns = fields + [field.name for field in PROVENANCE_FIELDS]
    for path, rows in find_answers(lake, pipeline, keys, columns):
        # Of several records with one text the one that paid comes first.
        for row in sorted(rows, key=lambda row: row["reused"]):
            entry = _entry(row, fields)
            if path == own_results:
                own.setdefault(entry.key, entry)
            else:
                found.setdefault(entry.key, _at_no_cost(entry, reused_at))
    for folder in sorted(lake.find(lake.table("_work", pipeline), "*/ledger")):
        if folder != f"{own_work}/ledger":
            for key, entry in read_ledger(lake, folder, keys).items():
                if entry.answer is not None:
                    found.setdefault(key, _at_no_cost(entry, reused_at))
    return found | own


def _entry(row: dict[str, Any], fields: list[str]) -> LedgerEntry:
    return LedgerEntry(
        key=row["answer_key"],
        answer={name: row[name] for name in fields},
        error_type=None,
        error_message=None,
        raw_output=None,
        usage=usage_of_row(row),
        cost_usd=row["cost_usd"],
        attempts=row["attempts"],
        latency_ms=row["latency_ms"],
        requests=0,
        retries=0,
        rate_limited=0,
        processed_at=row["processed_at"].isoformat(),
        reused=row["reused"],
        service=Service(*(row.get(name) for name in SERVICE_COLUMNS)),
    )


def usage_of_row(row: Mapping[str, Any]) -> Usage:
    """Usage in a row of `results/` or `quarantine/`; columns that older files do not have count as 0."""
    return Usage(**{name: row.get(name) or 0 for name in USAGE_COLUMNS})


def _at_no_cost(entry: LedgerEntry, reused_at: datetime) -> LedgerEntry:
    return replace(
        entry,
        usage=Usage(),
        cost_usd=0.0,
        attempts=0,
        latency_ms=0,
        requests=0,
        retries=0,
        rate_limited=0,
        processed_at=reused_at.isoformat(),
        reused=True,
    )
