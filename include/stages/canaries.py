"""Canaries: the same few records asked once more each night, with reuse off, so that a change is the model's."""

import asyncio
import hashlib
import json
import logging
import os
import posixpath
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from include.lake.effort import NO_EFFORT, Effort
from include.lake.paths import Lake
from include.lake.raw_records import raw_schema
from include.lake.read import read_table
from include.lake.row_groups import read_groups
from include.lake.schemas import CANARIES_SCHEMA, RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.endpoint import Endpoint
from include.llm.estimate import estimate
from include.llm.prices import usd
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import planned_chain
from include.quality.golden import load_golden
from include.settings import canary_records
from include.sources.files.files import Files
from include.sources.normalise import Normaliser
from include.sources.record import Record
from include.sources.source import SourceRow, Window
from include.stages.audit import announce, commit_audit
from include.stages.infer import infer_shard
from include.stages.judge import AUDITED
from include.stages.manifests import Before, Begun, Inferred, Planned
from include.stages.planned_texts import texts_of
from include.stages.publish import run_identity, tell_of_views
from include.stages.questions import write_shards
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

PURPOSE = "canary"
_RECORD = ("record_id", "record_version", "text")
# A canary without an answer says something too; it is no reason to stop.
_NO_FUSE = {"NIGHTSHIFT_MAX_ERROR_SHARE": "1"}


@dataclass(frozen=True)
class Asked:
    """The canaries of a night.

    Args:
        rows: of `canaries/`, `flipped` not looked at yet; none: nobody was asked.
        why_none: then, in a sentence.
        over_budget: how many were left because the run's budget was used up.
        files: of `canaries/` before.
    """

    rows: Sequence[dict[str, Any]] = ()
    why_none: str = ""
    over_budget: int = 0
    files: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cost_usd(self) -> float | None:
        """Of all of them; None: the price is unknown."""
        costs = [row["cost_usd"] for row in self.rows]
        return None if None in costs else sum(costs)


async def ask_canaries(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    published: Mapping[str, Any],
    endpoint: Endpoint,
    environ: Mapping[str, str] = os.environ,
    count_shards: Callable[[], int] = lambda: 1,
) -> Asked:
    """Ask a published night's canaries what the night was asked, as part of its budget. They have a row in `runs/`.

    What was asked stays so when this is done again, and costs nothing then.

    Args:
        published: what `publish_run` returned.

    Raises:
        StopRun, RetryLater, ConfigurationError: see `infer_shard` and `Lake`.
    """
    files, own = lake.listed("canaries", run.pipeline), canaries_path(lake, run)
    if own in files:
        return Asked(_rows(lake, own), files=files)
    plan, of_day = WorkFiles.planned(published["plan"]), posixpath.dirname(own)
    count = canary_records(endpoint, environ)
    # Of yesterday's model nobody can ask any more, and once a day is enough.
    for is_none, why in (
        (not count, "none are asked in this deployment (NIGHTSHIFT_CANARIES)"),
        (run.trigger == "backfill", "a backfill asks none, because today's model says nothing of that night"),
        (not plan.asked, "the model was not asked in this run"),
        (any(path.startswith(f"{of_day}/") for path in files), "another run of the day has asked them"),
    ):
        if is_none:
            return Asked(why_none=why)
    earlier = _rows(lake, max(files)) if files else []
    canaries = _chosen(lake, pipeline, run, count, earlier)
    if not canaries:
        return Asked(why_none="there is no record to ask about")
    asking = _Asking(lake, pipeline, replace(run, run_key=beside_key(run)), plan, _records(pipeline, canaries))
    asked = await asking.ask(published["run"], endpoint, environ, count_shards)
    if not files:
        tell_of_views(lake, {"canaries": CANARIES_SCHEMA}, run.pipeline)
    return replace(asked, files=files)


def beside_key(run: RunContext) -> str:
    """Under which a night's canaries stand in `runs/`, `canaries/` and `audit/`."""
    return f"{run.run_key}.{PURPOSE}"


def canaries_path(lake: Lake, run: RunContext) -> str:
    """A night's file of `canaries/`."""
    return lake.run_file("canaries", run.pipeline, run.run_date, beside_key(run))


def _rows(lake: Lake, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_table(lake, path).to_pylist()
    return rows


def _chosen(
    lake: Lake, pipeline: Pipeline, run: RunContext, count: int, earlier: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Records with golden labels, then those of the night before, then some of this night's."""
    found = {canary["record_id"]: canary for canary in _golden(pipeline)}
    for row in earlier:
        attributes = json.loads(row["attributes"])
        if all(_fits(pipeline, name, value) for name, value in attributes.items()):
            found.setdefault(row["record_id"], {**{name: row[name] for name in _RECORD}, "attributes": attributes})
    if len(found) < count:
        for canary in _tonight(lake, pipeline, run):
            found.setdefault(canary["record_id"], canary)
    return list(found.values())[:count]


def _fits(pipeline: Pipeline, name: str, value: Any) -> bool:
    return value is None or isinstance(value, pipeline.attributes.get(name, object))


def _golden(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The bundled records that a person has labelled, always in the same order."""
    if not pipeline.golden_path.exists():
        return []
    labels, now = load_golden(pipeline), datetime.now(UTC)
    normaliser = Normaliser(pipeline.name, pipeline.attributes, now, redaction=pipeline.redaction)
    items = Files(pipeline.sample_glob, "the samples").pull(Window(None, now), None)
    rows = (normaliser.record(item.row, item.place) for item in items if isinstance(item, SourceRow))
    records = [row for row in rows if isinstance(row, Record) and row.record_id in labels]
    return [
        {
            **{name: getattr(record, name) for name in _RECORD},
            "attributes": {name: record.attributes.get(name) for name in pipeline.attributes},
        }
        for record in sorted(records, key=lambda record: _any_order(record.record_id))
        if len(record.text) <= pipeline.max_text_characters
    ]


def _tonight(lake: Lake, pipeline: Pipeline, run: RunContext) -> Iterator[dict[str, Any]]:
    """The night's records in any order, of the first ten thousand."""
    path = lake.run_file("results", run.pipeline, run.run_date, run.run_key)
    columns = [*_RECORD, *(f"attr_{name}" for name in pipeline.attributes)]
    first = next(read_groups(lake, path, columns), None)
    rows = first.to_pylist() if first is not None else []
    for row in sorted(rows, key=lambda row: _any_order(row["record_id"])):
        attributes = {name: row.get(f"attr_{name}") for name in pipeline.attributes}
        yield {**{name: row[name] for name in _RECORD}, "attributes": attributes}


def _any_order(record_id: str) -> str:
    return hashlib.sha256(record_id.encode()).hexdigest()


def _records(pipeline: Pipeline, canaries: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = raw_schema(pipeline.attributes)
    names = [*_RECORD, *(f"attr_{name}" for name in sorted(pipeline.attributes))]
    rows = [{**one, **{f"attr_{name}": value for name, value in one["attributes"].items()}} for one in canaries]
    return pa.Table.from_pylist(rows, schema=pa.schema([schema.field(name) for name in names]))


@dataclass(frozen=True)
class _Asking:
    """A small run beside the night's: one shard, no gate, nothing published.

    Args:
        run: under the canaries' own key.
        plan: of the night.
        records: the canaries.
    """

    lake: Lake
    pipeline: Pipeline
    run: RunContext
    plan: Planned
    records: pa.Table

    async def ask(
        self,
        night: Mapping[str, Any],
        endpoint: Endpoint,
        environ: Mapping[str, str],
        count_shards: Callable[[], int],
    ) -> Asked:
        lake, run, work = self.lake, self.run, WorkFiles(self.lake, self.run)
        chain = planned_chain(self.plan.planned, self.pipeline)
        texts = list(texts_of(chain, self.records))
        places = {text.key: place for place, text in reversed([*enumerate(texts)])}
        keys, first = [*places], np.fromiter(places.values(), np.int64, len(places))
        found = estimate(chain, [texts[place] for place in first], self._usual_tokens(night))
        estimated = Effort(found.usage, found.cost_usd(self.plan.price, is_cached=False))
        log.info("%d canaries are asked: about %s", len(keys), usd(estimated.cost_usd))
        work.write(Begun(run_id=run.run_id))
        write_table(lake, work.records, self.records)
        asked = self.records.take(pa.array(first.tolist(), pa.int64()))
        announce(lake, run, endpoint, pa.array(keys, pa.string()), [(asked, [texts[place] for place in first])])
        write_shards(work, keys, first, len(keys))
        plan = replace(
            self.plan,
            asked=len(keys),
            shards=1,
            estimated=estimated,
            skipped={},
            before=Before(),
            spent_usd=night["cost_usd"] or 0.0,
            budget_key=uuid.uuid4().hex,
        )
        work.write(plan)
        await infer_shard(lake, self.pipeline, run, endpoint, 0, {**environ, **_NO_FUSE}, count_shards)
        return await asyncio.to_thread(self._keep, texts, estimated, str(chain.question.dialect))

    def _usual_tokens(self, night: Mapping[str, Any]) -> float | None:
        answered = night["published"] - night["reused"]
        return night["completion_tokens"] / answered if answered > 0 else None

    def _keep(self, texts: Sequence[Any], estimated: Effort, dialect: str) -> Asked:
        lake, run, work = self.lake, self.run, WorkFiles(self.lake, self.run)
        answers = read_table(lake, work.answers(0))
        outcomes = {row["key"]: row for row in answers.to_pylist()}
        rows, paid = [], set[str]()
        for canary, text in zip(self.records.to_pylist(), texts, strict=True):
            if (outcome := outcomes.get(text.key)) is None:
                continue
            attributes = {name.removeprefix("attr_"): canary[name] for name in canary if name.startswith("attr_")}
            rows.append(
                {
                    **{name: canary[name] for name in _RECORD},
                    "run_id": run.run_id,
                    "answer": None if outcome["answer"] is None else json.dumps(outcome["answer"], ensure_ascii=False),
                    "model": run.model,
                    "prompt_version": run.prompt_version,
                    "cost_usd": 0.0 if text.key in paid else outcome["cost_usd"],
                    "error_type": outcome["error_type"],
                    "answer_key": text.key,
                    "attributes": json.dumps(attributes, ensure_ascii=False),
                }
            )
            paid.add(text.key)
        audited = [answers["key"], answers["requests"], answers["processed_at"]]
        commit_audit(lake, run, pa.table(audited, names=AUDITED.names).cast(AUDITED))
        left = self.records.num_rows - len(rows)
        self._write_row(rows, left, estimated, [Effort.of_row(row) for row in outcomes.values()], dialect)
        # Last, for it tells another try that all is done.
        path = lake.run_file("canaries", run.pipeline, run.run_date, run.run_key)
        write_table(lake, path, pa.Table.from_pylist(rows, schema=CANARIES_SCHEMA))
        work.remove()
        return Asked(rows, "the budget of the run was used up" if not rows else "", left)

    def _write_row(
        self, rows: Sequence[Mapping[str, Any]], left: int, estimated: Effort, efforts: Sequence[Effort], dialect: str
    ) -> None:
        """Conservation holds here too: of the canaries some have an answer, some none, some were not asked."""
        lake, run = self.lake, self.run
        unusable = WorkFiles(lake, run).read(Inferred).unusable
        answered = sum(row["answer"] is not None for row in rows)
        row = {
            **run_identity(run),
            "purpose": PURPOSE,
            "mode": self.plan.mode,
            "finished_at": datetime.now(UTC),
            "extracted": self.records.num_rows,
            "published": answered,
            "quarantined": len(rows) - answered,
            "skipped": left,
            "skipped_by_reason": [("over_budget", left)] if left else [],
            "reused": 0,
            **sum((*efforts, unusable), NO_EFFORT).columns(),
            "estimated_cost_usd": estimated.cost_usd,
            "unusable_cost_usd": unusable.cost_usd,
            "dialect": dialect,
            "state": "success",
        }
        path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
        write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))
