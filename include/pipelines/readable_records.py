"""What a pipeline's source gives by itself, without a lake."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from include.pipelines.definition import Pipeline
from include.sources.normalise import Normaliser
from include.sources.record import Record
from include.sources.source import Source, SourceRow, Window


def readable_records(pipeline: Pipeline, source: Source, first_window: timedelta | None = None) -> Iterator[Record]:
    """Readable records of a source, redacted.

    Args:
        first_window: how far back; None: all of them.
    """
    now = datetime.now(UTC)
    normaliser = Normaliser(pipeline.name, pipeline.attributes, now, redaction=pipeline.redaction)
    for item in source.pull(Window(None if first_window is None else now - first_window, now), None):
        if isinstance(item, SourceRow) and isinstance(row := normaliser.record(item.row, item.place), Record):
            yield row
