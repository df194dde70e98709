"""Answers that were paid for before, by answer key: in `results/`, and in the ledgers of runs that never published."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from include.answer.arrow_types import arrow_fields
from include.lake.answer_index import find_answers
from include.lake.columns import PROVENANCE_COLUMNS
from include.lake.effort import NO_EFFORT, Effort, Service
from include.lake.paths import Lake
from include.llm.ledger import LedgerEntry, read_ledger


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
    columns = [*fields, *PROVENANCE_COLUMNS]
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
        effort=Effort.of_row(row),
        processed_at=row["processed_at"].isoformat(),
        reused=row["reused"],
        service=Service.of_row(row),
    )


def _at_no_cost(entry: LedgerEntry, reused_at: datetime) -> LedgerEntry:
    return replace(entry, effort=NO_EFFORT, processed_at=reused_at.isoformat(), reused=True)
