"""Answers that were paid for before, by answer key: in `results/`, and in the ledgers of runs that never published."""

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow.compute as pc
from pydantic import BaseModel

from include.answer.arrow_types import arrow_fields
from include.lake.answer_index import find_answers
from include.lake.columns import PROVENANCE_COLUMNS
from include.lake.effort import NO_EFFORT, Effort, Service
from include.lake.paths import Lake, is_beside
from include.lake.row_groups import read_groups
from include.llm.ledger import LedgerEntry, scan_ledger


def paid_answers(
    lake: Lake,
    pipeline: str,
    answer: type[BaseModel],
    keys: Collection[str],
    own_results: str,
    own_work: str,
    reused_at: datetime,
) -> Iterator[LedgerEntry]:
    """Entries for those of `keys` that somebody has paid for, each once.

    Args:
        answer: the pipeline's answer model.
        keys: wanted answer keys.
        own_results: this run's file in `results/`: the same run again keeps its tokens and its cost as they were.
        own_work: this run's folder below `_work/`, whose ledger the stages read themselves.
        reused_at: what `processed_at` says of reused answers: the newest run to give an answer is the newest answer.

    Yields:
        Those of the run itself as they are; those of others are marked `reused` and cost nothing.
    """
    fields = [field.name for field in arrow_fields(answer)]
    columns = [*fields, *PROVENANCE_COLUMNS]
    wanted = set(keys)
    # Of several records with one text the one that paid comes first.
    for is_reused in (False, True) if wanted and lake.has(own_results) else ():
        for table in read_groups(lake, own_results, columns):
            for row in table.filter(pc.equal(table["reused"], is_reused)).to_pylist():
                if row["answer_key"] in wanted:
                    wanted.remove(row["answer_key"])
                    yield _entry(row, fields)
    for path, rows in find_answers(lake, pipeline, wanted, columns):
        for row in rows if path != own_results else ():
            if row["answer_key"] in wanted:
                wanted.remove(row["answer_key"])
                yield _at_no_cost(_entry(row, fields), reused_at)
    for folder in sorted(lake.find(lake.table("_work", pipeline), "*/ledger")):
        # What is asked beside a run is asked to see what the model says now.
        is_others = folder != f"{own_work}/ledger" and not is_beside(posixpath.dirname(folder))
        for entry in scan_ledger(lake, folder) if is_others else ():
            if entry.answer is not None and entry.key in wanted and not entry.is_unusable:
                wanted.remove(entry.key)
                yield _at_no_cost(entry, reused_at)


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
