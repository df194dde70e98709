"""Nights with their `watch`, one after the other, against the fault server."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from include.lake.effort import Effort
from include.lake.paths import window_run_key
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.ledger import LedgerEntry
from include.llm.prices import load_price
from include.pipelines.chain import build_chain
from include.pipelines.planned_chain import write_down
from include.quality.measures import measures_table, run_measures
from include.report.report_input import Watched
from include.stages.manifests import Planned
from include.stages.publish import run_identity
from include.stages.run_context import RunContext
from include.stages.watch import watch_run
from include.stages.work_files import WorkFiles
from tests.stages.running import NOW, Deployment, tickets

CANARIES = 12
CONTRACT = ("run_id", "record_id", "record_version", "answer", "flipped", "model", "prompt_version", "cost_usd")
OTHERWISE = {
    "problem": "Something is wrong.",
    "request": "Mend it.",
    "product_area": "general",
    "category": "other",
    "priority": "urgent",
    "sentiment": "mixed",
    "escalation_risk": "high",
    "escalation_quote": None,
    "language": "fr",
}


@dataclass
class Nights(Deployment):
    """Nights that follow each other, each with tickets of its own."""

    canaries: int = CANARIES
    watched: list[Watched | None] = field(default_factory=list)
    number: int = 0
    run_key: str | None = None

    def night(self, records: int = 3, **changed: Any) -> dict[str, Any]:
        """The next night as `publish` leaves it, and its `watch`; returns its row."""
        self.number += 1
        run = self.of_night(self.number, **changed)
        row = {
            **dict.fromkeys(RUNS_SCHEMA.names),
            **run_identity(run),
            "extracted": records,
            "published": records,
            "quarantined": 0,
            "skipped": 0,
            "skipped_by_reason": [],
            "reused": 0,
            "requests": records,
            "completion_tokens": 50 * records,
            "cost_usd": 0.001 * records,
            "finished_at": run.window_end,
            "redaction_version": "today",
            "state": "success",
        }
        made = tickets(records, start=100 * self.number)
        found = [{"record_id": one["id"], "record_version": "1", "text": one["text"]} for one in made]
        tables = {
            "results": pa.Table.from_pylist(found),
            "measures": measures_table(row, run_measures(row, {}, {})),
            "runs": pa.Table.from_pylist([row], schema=RUNS_SCHEMA),
        }
        for name, rows in tables.items():
            write_table(self.lake, self.lake.run_file(name, run.pipeline, run.run_date, run.run_key), rows)
        self.look(run, row)
        return row

    def look(self, run: RunContext, row: Mapping[str, Any]) -> None:
        """`watch` of a night."""
        chain = build_chain(self.pipeline, self.endpoint, run.model, run.prompt_version)
        price = load_price(run.model, self.base_url, {})
        plan = Planned(
            price=price, asked=3, shards=1, planned=write_down(chain, self.endpoint), budget_key="of the night"
        )
        published = {"run": row, "plan": WorkFiles.to_plain(plan)}
        environ = {"NIGHTSHIFT_CANARIES": str(self.canaries)}
        self.watched.append(asyncio.run(watch_run(self.lake, self.pipeline, run, published, self.endpoint, environ)))

    def whole_night(self, **changed: Any) -> dict[str, Any]:
        """The next night with all of its stages; returns its row."""
        self.number += 1
        end = NOW + timedelta(days=self.number)
        made = tickets(3, start=100 * self.number)
        self.write_source([{**one, "created_at": f"{end - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"} for one in made])
        return self.go(self.of_night(self.number, **changed))

    def of_night(self, number: int, **changed: Any) -> RunContext:
        """A scheduled run."""
        end = NOW + timedelta(days=number)
        run = replace(self.settle(f"scheduled__{number}", "scheduled"), **changed)
        return replace(
            run,
            window_start=end - timedelta(days=1),
            window_end=end,
            run_date=end.date(),
            run_key=self.run_key or window_run_key(end - timedelta(days=1), end, run.model, run.prompt_version),
        )

    def watch(self, run: RunContext, published: dict[str, Any]) -> Watched | None:
        """Also kept."""
        self.watched.append(super().watch(run, published))
        return self.watched[-1]

    @property
    def said(self) -> str:
        """What was said of the last night."""
        assert self.watched[-1] is not None
        return " ".join([self.watched[-1].sentence, *self.watched[-1].lines])

    def measure(self, name: str, run_id: str) -> pd.DataFrame:
        """Rows of one kind of a run."""
        rows = self.table("measures")
        return rows[(rows["measure"] == name) & (rows["run_id"] == run_id)]


def entry_of(row: Mapping[str, Any]) -> LedgerEntry:
    """What a `watch` that died had of a canary."""
    return LedgerEntry(row["answer_key"], json.loads(row["answer"]), Effort(attempts=1, requests=1), NOW.isoformat())
