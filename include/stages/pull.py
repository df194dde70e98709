"""Pull a window's rows from a source: which window, in parts that a retry need not pull again."""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson
import pyarrow.compute as pc

from include.lake.paths import Lake, is_trial
from include.lake.read import read_tables
from include.lake.write import write_bytes
from include.pipelines.definition import Pipeline
from include.settings import live_source, source_location
from include.sources.files import Files, normaliser_of
from include.sources.record import Record, UnreadableRecord
from include.sources.source import Checkpoint, Source, Window
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)


def pull_records(
    lake: Lake, pipeline: Pipeline, run: RunContext, environ: Mapping[str, str], skipped: Counter[str]
) -> tuple[list[Record], list[UnreadableRecord]]:
    """The newest version of each record in the window, and the rows that are none.

    What came before a checkpoint of the source is kept in the run's folder, so that a retry goes on from there.

    Args:
        skipped: counts the older versions, as `duplicate_id`.

    Raises:
        ConfigurationError, RetryLater: see `Source.pull`.
    """
    live = live_source(pipeline, environ)
    source: Source = live or Files(source_location(pipeline, environ), pipeline.name)
    window = source_window(lake, pipeline, run) if live else Window(run.window_start, run.window_end)
    takes_all = live is None and not run.is_bounded
    normaliser = normaliser_of(pipeline.name, pipeline.attributes, run.window_end)
    parts = _Parts(WorkFiles(lake, run))
    newest: dict[str, tuple[datetime, Record]] = {}
    unreadable: list[UnreadableRecord] = []

    def take(record: Record | UnreadableRecord, changed_at: datetime | None) -> None:
        if isinstance(record, UnreadableRecord):
            # A row whose time cannot be read belongs to any window; its outcome is kept, so it is taken once.
            moment = changed_at or record.occurred_at
            if takes_all or moment is None or moment in window:
                unreadable.append(record)
            return
        moment = changed_at or record.occurred_at
        if not takes_all and (changed_at is not None or record.is_dated) and moment not in window:
            return
        known = newest.get(record.record_id)
        skipped["duplicate_id"] += known is not None
        if known is None or moment >= known[0]:
            newest[record.record_id] = (moment, record)

    for record, changed_at in parts.kept():
        take(record, changed_at)
    for item in source.pull(window, parts.resume):
        if isinstance(item, Checkpoint):
            parts.commit(item.resume)
        else:
            record = normaliser.record(item.row, item.place)
            take(record, item.changed_at)
            if live:
                parts.add(record, item.changed_at)
    return [record for _, record in newest.values()], unreadable


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


def last_success(lake: Lake, pipeline: str) -> datetime | None:
    """The watermark: the latest end of the window of a run that was published, trials and backfills left out.

    It stands in `runs/` and nowhere else, so it moves with a publish only.
    """
    files = [path for path in lake.files("runs", pipeline) if not is_trial(path)]
    runs = read_tables(lake, files, ("state", "trigger", "window_end"))
    if runs is None:
        return None
    counts = pc.and_(pc.equal(runs["state"], "success"), pc.not_equal(runs["trigger"], "backfill"))
    latest: datetime | None = pc.max(runs.filter(counts)["window_end"]).as_py()
    return latest


def forget_pulled(work: WorkFiles) -> None:
    """The rows are in `raw/` now: the next pull of this run begins anew."""
    folder = work.path("pulled")
    if work.lake.fs.exists(folder):
        work.lake.fs.rm(folder, recursive=True)


class _Parts:
    """What a pull has got so far, in files of one checkpoint each; only what a checkpoint follows counts."""

    def __init__(self, work: WorkFiles) -> None:
        self._work = work
        self._lines: list[bytes] = []
        position = self._position()
        self._count: int = position["parts"]
        self.resume: dict[str, Any] | None = position["resume"]

    def add(self, record: Record | UnreadableRecord, changed_at: datetime | None) -> None:
        """Take one row in."""
        kind = "record" if isinstance(record, Record) else "unreadable"
        self._lines.append(orjson.dumps({"kind": kind, "changed_at": changed_at, "row": record}))

    def commit(self, resume: Mapping[str, Any]) -> None:
        """A retry gets the rows so far from here, and asks the source to go on at `resume`."""
        if self._lines:
            write_bytes(self._work.lake, self._path(self._count), b"\n".join(self._lines))
            self._lines, self._count = [], self._count + 1
        document = {"parts": self._count, "resume": dict(resume)}
        write_bytes(self._work.lake, self._work.path("pulled", "position.json"), json.dumps(document).encode())

    def kept(self) -> Iterator[tuple[Record | UnreadableRecord, datetime | None]]:
        """The rows of an earlier try."""
        for number in range(self._count):
            for line in self._work.lake.fs.cat_file(self._path(number)).split(b"\n"):
                held = orjson.loads(line)
                row = held["row"]
                row["occurred_at"] = _moment(row["occurred_at"])
                record = Record(**row) if held["kind"] == "record" else UnreadableRecord(**row)
                yield record, _moment(held["changed_at"])
        if self._count:
            log.info("%d pages of an earlier try are kept; the source is asked for the rest", self._count)

    def _position(self) -> dict[str, Any]:
        try:
            held: dict[str, Any] = json.loads(self._work.lake.fs.cat_file(self._work.path("pulled", "position.json")))
        except FileNotFoundError:
            return {"parts": 0, "resume": None}
        return held

    def _path(self, number: int) -> str:
        return self._work.path("pulled", f"{number:06d}.jsonl")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
