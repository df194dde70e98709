"""Several places as one source: several apps, countries or stores in one pipeline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.sources.source import Checkpoint, Source, SourceRow, Window


@dataclass(frozen=True)
class Several:
    """Pulls one source after the other.

    The resume holds the place of the source in the list, so a retry must be made with the same list.

    Args:
        sources: in the order of pulling. Where two have the same record, the later one's row is the later one.
    """

    sources: Sequence[Source]

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """All rows of all sources; see `Source`."""
        first, inner = (resume["source"], resume["resume"]) if resume else (0, None)
        for place in range(first, len(self.sources)):
            for item in self.sources[place].pull(window, inner):
                if isinstance(item, Checkpoint):
                    yield Checkpoint({"source": place, "resume": item.resume})
                else:
                    yield item
            inner = None
            if place + 1 < len(self.sources):
                yield Checkpoint({"source": place + 1, "resume": None})
