"""A night on object storage costs as many requests after a year as in the first week, and so does a page."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.lake import index_rows
from include.lake.current_ids import list_months, read_month, write_month
from include.lake.lake_index import update_index
from include.lake.measured import read_measures
from include.lake.paths import Lake, open_lake
from include.lake.raw_records import raw_schema
from include.lake.schemas import CANARIES_SCHEMA, QUARANTINE_SCHEMA, RUNS_SCHEMA, results_schema
from include.pipelines.definition import Pipeline
from include.pipelines.registry import pipeline_names
from include.quality.measures import Measure, measures_table, share_measure
from include.report.runs_page import runs_page
from include.report.theme_items import read_theme_items
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.report import report_run
from include.stages.validate import validate_run
from include.stages.watch import watch_run
from tests.fault_server.running import FaultServer
from tests.report.test_plugin import client, open_plugin
from tests.report.test_theme_rows import SMS, created, group
from tests.servers.s3 import S3Server
from tests.stages.running import NOW, Deployment, tickets

NIGHTS = 365
# More than are compared.
WATCHED = 20
TABLES = ("raw", "results", "quarantine", "runs")
NAME = "support_tickets"


@dataclass
class InBucket(Deployment):
    """A deployment whose lake is in a bucket."""

    uri: str = ""

    @property
    def lake(self) -> Lake:
        """The lake."""
        return open_lake(self.uri)


def night(pipeline: Pipeline, end: datetime) -> dict[str, pa.Table]:
    """What a run left in each table: two records, one of them published and one quarantined."""
    run_id = f"scheduled__{end.isoformat()}"
    records = [
        {
            "record_id": f"{kind}-{end:%Y%m%d}",
            "record_version": "1",
            "source": NAME,
            "occurred_at": end,
            "changed_at": end,
            "text": f"{kind} on {end}",
            "run_id": run_id,
            "processed_at": end,
        }
        for kind in ("published", "quarantined")
    ]
    answer = {"answer_key": sha256(run_id.encode()).hexdigest(), "reused": False, "model": "m", "prompt_version": "v1"}
    error = {"stage": "infer", "error_type": "too_long", "error_message": "It is too long."}
    run = {
        "run_id": run_id,
        "run_key": f"night-{end:%Y%m%d}",
        "pipeline": NAME,
        "purpose": "night",
        "trigger": "scheduled",
        "model": pipeline.model,
        "prompt_version": pipeline.prompt_version,
        "window_start": end - timedelta(days=1),
        "window_end": end,
        "started_at": end,
        "finished_at": end,
        "state": "success",
        "extracted": 2,
        "published": 1,
        "quarantined": 1,
        "skipped": 0,
    }
    raw = raw_schema(pipeline.attributes, ["channel"])
    attributes = [field for field in raw if field.name.startswith("attr_")]
    return {
        "raw": pa.Table.from_pylist(records, schema=raw),
        "results": pa.Table.from_pylist([{**records[0], **answer}], schema=results_schema(pipeline.answer, attributes)),
        "quarantine": pa.Table.from_pylist([{**records[1], **error}], schema=QUARANTINE_SCHEMA),
        "runs": pa.Table.from_pylist([run], schema=RUNS_SCHEMA),
    }


def grouped_before(lake: Lake, end: datetime) -> None:
    """What `watch` and the reports of all pipelines have left of the themes."""
    day, run_key = end.date(), "earlier"
    items = [(f"published-{end - timedelta(days=nights):%Y%m%d}", 0, SMS) for nights in range(WATCHED)]
    for pipeline in pipeline_names():
        group(lake, run_key, items, created(SMS, "SMS"), len(items), day, pipeline)
        path = lake.theme_items(pipeline, day, run_key)
        themes = read_theme_items(lake, pipeline, path, {}, is_recorded=False)
        assert themes is not None
        themes.keep({SMS: [1, 1]}, day)


def watched_before(lake: Lake, end: datetime) -> dict[str, bytes]:
    """What `watch` has left of a night."""
    run = {"run_id": f"scheduled__{end.isoformat()}", "run_key": f"night-{end:%Y%m%d}", "purpose": "night"}
    canary = {"run_id": run["run_id"], "record_id": "c", "record_version": "1", "answer_key": "k", "text": "t"}
    measures = [share_measure("category", "billing", 1, 1), Measure("canary_flip", None, number=0.0, n=1)]
    tables = {
        lake.run_file("measures", NAME, end.date(), run["run_key"]): measures_table(run, measures),
        lake.run_file("canaries", NAME, end.date(), f"{run['run_key']}.canary"): pa.Table.from_pylist(
            [{**canary, "attributes": "{}"}], schema=CANARIES_SCHEMA
        ),
    }
    files = {}
    for path, rows in tables.items():
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink)
        files[path] = sink.getvalue().to_pybytes()
    return files


@pytest.fixture
def year(tmp_path: Path, fault_server: FaultServer, s3_server: S3Server, s3_environ: dict[str, str]) -> InBucket:
    """365 nights in a bucket, as a version without an index would have left them."""
    s3_server.file_system().mkdir("a-year")
    deployment = InBucket(tmp_path, fault_server.base_url, uri="s3://a-year/lake")
    lake, files = deployment.lake, {}
    for nights in range(1, NIGHTS + 1):
        end = NOW - timedelta(days=nights)
        if nights <= WATCHED:
            files |= watched_before(lake, end)
        for table, rows in night(deployment.pipeline, end).items():
            sink = pa.BufferOutputStream()
            pq.write_table(rows, sink)
            files[lake.run_file(table, NAME, end.date(), f"night-{end:%Y%m%d}")] = sink.getvalue().to_pybytes()
            if table == "results":
                files[lake.current_file(NAME, f"{end:%Y-%m-%d}")] = sink.getvalue().to_pybytes()
    with ThreadPoolExecutor(16) as writers:
        list(writers.map(lambda item: lake.fs.pipe_file(*item), files.items()))
    return deployment


@contextmanager
def counted(lake: Lake) -> Iterator[Counter[str]]:
    """Counts requests to the storage, by S3's name for each."""
    requests: Counter[str] = Counter()

    def count(event_name: str, **_: Any) -> None:
        requests[event_name.rpartition(".")[2]] += 1

    events = lake.fs.plain.s3.meta.events
    events.register("before-send.s3", count)
    try:
        yield requests
    finally:
        events.unregister("before-send.s3", count)


@pytest.mark.slow
def test_after_a_year_a_stage_makes_at_most_60_requests_and_a_page_20(
    year: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, pipeline, endpoint = year.lake, year.pipeline, year.endpoint
    update_index(lake, NAME)
    for month, listed in list_months(lake, NAME).items():
        ids = read_month(lake, NAME, month, listed)
        write_month(lake, NAME, month, listed, ids, ids.schemas[0])
    year.write_source([{**ticket, "created_at": "2026-11-22T12:00:00Z"} for ticket in tickets(6, start=100)])
    run = year.settle("scheduled__now", "scheduled")
    taken: dict[str, int] = {}

    def count(name: str, call: Callable[[], Any]) -> Any:
        # Each stage is a process of its own, which holds nothing of another's.
        index_rows._held.clear()
        with counted(lake) as requests:
            result = call()
        taken[name] = requests.total()
        return result

    count("extract", lambda: extract_records(lake, pipeline, run, year.environ))
    for shard in count("plan", lambda: asyncio.run(plan_run(lake, pipeline, run, endpoint))):
        count("infer", lambda number=shard: asyncio.run(infer_shard(lake, pipeline, run, endpoint, number)))
    count("validate", lambda: validate_run(lake, pipeline, run, endpoint))
    published = count("publish", lambda: publish_run(lake, pipeline, run))
    # As the night before has left it.
    earlier = [path for path in lake.files("measures", NAME) if "/night-" in path]
    read_measures(lake, NAME, earlier[-15:-1])
    grouped_before(lake, NOW - timedelta(days=1))
    asks = {"NIGHTSHIFT_CANARIES": "3"}
    watched = count("watch", lambda: asyncio.run(watch_run(lake, pipeline, run, published, endpoint, asks)))
    assert "3 canaries were asked" in watched.lines[-1] and "Compared with 14 nights" in watched.lines[0]
    count("report", lambda: report_run(lake, pipeline, run, published, endpoint, asdict(watched)))
    assert published["run"]["published"] == 6
    (page,) = [path for path in lake.files("reports", NAME, ".html") if published["run"]["run_key"] in path]
    assert b"survey answers: 1 in the week until" in lake.fs.cat_file(page)
    assert max(taken.values()) <= 60, taken

    shown = count("runs", lambda: runs_page(lake.hurried))
    assert "night-" not in shown and "is older than" not in shown
    monkeypatch.setenv("NIGHTSHIFT_LAKE", year.uri)
    lake.fs.pipe_file(
        f"{lake.table('reports', NAME)}/run_date=2026-01-05/night-20260105.data_docs/x.html", b"<p>old</p>"
    )
    plugin = open_plugin()
    path = f"/reports/{NAME}/night-20260105.data_docs/x.html"
    assert count("old page", lambda: client(plugin, lambda: None).get(path)).text == "<p>old</p>"
    assert max(taken["runs"], taken["old page"]) <= 20
