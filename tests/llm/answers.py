"""Read what `infer` leaves."""

from collections.abc import Iterator

from include.lake.effort import Effort, Service
from include.lake.paths import Lake
from include.lake.read import read_table
from include.llm.ledger import LedgerEntry

_OWN_COLUMNS = ("key", "answer", "error_type", "error_message", "raw_output", "processed_at", "reused")


def read_answers(lake: Lake, path: str) -> Iterator[LedgerEntry]:
    """The outcomes in one file."""
    for row in read_table(lake, path).to_pylist():
        own = {name: row[name] for name in _OWN_COLUMNS}
        yield LedgerEntry(effort=Effort.of_row(row), service=Service.of_row(row), **own)
