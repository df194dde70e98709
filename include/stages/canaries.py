"""Canaries: the same few records asked once more each night, with reuse off, so that a change is the model's."""

import json
import logging
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain as one_after_another
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from include.lake.effort import NO_EFFORT, Effort
from include.lake.paths import Lake
from include.lake.raw_records import raw_schema
from include.lake.read import read_table
from include.lake.row_groups import read_groups
from include.lake.schema_evolution import conform
from include.lake.schemas import CANARIES_SCHEMA, RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.chain import Chain, Text
from include.llm.endpoint import Endpoint
from include.llm.estimate import estimate
from include.llm.prices import usd
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import planned_chain
from include.pipelines.readable_records import readable_records
from include.quality.canaries import flipped_fields
from include.quality.golden import load_golden
from include.settings import canary_records
from include.sources.files.files import Files
from include.stages.audit import announce, commit_audit
from include.stages.infer import infer_shard
from include.stages.judge import Part, Tally, audit_rows
from include.stages.manifests import Before, Begun, Extracted, Inferred, Planned, Validated
from include.stages.planned_texts import texts_of
from include.stages.publish import run_row, tell_of_views
from include.stages.questions import write_shards
from include.stages.run_context import RunContext
from include.stages.run_outcomes import RunOutcomes
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

PURPOSE = "canary"
_RECORD, _OUTCOME = ("record_id", "record_version", "text"), ("answer", "cost_usd", "error_type")
# A canary without an answer says something too; it is no reason to stop.
_NO_FUSE = {"NIGHTSHIFT_MAX_ERROR_SHARE": "1"}
_NO_GATE: Mapping[str, Any] = {"quarantined": {}, "skipped": {}, "expectations": (), "data_docs": ()}


@dataclass(frozen=True)
class Canaries:
    """The canaries of a night.

    Args:
        rows: of `canaries/`, with answers as dicts.
        last, first: those of the newest and of the oldest night that it is compared with, by answer key.
        lines: of the report.
    """

    rows: Sequence[dict[str, Any]] = ()
    last: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    first: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    lines: Sequence[str] = ()

    @property
    def answers(self) -> dict[str, Any]:
        """By record id; null: it got none."""
        return {row["record_id"]: row["answer"] for row in self.rows}

    @property
    def answers_before(self) -> dict[str, Any]:
        """Those of the oldest night to the same questions."""
        rows = [self.first[row["answer_key"]] for row in self.rows if row["answer_key"] in self.first]
        return {row["record_id"]: row["answer"] for row in rows}

    @property
    def flips(self) -> list[bool]:
        """Of each that was asked the same the night before, whether it is answered otherwise."""
        return [bool(row["flipped"]) for row in self.rows if row["flipped"] is not None]

    @property
    def is_other_question(self) -> bool:
        """Whether the same records are asked about in another way than the night before."""
        before = {row["record_id"] for row in self.last.values()}
        return not self.flips and any(row["record_id"] in before for row in self.rows)


async def ask_canaries(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    published: Mapping[str, Any],
    nights: Sequence[str],
    endpoint: Endpoint,
    environ: Mapping[str, str] = os.environ,
    count_shards: Callable[[], int] = lambda: 1,
) -> Canaries:
    """Ask a published night's canaries what the night was asked, as part of its budget. They have a row in `runs/`.

    What was asked stays so when this is done again, and costs nothing then.

    Args:
        published: what `publish_run` returned.
        nights: to compare with, the oldest first: their files in `runs/`.

    Raises:
        StopRun, RetryLater, ConfigurationError: see `infer_shard` and `Lake`.
    """
    beside, left = replace(run, run_key=f"{run.run_key}.{PURPOSE}"), 0
    files, work = lake.listed("canaries", run.pipeline), WorkFiles(lake, beside)
    own = lake.run_file("canaries", run.pipeline, run.run_date, beside.run_key)
    if own in files:
        rows = _rows(lake, own)
    else:
        plan, count = WorkFiles.planned(published["plan"]), canary_records(endpoint, environ)
        if why := _why_none(run, plan, count, posixpath.dirname(own), files):
            return Canaries(lines=[f"No canaries: {why}."])
        chain = planned_chain(plan.planned, pipeline)
        chosen = [*islice(_candidates(lake, pipeline, run, chain, sorted(files)[-1:]), count)]
        if not chosen:
            return Canaries(lines=["No canaries: there is no record to ask about."])
        records = pa.Table.from_pylist(chosen, schema=_record_schema(pipeline))
        texts = [*texts_of(chain, records)]
        announce(lake, beside, endpoint, pa.array([text.key for text in texts]), [(records, texts)])
        _plan(work, plan, published["run"], chain, records, texts)
        await infer_shard(lake, pipeline, beside, endpoint, 0, {**environ, **_NO_FUSE}, count_shards)
        rows = _settle(work, records, [text.key for text in texts], str(chain.question.dialect))
        left = len(texts) - len(rows)
    before = [lake.beside(path, "canaries", f".{PURPOSE}.parquet") for path in nights]
    before = [path for path in before if path in files]
    last, first = _by_key(lake, before[-1:]), _by_key(lake, before[:1])
    _keep(work, pipeline, own, rows, last)
    if not files:
        tell_of_views(lake, {"canaries": CANARIES_SCHEMA}, run.pipeline)
    return Canaries(rows, last, first, _lines(rows, left))


def _why_none(run: RunContext, plan: Planned, count: int, of_day: str, files: Iterable[str]) -> str | None:
    # Of yesterday's model nobody can ask any more, and once a day is enough.
    reasons = {
        "none are asked in this deployment (NIGHTSHIFT_CANARIES)": not count,
        "a backfill asks none, because today's model says nothing of that night": run.trigger == "backfill",
        "the model was not asked in this run": not plan.asked,
        "another run of the day has asked them": any(path.startswith(f"{of_day}/") for path in files),
    }
    return next((why for why, is_so in reasons.items() if is_so), None)


def _record_schema(pipeline: Pipeline) -> pa.Schema:
    schema = raw_schema(pipeline.attributes)
    return pa.schema([one for one in schema if one.name in _RECORD or one.name.startswith("attr_")])


def _candidates(
    lake: Lake, pipeline: Pipeline, run: RunContext, chain: Chain, earlier: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Records with golden labels, then those of the night before, then some of this night's first ten thousand."""
    schema, seen = _record_schema(pipeline), set[str]()
    tonight = read_groups(lake, lake.run_file("results", run.pipeline, run.run_date, run.run_key), schema.names)
    asked = (_with_attributes(row, json.loads(row["attributes"])) for path in earlier for row in _rows(lake, path))
    tables = (pa.Table.from_pylist([*rows]) for rows in (_golden(pipeline), asked))
    for table in one_after_another(tables, islice(tonight, 1)):
        # In any order, but always the same one.
        rows = sorted(conform(table, schema).to_pylist(), key=lambda row: sha256(row["record_id"].encode()).digest())
        for row, text in zip(rows, texts_of(chain, pa.Table.from_pylist(rows, schema=schema)), strict=True):
            names = {row["record_id"], text.key}
            if seen.isdisjoint(names) and text.characters <= pipeline.max_text_characters:
                seen |= names
                yield row


def _golden(pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    """The bundled records that a person has labelled."""
    labels = load_golden(pipeline) if pipeline.golden_path.exists() else {}
    for record in readable_records(pipeline, Files(pipeline.sample_glob, "the samples")) if labels else ():
        if record.record_id in labels:
            yield _with_attributes({name: getattr(record, name) for name in _RECORD}, record.attributes)


def _with_attributes(row: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{f"attr_{name}": value for name, value in attributes.items()}}


def _plan(
    work: WorkFiles, plan: Planned, night: Mapping[str, Any], chain: Chain, records: pa.Table, texts: Sequence[Text]
) -> None:
    """Write down what is asked as one shard of a run, which has what the night has left of its budget."""
    usual_tokens = night["completion_tokens"] / max(night["published"] - night["reused"], 1)
    found = estimate(chain, texts, usual_tokens or None)
    estimated = Effort(found.usage, found.cost_usd(plan.price, is_cached=False))
    log.info("%d canaries are asked: about %s", len(texts), usd(estimated.cost_usd))
    work.write(Begun(run_id=work.run.run_id))
    write_table(work.lake, work.records, records)
    write_shards(work, [text.key for text in texts], np.arange(len(texts)), len(texts))
    spent_usd = night["cost_usd"] or 0.0
    work.write(replace(plan, asked=len(texts), estimated=estimated, before=Before(), spent_usd=spent_usd))


def _settle(work: WorkFiles, records: pa.Table, keys: Sequence[str], dialect: str) -> list[dict[str, Any]]:
    """What came of them: of each one that was asked its row of `canaries/`; of all of them a row in `runs/`."""
    lake, run, tally = work.lake, work.run, Tally()
    plan = pa.table({"answer_key": keys, "skip_reason": pa.nulls(len(keys), pa.string())})
    part = Part(records, plan, RunOutcomes(lake, [work.answers(0)], []).of(keys), np.ones(len(keys), np.bool_))
    tally.count(part)
    commit_audit(lake, run, audit_rows(part))
    answered, failed = (part.only(part.has_outcome & of).outcomes for of in (part.is_answered, ~part.is_answered))
    done = Validated(**_NO_GATE, accepted=answered.num_rows, calls=NO_EFFORT, validation_success=True, dialect=dialect)
    extract, unusable = Extracted(extracted=len(keys)), work.read(Inferred).unusable
    row = run_row(run, answered, failed, extract, work.read(Planned), done, unusable, tally.skipped)
    row |= {"purpose": PURPOSE, "validation_success": None}
    path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))
    of_run = {"run_id": run.run_id, "model": run.model, "prompt_version": run.prompt_version}
    return [
        {**_as_json(record), **of_run, **{name: outcome[name] for name in _OUTCOME}, "answer_key": outcome["key"]}
        for record, outcome in zip(records.to_pylist(), part.outcomes.to_pylist(), strict=True)
        if outcome["key"] is not None
    ]


def _as_json(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as `canaries/` has it."""
    attributes = {name.removeprefix("attr_"): value for name, value in record.items() if name not in _RECORD}
    return {**{name: record[name] for name in _RECORD}, "attributes": json.dumps(attributes, ensure_ascii=False)}


def _keep(work: WorkFiles, pipeline: Pipeline, path: str, rows: list[dict[str, Any]], last: Mapping[str, Any]) -> None:
    """Say of each in which fields it differs from the night before, and write them; then no other try asks again."""
    for row in rows:
        then = last.get(row["answer_key"])
        row["flipped"] = None if then is None else flipped_fields(pipeline.answer, then["answer"], row["answer"])
    stored = [{**row, "answer": row["answer"] and json.dumps(row["answer"], ensure_ascii=False)} for row in rows]
    write_table(work.lake, path, pa.Table.from_pylist(stored, schema=CANARIES_SCHEMA))
    work.remove()


def _rows(lake: Lake, path: str) -> list[dict[str, Any]]:
    rows = read_table(lake, path).to_pylist()
    return [{**row, "answer": row["answer"] and json.loads(row["answer"])} for row in rows]


def _by_key(lake: Lake, paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {row["answer_key"]: row for path in paths for row in _rows(lake, path)}


def _lines(rows: Sequence[Mapping[str, Any]], left: int) -> list[str]:
    cost, unanswered = sum(map(Effort.of_row, rows), NO_EFFORT).cost_usd, sum(row["answer"] is None for row in rows)
    lines = [f"{len(rows)} canaries were asked for {usd(cost)}; {unanswered} got no answer."]
    if left:
        lines.append(f"{left} more were not asked, because the budget of the run was used up.")
    return lines
