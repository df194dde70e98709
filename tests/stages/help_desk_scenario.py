"""A help desk that is read over HTTP, night after night, without Airflow."""

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.web_api import WebApi
from include.stages.concurrent_runs import IsRunning, nothing_else_runs
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.manifests import Extracted
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.run_context import RunContext, settle_run
from include.stages.validate import validate_run
from tests.fault_server.running import FaultServer
from tests.servers.provider import Answer, Asked, Provider
from tests.stages.running import Deployment

NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PAGE_ROWS = 10


@dataclasses.dataclass
class Desk:
    """A source that pages through a help desk over HTTP, a checkpoint after each page."""

    base_url: str
    asked_for: list[Window] = dataclasses.field(default_factory=list)

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        self.asked_for.append(window)
        api = WebApi("the desk", self.base_url, refused="", missing="", sleep=lambda _: None)
        page = resume["page"] if resume else 0
        while True:
            document = api.get_json("tickets", {"page": page})
            for row in document["rows"]:
                changed_at = datetime.fromisoformat(row["updated_at"]) if "updated_at" in row else None
                yield SourceRow(row["id"], {k: v for k, v in row.items() if k != "updated_at"}, changed_at)
            page += 1
            if page == document["pages"]:
                return
            yield Checkpoint({"page": page})


def desk_pipeline(source: Desk) -> Pipeline:
    """The support tickets, read from a desk."""
    pipeline = load_pipeline("support_tickets")
    return dataclasses.replace(pipeline, source=lambda _: source, lookback=2 * DAY, first_window=30 * DAY)


def settle_night(
    pipeline: Pipeline, base_url: str, end: datetime, trigger: str = "scheduled", run_id: str = "", **form: Any
) -> RunContext:
    """The run of the day that ends at a moment; `form` may bring `since` and `until`."""
    return settle_run(
        pipeline,
        Deployment(Path(), base_url).endpoint,
        run_id=run_id or f"{trigger}__{end.isoformat()}",
        trigger=trigger,
        data_interval=(end - DAY, end),
        run_after=end,
        started_at=end,
        form=form,
        environ={},
    )


class Office:
    """A help desk, a pipeline that reads it, a lake and an endpoint."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.rows: list[dict[str, Any]] = []
        self.environ: dict[str, str] = {}
        self.desk = Provider(self._answer)
        self.source = Desk(self.desk.base_url)
        self.server = server
        self.deployment = Deployment(folder, server.base_url)
        self.pipeline: Pipeline = desk_pipeline(self.source)

    def _answer(self, asked: Asked) -> Answer:
        page = int(asked.query["page"])
        pages = max(-(-len(self.rows) // PAGE_ROWS), 1)
        return Answer(body={"rows": self.rows[page * PAGE_ROWS : (page + 1) * PAGE_ROWS], "pages": pages})

    def write(self, ticket: str, occurred_at: datetime, text: str | None = None, **columns: Any) -> None:
        """A new ticket, or an old one as it is now."""
        self.rows = [row for row in self.rows if row["id"] != ticket]
        text = text or f"Ticket {ticket} has a problem. Please help."
        self.rows.append({"id": ticket, "text": text, "created_at": occurred_at.isoformat(), **columns})

    def settle(self, end: datetime, trigger: str = "scheduled", run_id: str = "", **form: Any) -> RunContext:
        """See `settle_night`."""
        return settle_night(self.pipeline, self.deployment.base_url, end, trigger, run_id, **form)

    def extract(self, run: RunContext) -> Extracted:
        """The first stage alone."""
        return extract_records(self.deployment.lake, self.pipeline, run, self.environ)

    def night(self, end: datetime, trigger: str = "scheduled", **form: Any) -> set[str]:
        """A whole run; returns the ids that it published."""
        run = self.settle(end, trigger, **form)
        self.extract(run)
        self.publish(run, self.plan(run))
        assert self.deployment.row(run)["state"] == "success"
        results = self.deployment.table("results")
        return set() if results.empty else set(results[results["run_id"] == run.run_id]["record_id"])

    def plan(self, run: RunContext, is_running: IsRunning = nothing_else_runs) -> list[int]:
        """The second stage alone."""
        deployment = self.deployment
        return asyncio.run(plan_run(deployment.lake, self.pipeline, run, deployment.endpoint, is_running))

    def publish(self, run: RunContext, shards: list[int]) -> None:
        """The stages from `infer` to `publish`."""
        lake, endpoint = self.deployment.lake, self.deployment.endpoint
        for shard in shards:
            asyncio.run(infer_shard(lake, self.pipeline, run, endpoint, shard))
        validate_run(lake, self.pipeline, run, endpoint)
        publish_run(lake, self.pipeline, run)

    def current(self) -> dict[str, str]:
        """Record id to text of what analysts read."""
        current = self.deployment.table("current")
        return dict(zip(current["record_id"], current["text"], strict=True))


@pytest.fixture
def office(tmp_path: Path, fault_server: FaultServer) -> Iterator[Office]:
    """An office whose desk is open."""
    made = Office(tmp_path, fault_server)
    with made.desk:
        yield made
