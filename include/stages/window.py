"""Which span of time a run asks its source for, and the watermark that moves with a publish only."""

import json
import posixpath
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import groupby

from include.lake.lake_index import has_noted, run_rows
from include.lake.paths import Lake, is_trial
from include.lake.raw_records import PULLED_ALL, PULLED_FILES, pull_notes
from include.pipelines.definition import Pipeline
from include.sources.source import Window
from include.stages.run_context import RunContext


def source_window(lake: Lake, pipeline: Pipeline, run: RunContext, note: bytes = PULLED_ALL) -> Window:
    """What a source is asked for.

    A scheduled run takes its data interval, from the end of the last successful run on where nights have failed, and
    `lookback` before that for late arrivals; records that were already published or quarantined are skipped. A
    backfilled one takes its interval and of a live source the same lookback. A manual one takes what came since the
    last success, the first one `first_window`; `since` and `until` of its form are taken at their word. A manual run
    over files takes all.

    Args:
        note: by which the runs are known that have asked this source for all: `PULLED_ALL` or `PULLED_FILES`.
    """
    reads_files = note == PULLED_FILES
    if run.trigger == "manual" and (run.is_bounded or reads_files):
        return Window(run.window_start, run.window_end)
    if run.trigger == "backfill":
        lookback = timedelta() if reads_files else pipeline.lookback
        return Window(run.window_start and run.window_start - lookback, run.window_end)
    watermark = last_success(lake, run.pipeline, note)
    begins = [moment for moment in (run.window_start, watermark) if moment is not None]
    start = min(begins) - pipeline.lookback if begins else run.window_end - pipeline.first_window
    return Window(start, run.window_end)


def asks_for_all(run: RunContext) -> bool:
    """Whether a run that asks the live source asks for all since the last success."""
    return run.trigger == "scheduled" or (run.trigger == "manual" and run.window_start is None)


def last_success(lake: Lake, pipeline: str, note: bytes = PULLED_ALL) -> datetime | None:
    """The watermark: up to when everything of a source was pulled, by a run that was published.

    It stands in `runs/` and nowhere else, so it moves with a publish only. Trials, dry runs, backfills and runs with
    `since` or `until` leave it where it is, and so do those that read `raw/` or samples: they have not asked the
    source. A backfill that makes a scheduled night again leaves it too, though the night's row is the backfill's now.

    Args:
        note: see `source_window`; files and the live source have each their own.
    """
    return max((end for end, _ in _last_pulls(lake, pipeline, note)), default=None)


def known_files(lake: Lake, pipeline: str) -> Mapping[str, str]:
    """The files that the last successful night over files has read, with their versions; any other is new."""
    newest = max(_last_pulls(lake, pipeline, PULLED_FILES), default=None)
    return json.loads(pull_notes(lake, newest[1])[PULLED_FILES]) if newest else {}


def _last_pulls(lake: Lake, pipeline: str, note: bytes) -> list[tuple[datetime, str]]:
    """Ends and files in `raw/` of the newest day's successful runs that have left such a note."""
    rows = {path: row for path, row in run_rows(lake, pipeline).rows.items() if not is_trial(path)}
    # The day of a run is the one on which its window ends, so the newest day with a success has the watermark.
    for _, of_day in groupby(reversed(rows), key=posixpath.dirname):
        pulls = [
            (rows[path]["window_end"], lake.beside(path, "raw"))
            for path in of_day
            if rows[path]["state"] == "success" and has_noted(lake, path, rows[path], note)
        ]
        if pulls:
            return pulls
    return []
