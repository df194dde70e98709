"""Which span of time a run asks its source for, and the watermark that moves with a publish only."""

import posixpath
from datetime import datetime
from itertools import groupby

from include.lake.paths import Lake, is_trial
from include.lake.raw_records import PULLED_ALL, pull_notes
from include.lake.read import read_table
from include.pipelines.definition import Pipeline
from include.sources.source import Window
from include.stages.run_context import RunContext


def source_window(lake: Lake, pipeline: Pipeline, run: RunContext) -> Window:
    """What a live source is asked for.

    A scheduled run takes its data interval, from the end of the last successful run on where nights have failed, and
    `lookback` before that for late arrivals; what has an outcome already is not taken up again. A backfilled one takes
    its interval and the same lookback. A manual one takes what came since the last success, the first one
    `first_window`; `since` and `until` of its form are taken at their word.
    """
    if run.trigger == "manual" and run.is_bounded:
        return Window(run.window_start, run.window_end)
    if run.trigger == "backfill":
        return Window(run.window_start and run.window_start - pipeline.lookback, run.window_end)
    watermark = last_success(lake, run.pipeline)
    begins = [moment for moment in (run.window_start, watermark) if moment is not None]
    start = min(begins) - pipeline.lookback if begins else run.window_end - pipeline.first_window
    return Window(start, run.window_end)


def asks_for_all(run: RunContext) -> bool:
    """Whether a run that asks the live source asks for all since the last success."""
    return run.trigger == "scheduled" or (run.trigger == "manual" and run.window_start is None)


def last_success(lake: Lake, pipeline: str) -> datetime | None:
    """The watermark: up to when everything of a live source was pulled, by a run that was published.

    It stands in `runs/` and nowhere else, so it moves with a publish only. Trials, dry runs, backfills and runs with a
    `since` leave it where it is, and so do runs that read files, samples or `raw/`: they have not asked the source.
    A backfill that makes a scheduled night again leaves it too, though the night's row is the backfill's now.
    """
    files = [path for path in lake.files("runs", pipeline) if not is_trial(path)]
    # The day of a run is the one on which its window ends, so the newest day with a success has the watermark.
    for _, of_day in groupby(reversed(files), key=posixpath.dirname):
        ends = [end for path in of_day if (end := _pulled_until(lake, pipeline, path)) is not None]
        if ends:
            return max(ends)
    return None


def _pulled_until(lake: Lake, pipeline: str, path: str) -> datetime | None:
    (run,) = read_table(lake, path, ("state", "window_end")).to_pylist()
    raw_path = path.replace(lake.table("runs", pipeline), lake.table("raw", pipeline), 1)
    if run["state"] != "success" or not lake.fs.exists(raw_path) or PULLED_ALL not in pull_notes(lake, raw_path):
        return None
    end: datetime = run["window_end"]
    return end
