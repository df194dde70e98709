"""Several places as one source: several apps, countries or stores in one pipeline."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from include.sources.source import Checkpoint, FileRead, Source, SourceRow, Window


@dataclass(frozen=True)
class CombinedSource:
    """Pulls one source after the other.

    The resume holds the names of the sources that are done, so that a retry may come with other settings than the try
    before it: an app that is new to them is pulled, whatever its place, and one that they have lost is left out.

    Args:
        sources: by names that say what is read, such as `Apple's feed of 310633997 in us`, in the order of pulling.
            Where two have the same record, the later one's row is the later one.
    """

    sources: Mapping[str, Source]

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint | FileRead]:
        """All rows of all sources; see `Source`."""
        done: list[str] = list(resume["done"]) if resume else []
        begun = {resume["source"]: resume["resume"]} if resume and resume["source"] is not None else {}
        for name, source in self.sources.items():
            if name in done:
                continue
            for item in source.pull(window, begun.get(name)):
                if isinstance(item, Checkpoint):
                    yield Checkpoint({"done": list(done), "source": name, "resume": item.resume})
                else:
                    yield item
            done.append(name)
            yield Checkpoint({"done": list(done), "source": None, "resume": None})
