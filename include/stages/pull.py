"""Pull a window's rows from a source: from which one, and which rows belong to the window."""

from datetime import datetime, timedelta

from include.lake.paths import Lake
from include.pipelines.definition import Pipeline
from include.sources.files import Files, normaliser_of
from include.sources.record import Record, UnreadableRecord
from include.sources.source import Checkpoint, Source, Window
from include.stages.pulled import Pulled
from include.stages.run_context import RunContext
from include.stages.window import source_window
from include.stages.work_files import WorkFiles

# A record without any time belongs to the run that pulls it, so to the last moment of its window.
_JUST_BEFORE = timedelta(microseconds=1)


def pull_records(lake: Lake, pipeline: Pipeline, run: RunContext, source: Source) -> Pulled:
    """All rows of the run's window, records and unreadable ones, duplicates included.

    What came before a checkpoint of the source is kept in the run's folder, so that a retry goes on from there.

    Args:
        source: files are read whole by a manual run without a window; any other source has its window settled.

    Raises:
        ConfigurationError, RetryLater: see `Source.pull`.
    """
    reads_files = isinstance(source, Files)
    pulled = Pulled(WorkFiles(lake, run))
    if pulled.is_resumed:
        window = Window(pulled.window_start, run.window_end)
    else:
        window = Window(run.window_start, run.window_end) if reads_files else source_window(lake, pipeline, run)
    takes_all = reads_files and not run.is_bounded
    normaliser = normaliser_of(pipeline.name, pipeline.attributes, run.window_end, redaction=pipeline.redaction)
    for item in source.pull(window, pulled.resume):
        if isinstance(item, Checkpoint):
            pulled.commit(item.resume, window.start)
            continue
        row = normaliser.record(item.row, item.place)
        moment = item.changed_at or _occurred_at(row)
        # A row whose time cannot be read belongs to any window; its outcome is kept, so it is taken once.
        if takes_all or moment is None or moment in window:
            pulled.add(row, moment or run.window_end - _JUST_BEFORE)
    pulled.finish()
    return pulled


def _occurred_at(row: Record | UnreadableRecord) -> datetime | None:
    return row.occurred_at if isinstance(row, UnreadableRecord) or row.is_dated else None
