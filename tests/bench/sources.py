"""`sources`: records a second of each source, of redaction and of extract, and how flat extract's memory is."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives import serialization

from tests.bench.measuring import LONGEST_SECONDS, ROOT, Line, Options, tell
from tests.bench.reading import CONNECTION
from tests.servers.postgres import running_postgres
from tests.servers.provider import Provider
from tests.sources.reviews import test_app_store_connect as connect
from tests.sources.reviews import test_apple_feed as apple
from tests.sources.reviews import test_google_play as play
from tests.sources.reviews import test_play_console_exports as exports
from tests.sources.tickets import test_zendesk as zendesk

_SAMPLES = "include/pipelines/{}/samples/{}.jsonl"
# The server stands beside the source, on the other core: what is measured is not faster than it.
_BOUND = "over HTTP from a server in Python on this machine"
# As many as the store has in its feed.
_FEED_PAGES, _FEED_PAGE = 10, 50
_CONNECT_PAGE, _PLAY_PAGE = 200, 100
_PARQUET_GROUP = 100_000

Making = Callable[[Path, int], tuple[str, int]]


def run(options: Options) -> Iterator[Line]:
    """Each source read to its end in a new process on one core, with its rows made records and so redacted."""
    many, some, few = (60, 20, 4) if options.quick else (100_000, 5_000, 1_000)
    for kind, make, rows in (
        ("redaction", _jsonl, many),
        ("jsonl", _jsonl, many),
        ("csv", _csv, many),
        ("parquet", write_parquet, many),
        ("play_console_exports", _play_exports, some),
        ("transcripts_text", _transcripts("txt"), some),
        ("transcripts_webvtt", _transcripts("vtt"), some),
        ("transcripts_json", _transcripts("json"), some),
    ):
        with tempfile.TemporaryDirectory() as folder:
            place, made = make(Path(folder), rows)
            yield _line(kind, _measure(kind, place), made)
    for kind, serve, rows in (
        ("sql_table", _postgres, many),
        ("zendesk", _zendesk, few),
        ("apple_feed", _apple_feed, few),
        ("app_store_connect", _app_store_connect, some),
        ("google_play", _google_play, some),
    ):
        with tempfile.TemporaryDirectory() as folder, serve(Path(folder), rows) as (arguments, environ, made):
            taken = _measure(kind, *arguments, environ=environ)
            yield _line(kind, taken, made) | ({} if kind == "sql_table" else {"note": _BOUND})
    yield from _extract(options)


def _extract(options: Options) -> Iterator[Line]:
    peaks = {}
    for rows in (50, 500) if options.quick else (100_000, 1_000_000):
        with tempfile.TemporaryDirectory() as folder:
            place, made = _jsonl(Path(folder), rows)
            taken = _measure("extract", place, f"{folder}/lake")
            yield _line("extract", taken, made)
        peaks[rows] = taken["peak_mb"]
        yield {
            "bench": "sources",
            "metric": "peak_mb",
            "value": round(peaks[rows], 1),
            "unit": "MB",
            "source": "extract",
            "rows": rows,
        }
    few, many = peaks
    yield {
        "bench": "sources",
        "metric": "peak_ratio",
        "value": round(peaks[many] / peaks[few], 3),
        "unit": f"{many} rows over {few}",
        "source": "extract",
        "rows": many,
    }


def _line(kind: str, taken: dict[str, float], made: int) -> Line:
    if taken["records"] != made:
        raise RuntimeError(f"{kind} gave {taken['records']} records of {made}")
    return {
        "bench": "sources",
        "metric": "records_per_second",
        "value": round(taken["records"] / taken["seconds"]),
        "unit": "records/s",
        "source": kind,
        "rows": made,
        "seconds": round(taken["seconds"], 2),
    }


def _measure(kind: str, *arguments: str, environ: dict[str, str] | None = None) -> dict[str, float]:
    tell(f"sources: {kind}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.reading", kind, *arguments],
        cwd=ROOT,
        env={**os.environ, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR", **(environ or {})},
        stdout=subprocess.PIPE,
        timeout=LONGEST_SECONDS,
        check=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _samples(pipeline: str, name: str) -> list[dict[str, Any]]:
    """The good rows of a pipeline's bundled samples."""
    rows = []
    for line in (ROOT / _SAMPLES.format(pipeline, name)).read_text().split("\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("id") and (row.get("text") or row.get("turns")):
            rows.append(row)
    return rows


def _rows(count: int) -> Iterator[dict[str, Any]]:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    texts = [str(row["text"]) for row in _samples("app_store_reviews", "reviews") if len(str(row["text"])) < 1_000]
    for number, text in enumerate(islice(cycle(texts), count)):
        moment = (begin + timedelta(seconds=number * 20)).isoformat()
        yield {"id": f"r-{number}", "text": f"{text} ({number})", "created_at": moment, "rating": number % 5 + 1}


def _pages(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(items)
    while page := list(islice(left, size)):
        yield page


def _jsonl(folder: Path, count: int) -> tuple[str, int]:
    path = folder / "rows.jsonl"
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in _rows(count))
    return str(path), count


def _csv(folder: Path, count: int) -> tuple[str, int]:
    path = folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, ["id", "text", "created_at", "rating"])
        writer.writeheader()
        writer.writerows(_rows(count))
    return str(path), count


def write_parquet(folder: Path, count: int) -> tuple[str, int]:
    """So many reviews in a Parquet file; its path and their number."""
    path = folder / "rows.parquet"
    schema = pa.Table.from_pylist(list(_rows(1))).schema
    with pq.ParquetWriter(path, schema) as writer:
        for rows in _pages(_rows(count), _PARQUET_GROUP):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    return str(path), count


def _play_exports(folder: Path, count: int) -> tuple[str, int]:
    rows = [exports.row(number, "2026-10-02", text=row["text"]) for number, row in enumerate(_rows(count))]
    exports.write(folder, "202610", *rows)
    return str(folder), count


def _transcripts(ending: str) -> Making:
    def make(folder: Path, count: int) -> tuple[str, int]:
        calls = [row["turns"] for row in _samples("call_transcripts", "calls") if isinstance(row.get("turns"), list)]
        for number, turns in enumerate(islice(cycle(calls), count)):
            (folder / f"call-{number}.{ending}").write_text(_FORMS[ending](turns), encoding="utf-8")
        return str(folder), count

    return make


def _as_text(turns: list[dict[str, Any]]) -> str:
    return "\n".join(f"{turn['role']}: {turn['text']}" for turn in turns)


def _as_webvtt(turns: list[dict[str, Any]]) -> str:
    cues = [
        f"00:{number // 60:02}:{number % 60:02}.000 --> 00:{number // 60:02}:{number % 60:02}.900\n"
        f"<v {turn['role']}>{turn['text']}\n"
        for number, turn in enumerate(turns)
    ]
    return "WEBVTT\n\n" + "\n".join(cues)


def _as_json(turns: list[dict[str, Any]]) -> str:
    return json.dumps({"turns": turns})


_FORMS = {"txt": _as_text, "vtt": _as_webvtt, "json": _as_json}

Served = tuple[list[str], dict[str, str], int]


@contextmanager
def _postgres(folder: Path, count: int) -> Iterator[Served]:
    query = folder / "query.sql"
    query.write_text("SELECT * FROM answers WHERE created_at >= :window_start AND created_at < :window_end ORDER BY id")
    with running_postgres(folder / "postgres") as uri:
        connection = psycopg2.connect(uri)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE answers (id text PRIMARY KEY, text text, created_at timestamptz, rating int)")
            for rows in _pages(_rows(count), 1_000):
                values = [value for row in rows for value in row.values()]
                cursor.execute(f"INSERT INTO answers VALUES {', '.join(['(%s, %s, %s, %s)'] * len(rows))}", values)
        connection.commit()
        connection.close()
        yield [str(query)], {f"AIRFLOW_CONN_{CONNECTION.upper()}": uri}, count


@contextmanager
def _zendesk(_: Path, count: int) -> Iterator[Served]:
    desk = zendesk.HelpDesk()
    for number, row in enumerate(_rows(count)):
        desk.open(number, (zendesk.CUSTOMER, row["text"]), (zendesk.AGENT, "We look into it."))
    with Provider(desk.answer) as server:
        host = server.base_url.removeprefix("http://")
        variable = f"AIRFLOW_CONN_{CONNECTION.upper()}"
        yield [server.base_url], {variable: f"http://agent%40x.com%2Ftoken:secret@{host}/http"}, count


@contextmanager
def _apple_feed(_: Path, count: int) -> Iterator[Served]:
    entries = [
        apple.entry(number, content=row["text"])
        for number, row in enumerate(_rows(min(count, _FEED_PAGES * _FEED_PAGE)))
    ]
    with Provider(apple.Feed(*_pages(entries, _FEED_PAGE))) as server:
        yield [server.base_url], {}, len(entries)


@contextmanager
def _app_store_connect(folder: Path, count: int) -> Iterator[Served]:
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key = folder / "AuthKey.p8"
    key.write_bytes(connect.PRIVATE_KEY.private_bytes(*encoding))
    reviews = connect.Reviews()
    made = (connect.review(number, body=row["text"]) for number, row in enumerate(_rows(count)))
    reviews.pages = list(_pages(made, _CONNECT_PAGE))
    with Provider(reviews) as server:
        reviews.base_url = server.base_url
        yield [server.base_url, str(key)], {}, count


@contextmanager
def _google_play(folder: Path, count: int) -> Iterator[Served]:
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key = {"type": "service_account", "client_email": "nightshift@example.iam.gserviceaccount.com"}
    key |= {"private_key_id": "1", "private_key": play.PRIVATE_KEY.private_bytes(*encoding).decode()}
    reviews = play.Reviews()
    made = (play.review(number, text=row["text"]) for number, row in enumerate(_rows(count)))
    reviews.pages = list(_pages(made, _PLAY_PAGE))
    with Provider(reviews) as server:
        path = folder / "account.json"
        path.write_text(json.dumps(key | {"token_uri": f"{server.base_url}/token"}))
        yield [server.base_url, str(path)], {}, count
