"""Pull a window's rows from a source: from which one, and which rows belong to the window."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from include.lake.old_ids import OldIds
from include.lake.paths import Lake
from include.lake.raw_records import PULLED_ALL, PULLED_FILES
from include.pipelines.definition import Pipeline
from include.sources.files.files import Files
from include.sources.normalise import Normaliser
from include.sources.record import Record, UnreadableRecord
from include.sources.source import Checkpoint, FileRead, Source, Window
from include.stages.pull_spool import PullSpool
from include.stages.run_context import RunContext
from include.stages.window import asks_for_all, known_files, source_window
from include.stages.work_files import WorkFiles

# A record without any time belongs to the run that pulls it, so to the last moment of its window.
_JUST_BEFORE = timedelta(microseconds=1)


def pull_records(lake: Lake, pipeline: Pipeline, run: RunContext, source: Source) -> PullSpool:
    """All rows of the run's window, records and unreadable ones, duplicates included.

    What came before a checkpoint of the source is kept in the run's folder, so that a retry goes on from there. Rows
    that belong to other windows are counted in `PullSpool.outside_window`.

    Args:
        source: of files a night takes those that the last one has not seen as they are now whole, whatever their
            dates; an export from last week that was put there today is new. A manual run without a window takes all.

    Raises:
        ConfigurationError, RetryLater: see `Source.pull`.
    """
    reads_files = isinstance(source, Files)
    pulled = PullSpool(WorkFiles(lake, run))
    if pulled.is_resumed:
        window = Window(pulled.window_start, run.window_end)
    else:
        window = source_window(lake, pipeline, run, PULLED_FILES if reads_files else PULLED_ALL)
    takes_all = reads_files and run.trigger == "manual" and not run.is_bounded
    takes_new = reads_files and run.trigger == "scheduled"
    known = known_files(lake, run.pipeline) if takes_new else {}
    normaliser = Normaliser(
        pipeline.name,
        pipeline.attributes,
        run.window_end,
        redaction=pipeline.redaction,
        zone=source.zone if isinstance(source, Files) else UTC,
    )
    old_ids = OldIds(lake, run.pipeline)
    files: dict[str, str] = {}
    is_whole = takes_all
    for item in source.pull(window, pulled.resume):
        if isinstance(item, Checkpoint):
            pulled.commit(item.resume, window.start)
            continue
        if isinstance(item, FileRead):
            files[item.name] = item.version
            is_whole = takes_all or (takes_new and known.get(item.name) != item.version)
            continue
        row = normaliser.record(item.row, item.place)
        known_as = old_ids.of(row.record_id, row.record_version)
        row = row if known_as == row.record_id else replace(row, record_id=known_as)
        moment = item.changed_at or _occurred_at(row)
        # A row whose time cannot be read belongs to any window; its outcome is kept, so it is taken once.
        if is_whole or moment is None or moment in window:
            pulled.add(row, moment or run.window_end - _JUST_BEFORE)
        else:
            pulled.outside_window += 1
    pulled.finish()
    if takes_all or takes_new:
        pulled.notes[PULLED_FILES] = json.dumps(files).encode()
    elif not reads_files and asks_for_all(run):
        pulled.notes[PULLED_ALL] = b"yes"
    return pulled


def _occurred_at(row: Record | UnreadableRecord) -> datetime | None:
    return row.occurred_at if isinstance(row, UnreadableRecord) or row.is_dated else None
