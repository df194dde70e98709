"""Read one source to its end in a process of its own: python -m tests.bench.reading <kind> <place> [<more>].

Prints one JSON object: `records`, `seconds`, `peak_mb`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.lake.paths import open_lake
from include.pipelines.registry import load_pipeline
from include.privacy.redact import redact
from include.sources.calls.transcripts import Transcripts
from include.sources.files.files import Files
from include.sources.normalise import Normaliser
from include.sources.reviews.app_store_connect import AppStoreConnect, ConnectKey
from include.sources.reviews.apple_feed import AppleFeed
from include.sources.reviews.google_play import GooglePlay
from include.sources.reviews.play_console_exports import PlayConsoleExports
from include.sources.source import Source, SourceRow, Window
from include.sources.tables.sql_table import SqlTable
from include.sources.tickets.zendesk import Zendesk
from include.stages.extract import extract_records
from tests.bench.child import peak_mb
from tests.sources.reviews.test_apple_feed import APP
from tests.sources.reviews.test_google_play import PACKAGE
from tests.stages.help_desk_scenario import settle_night

# Transcripts are as old as their files, which are made now.
ALL_TIMES = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
CONNECTION = "bench_source"
CONNECT_KEY = "57246542-96fe-1a63-e053-0824d011072a", "2X9R4HXF34"


def _files(place: str) -> Source:
    return Files(place, "bench")


def _app_store_connect(base_url: str) -> Source:
    return AppStoreConnect(APP, ConnectKey(*CONNECT_KEY, sys.argv[3]), base_url=base_url)


def _google_play(base_url: str) -> Source:
    newest = datetime(2026, 11, 20, 12, tzinfo=UTC)
    return GooglePlay(PACKAGE, sys.argv[3], base_url=base_url, clock=lambda: newest)


SOURCES: dict[str, Callable[[str], Source]] = {
    "jsonl": _files,
    "csv": _files,
    "parquet": _files,
    "play_console_exports": lambda folder: PlayConsoleExports(folder),
    "transcripts_text": Transcripts,
    "transcripts_webvtt": Transcripts,
    "transcripts_json": Transcripts,
    "sql_table": lambda query: SqlTable(CONNECTION, Path(query)),
    "zendesk": lambda _: Zendesk(CONNECTION),
    "apple_feed": lambda base_url: AppleFeed(APP, "us", base_url=base_url),
    "app_store_connect": _app_store_connect,
    "google_play": _google_play,
}


def _read(kind: str, place: str) -> int:
    normaliser = Normaliser("bench", {}, ALL_TIMES.end)
    count = 0
    for item in SOURCES[kind](place).pull(ALL_TIMES, None):
        if isinstance(item, SourceRow):
            normaliser.record(item.row, item.place)
            count += 1
    return count


def _redact(place: str) -> int:
    count = 0
    with Path(place).open(encoding="utf-8") as lines:
        for line in lines:
            redact(json.loads(line)["text"])
            count += 1
    return count


def _extract(place: str) -> int:
    pipeline = load_pipeline("app_store_reviews")
    end = datetime.now(UTC) + timedelta(days=1)
    run = settle_night(pipeline, "http://127.0.0.1:1/v1", end, trigger="manual")
    environ = {"NIGHTSHIFT_SOURCE_APP_STORE_REVIEWS": place}
    return int(extract_records(open_lake(sys.argv[3]), pipeline, run, environ).extracted)


def main() -> None:
    """Read, and say how long it took."""
    kind, place = sys.argv[1:3]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    started = time.perf_counter()
    others = {"redaction": _redact, "extract": _extract}
    records = others[kind](place) if kind in others else _read(kind, place)
    seconds = time.perf_counter() - started
    print(json.dumps({"records": records, "seconds": seconds, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
