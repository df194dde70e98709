"""All stages of a run in order, without Airflow, against a server of the test's own."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from include.lake.paths import Lake, open_lake
from include.lake.read import read_table
from include.llm.endpoint import Endpoint
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.report.report_input import Watched
from include.settings import source_setting
from include.stages.concurrent_runs import nothing_else_runs
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.report import report_run
from include.stages.run_context import RunContext, settle_run
from include.stages.validate import validate_run
from include.stages.watch import watch_run
from tests.lake.tables import read_tables

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)


@dataclass
class Deployment:
    """A lake, a source file and an endpoint.

    Args:
        folder: holds the lake and the source.
        base_url: of the endpoint.
        pipeline_name: whose source the file replaces.
        canaries: that each night asks.
    """

    folder: Path
    base_url: str
    pipeline_name: str = "support_tickets"
    canaries: int = 0

    @property
    def lake(self) -> Lake:
        """The lake."""
        return open_lake(str(self.folder / "lake"))

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline."""
        return load_pipeline(self.pipeline_name)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""
        return Endpoint(self.base_url, "canary-secret-key", is_demo=False)

    @property
    def environ(self) -> dict[str, str]:
        """The environment that names the source."""
        return {source_setting(self.pipeline_name): str(self.folder / "source.jsonl")}

    def write_source(self, records: Sequence[Mapping[str, Any] | bytes]) -> None:
        """Write the source: dicts as JSON, bytes as they are, one a line."""
        lines = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
        (self.folder / "source.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))

    def settle(
        self, run_id: str = "manual__1", trigger: str = "manual", environ: Mapping[str, str] | None = None, **form: Any
    ) -> RunContext:
        """A run; a scheduled one has the night before `NOW` as its interval."""
        return settle_run(
            self.pipeline,
            self.endpoint,
            run_id=run_id,
            trigger=trigger,
            data_interval=(datetime(2026, 11, 22, 3, tzinfo=UTC), NOW),
            run_after=NOW,
            started_at=NOW,
            form=form,
            environ=environ or {},
        )

    def run(self, run_id: str = "manual__1", trigger: str = "manual", **form: Any) -> dict[str, Any]:
        """Run all stages; returns the run's row in `runs/`."""
        return self.go(self.settle(run_id, trigger, **form))

    def go(self, run: RunContext) -> dict[str, Any]:
        """Run all stages of a run; returns its row in `runs/`."""
        extract_records(self.lake, self.pipeline, run, self.environ)
        for shard in asyncio.run(plan_run(self.lake, self.pipeline, run, self.endpoint)):
            asyncio.run(infer_shard(self.lake, self.pipeline, run, self.endpoint, shard))
        return self.finish(run)

    def finish(self, run: RunContext) -> dict[str, Any]:
        """The stages after `infer`."""
        validate_run(self.lake, self.pipeline, run, self.endpoint)
        published = publish_run(self.lake, self.pipeline, run, nothing_else_runs)
        self.watch(run, published)
        return self.row(run)

    def watch(self, run: RunContext, published: dict[str, Any]) -> Watched | None:
        """Compare a published run with the nights before, and report it."""
        environ = {"NIGHTSHIFT_CANARIES": str(self.canaries)}
        watched = asyncio.run(watch_run(self.lake, self.pipeline, run, published, self.endpoint, environ))
        plain = None if watched is None else json.loads(json.dumps(asdict(watched)))
        report_run(self.lake, self.pipeline, run, published, self.endpoint, plain)
        return watched

    def row(self, run: RunContext) -> dict[str, Any]:
        """The run's row, read back from the lake."""
        path = self.lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
        (row,) = read_table(self.lake, path).to_pylist()
        assert row["extracted"] == row["published"] + row["quarantined"] + row["skipped"]
        return row

    def report(self) -> str:
        """The newest report."""
        pages = [page for page in (self.folder / "lake/reports").rglob("*.html") if "data_docs" not in str(page)]
        return max(pages, key=lambda page: page.stat().st_mtime).read_text()

    def table(self, name: str) -> pd.DataFrame:
        """A whole table of the pipeline, empty when there is none."""
        rows = read_tables(self.lake, self.lake.files(name, self.pipeline_name))
        return pd.DataFrame() if rows is None else rows.to_pandas()

    def files(self) -> dict[str, bytes]:
        """Every file that readers see, by path."""
        root = self.folder / "lake"
        tables = ("current", "results", "quarantine", "raw", "measures")
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for table in tables
            for path in (root / table).rglob("*.parquet")
        }


def tickets(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Tickets with different texts, one an hour."""
    return [
        {
            "id": f"T-{number:04d}",
            "text": f"Order {number} has not arrived. Please send it again.",
            "created_at": f"2026-11-{1 + number % 20:02d}T12:00:00Z",
            "channel": "mail",
        }
        for number in range(start, start + count)
    ]
