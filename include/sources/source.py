"""What a place that texts come from offers, and what it is asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from include.sources.row import BadRow


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time that a run asks a source for: [start, end).

    Args:
        start: UTC; None: as far back as the source goes.
        end: UTC.
    """

    start: datetime | None
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return (self.start is None or moment >= self.start) and moment < self.end


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a source before it is normalised and redacted.

    Args:
        place: where it stands, such as `calls.jsonl#L3`; the id of a row without one. The same at every pull.
        row: values by column: `id`, `text` or `turns`, `created_at`, `record_version`, `source_url`; all others become
            attributes. Or a row that cannot be read.
        changed_at: UTC; when the source says that the row was last changed, where it says so. It decides whether the
            row is in the window; without it the time that it occurred does.
    """

    place: str
    row: Mapping[str, Any] | BadRow
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All rows that came before this need not be pulled again by a retry of the same run.

    Args:
        resume: what `Source.pull` gets from the retry: plain JSON, such as the cursor of the next page.
    """

    resume: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileRead:
    """The rows that follow are those of one file.

    Args:
        name: below the folder that the source names.
        version: changes when the file does: its size, and its hash at the store or the time of its last change.
    """

    name: str
    version: str


class Source(Protocol):
    """A place that texts come from. Small and cheap to make: it connects when it is pulled, not before."""

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint | FileRead]:
        """All rows of a window, one at a time, in memory that does not grow with their number.

        The same window always gives the same rows, as far as the place itself still has them. Rows outside the window
        may come too where the place cannot ask for less; the caller leaves them out.

        Args:
            window: what is asked for.
            resume: of the last checkpoint that an earlier try of this run got; None at the first try.

        Raises:
            ConfigurationError: the place does not exist or refuses the credentials; says what to check.
            RetryLater: the place failed for longer than a request waits.
        """
        ...
