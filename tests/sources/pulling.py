"""Pull a source as a run does, with what a test wants to know of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from include.errors import NightshiftError
from include.sources.normalise import Normaliser
from include.sources.record import Record, UnreadableRecord
from include.sources.source import Checkpoint, Source, SourceRow, Window

ALWAYS = Window(None, datetime(2100, 1, 1, tzinfo=UTC))


def window(start: str, end: str) -> Window:
    """From one ISO date or time to another, in UTC."""
    return Window(*(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end)))


@dataclass
class PullSpool:
    """What a pull gave until it ended or failed."""

    rows: list[SourceRow] = field(default_factory=list)
    resume: Mapping[str, Any] | None = None
    error: NightshiftError | None = None
    rows_before_resume: int = 0

    @property
    def ids(self) -> list[Any]:
        """Ids in the order of pulling; None for what cannot be read."""
        return [row.row.get("id") if isinstance(row.row, Mapping) else None for row in self.rows]

    @property
    def checkpointed_ids(self) -> list[Any]:
        """Ids of the rows that a retry need not pull again."""
        return self.ids[: self.rows_before_resume]


def pull(source: Source, asked: Window = ALWAYS, resume: Mapping[str, Any] | None = None) -> PullSpool:
    """Pull to the end or the first error, keeping the last checkpoint."""
    pulled = PullSpool()
    try:
        for item in source.pull(asked, resume):
            if isinstance(item, Checkpoint):
                pulled.resume, pulled.rows_before_resume = item.resume, len(pulled.rows)
            else:
                pulled.rows.append(item)
    except NightshiftError as error:
        pulled.error = error
    return pulled


def records(rows: Iterable[SourceRow]) -> Iterator[Record | UnreadableRecord]:
    """What the rows become in a run."""
    latest = datetime(2100, 1, 1, tzinfo=UTC)
    normaliser = Normaliser("app_store_reviews", {"rating": int}, latest, 8_000, environ={})
    return (normaliser.record(row.row, row.place) for row in rows)


def record(row: SourceRow) -> Record:
    """The record that one row becomes."""
    (made,) = records([row])
    assert isinstance(made, Record), made
    return made
