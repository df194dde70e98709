"""Publish: one atomic commit of a run's accepted rows, after the counts add up."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.code_version import code_version
from include.errors import CountsDoNotAddUp, RetryLater
from include.lake.current import update_current
from include.lake.effort import EFFORT_COLUMNS, NO_EFFORT, NOTHING_USED, USAGE_COLUMNS, Effort
from include.lake.lake_index import update_index
from include.lake.paths import Lake
from include.lake.raw_records import RAW_ONLY
from include.lake.read import read_table
from include.lake.row_groups import file_schema, read_groups, read_rows
from include.lake.schema_evolution import conform
from include.lake.schemas import MEASURES_SCHEMA, QUARANTINE_SCHEMA, RAW_FIELDS, RUNS_SCHEMA, results_schema
from include.lake.views import View, refresh_views
from include.lake.write import open_table_writer, write_table
from include.llm.ledger import LedgerEntry, LedgerWriter, read_ledger, total_spent
from include.pipelines.definition import Pipeline
from include.pipelines.planned_chain import planned_chain
from include.pipelines.registry import load_pipeline, pipeline_names
from include.quality.measures import measures_table, run_measures
from include.stages.audit import AUDIT_SCHEMA, commit_audit
from include.stages.concurrent_runs import IsRunning, all_may_run
from include.stages.dead_work import remove_dead_work
from include.stages.flex_night import saved_usd
from include.stages.manifests import Extracted, Planned, Replaced, Validated
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)


def publish_run(lake: Lake, pipeline: Pipeline, run: RunContext, is_running: IsRunning = all_may_run) -> dict[str, Any]:
    """Commit a run: quarantine, then `results/` in one step, then `current/`, `measures/`, then its row in `runs/`.

    Every step replaces what an earlier try wrote, so a retry after a crash anywhere ends in the same lake. The row in
    `runs/` comes last: a run that has it is whole. Who reads before that finds rows in `results/` of a run without one.

    Args:
        is_running: whether another run is under way or about to be, by its id. What all others have left goes.

    Returns:
        The run's row and plan, its skipped records by reason, expectations, where Data Docs are, its model's end.

    Raises:
        CountsDoNotAddUp: extracted is not published + quarantined + skipped; nothing is published.
    """
    work = WorkFiles(lake, run)
    extract, plan, validated = work.read(Extracted), work.read(Planned), work.read(Validated)
    accepted = read_table(lake, work.accepted, ("reused", "service_tier", *USAGE_COLUMNS, "cost_usd"))
    quarantined = read_table(lake, work.path("quarantined.parquet"), ("service_tier", *USAGE_COLUMNS, "cost_usd"))
    skipped = Counter(extract.skipped) + Counter(validated.skipped)
    _check_counts(work, extract.extracted, accepted.num_rows, quarantined.num_rows, skipped.total())
    results_path = lake.run_file("results", run.pipeline, run.run_date, run.run_key)
    replaced = _replaced_runs(lake, work, results_path)
    _commit_quarantine(work)
    commit_audit(lake, run, read_table(lake, work.path("audit.parquet")))
    schema = _commit_results(work, pipeline, results_path)
    if not run.is_trial and not run.dry_run:
        update_current(lake, run.pipeline, results_path, sorted({run.run_id, *replaced}))
    unusable = sum(validated.unusable, NO_EFFORT)
    if plan.has_other_answers:
        unusable += total_spent(_keep_other_answers(lake, pipeline, work, plan))
    row = run_row(run, accepted, quarantined, extract, plan, validated, unusable, skipped)
    measures = [*validated.measures, *run_measures(row, validated.quarantined, extract.unreadable_values)]
    write_table(lake, lake.run_file("measures", run.pipeline, run.run_date, run.run_key), measures_table(row, measures))
    runs_path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    written = {runs_path: pa.Table.from_pylist([row], schema=RUNS_SCHEMA)}
    write_table(lake, runs_path, written[runs_path])
    update_index(lake, run.pipeline, written)
    tell_of_views(lake, _schemas(run, schema, bool(accepted.num_rows) and not run.is_trial), run.pipeline)
    try:
        work.remove()
        remove_dead_work(lake, run, is_running)
    except RetryLater as error:
        # The run is published; a retry would look for files that are partly gone.
        log.warning("What is left in %s or of dead runs beside it stays there: %s", lake.uri(work.path()), error)
    _log_estimate_and_actual(plan.estimated, row)
    return {
        "run": {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()},
        "skipped": dict(skipped),
        "unreadable_values": dict(extract.unreadable_values),
        "plan": work.to_plain(plan),
        "expectations": [asdict(result) for result in validated.expectations],
        "data_docs": validated.data_docs,
        "no_flex": plan.no_flex,
        "saved_usd": saved_usd(plan.price, (accepted, quarantined)),
        "model_end": asdict(plan.model_end) if plan.model_end else None,
        "results": lake.uri(results_path),
        "current": lake.uri(lake.table("current", run.pipeline)),
    }


def _check_counts(work: WorkFiles, extracted: int, published: int, held: int, left: int) -> None:
    if extracted != published + held + left:
        raise CountsDoNotAddUp(
            f"{extracted} records were extracted, but {published} published + {held} quarantined + "
            f"{left} skipped = {published + held + left}. Nothing was published; the run's files are in "
            f"{work.lake.uri(work.path())}."
        )
    log.info("publishing %d, quarantining %d, skipping %d of %d records", published, held, left, extracted)


def _commit_quarantine(work: WorkFiles) -> None:
    run, lake = work.run, work.lake
    path = lake.run_file("quarantine", run.pipeline, run.run_date, run.run_key)
    with open_table_writer(lake, path, QUARANTINE_SCHEMA) as writer:
        for rows in read_groups(lake, work.path("quarantined.parquet")):
            writer.write(rows)


def _commit_results(work: WorkFiles, pipeline: Pipeline, path: str) -> pa.Schema:
    joined = _with_records(work)
    first = next(joined, None)
    columns = file_schema(work.lake, work.records) if first is None else first.schema
    schema = results_schema(pipeline.answer, [field for field in columns if field.name.startswith("attr_")])
    with open_table_writer(work.lake, path, schema) as writer:
        for rows in chain([] if first is None else [first], joined):
            writer.write(conform(rows, schema))
    return schema


def _with_records(work: WorkFiles) -> Iterator[pa.Table]:
    """The accepted rows, each with what stands in its record."""
    for rows in read_groups(work.lake, work.accepted):
        if not rows.num_rows:
            continue
        places = rows["place"].to_numpy()
        order = np.argsort(places)
        found = pa.concat_tables(read_rows(work.lake, work.records, places[order]))
        records = found.drop_columns("record_id").take(pa.array(np.argsort(order)))
        for name in records.column_names:
            rows = rows.append_column(name, records[name])
        yield rows


def _replaced_runs(lake: Lake, work: WorkFiles, results_path: str) -> set[str]:
    """Ids of the runs whose rows this one replaces, also of those that an earlier try has replaced already."""
    known = set(work.read(Replaced, default=Replaced()).run_ids)
    if lake.has(results_path):
        known |= set(read_table(lake, results_path, ["run_id"])["run_id"].to_pylist())
    if known:
        work.write(Replaced(run_ids=sorted(known)))
    return known


def _keep_other_answers(lake: Lake, pipeline: Pipeline, work: WorkFiles, plan: Planned) -> list[LedgerEntry]:
    """Keep what the run paid for before it was planned anew with another question, where later runs look for it.

    Returns:
        All outcomes of that time. What their steps took stands in them.
    """
    chain = planned_chain(plan.planned, pipeline)
    own = {*read_table(lake, work.plan, ["answer_key"])["answer_key"].to_pylist()}
    for records in read_groups(lake, work.records, ["text"]) if chain.notes else ():
        own |= {key for text in records["text"].to_pylist() for key in chain.step_keys(text)}
    others = [entry for key, entry in read_ledger(lake, work.ledger).items() if key not in own and not entry.reused]
    with LedgerWriter(lake, lake.work(work.run.pipeline, f"{work.run.run_key}.other", "ledger")) as writer:
        for entry in others:
            if entry.answer is not None:
                writer.append(entry)
    return [entry for entry in others if not entry.is_notes]


def run_row(
    run: RunContext,
    accepted: pa.Table,
    quarantined: pa.Table,
    extract: Extracted,
    plan: Planned,
    validated: Validated,
    unusable: Effort,
    skipped: Counter[str],
) -> dict[str, Any]:
    """The row in `runs/` of a run, or of what was asked beside one.

    Args:
        accepted, quarantined: rows with what each took.
        unusable: what was paid and stands in neither.
    """
    in_no_row = unusable + plan.before.effort
    # Their tokens and their cost stand in the rows.
    calls = replace(validated.calls, usage=NOTHING_USED, cost_usd=0.0)
    spent = (_of_rows(accepted) + _of_rows(quarantined) + calls + in_no_row).columns()
    return {
        **run_identity(run),
        "mode": plan.mode,
        "finished_at": datetime.now(UTC),
        "extracted": extract.extracted,
        "published": accepted.num_rows,
        "quarantined": quarantined.num_rows,
        "skipped": skipped.total(),
        "skipped_by_reason": sorted((+skipped).items()),
        "outside_window": extract.outside_window,
        "reused": pc.sum(accepted["reused"]).as_py() or 0,
        **{name: spent[name] for name in RUNS_SCHEMA.names if name in spent},
        "service_tier_counts": sorted(validated.service_tiers.items()),
        "estimated_cost_usd": (plan.estimated + Effort(cost_usd=plan.before.estimated_cost_usd)).cost_usd,
        "unusable_cost_usd": in_no_row.cost_usd,
        "dialect": validated.dialect,
        "redaction_version": extract.redaction_version,
        "validation_success": validated.validation_success,
        "state": "success",
    }


def run_identity(run: RunContext) -> dict[str, Any]:
    """The columns of `runs/` that are known before a run ends."""
    return {
        "run_id": run.run_id,
        "run_key": run.run_key,
        "pipeline": run.pipeline,
        "purpose": run.purpose,
        "trigger": run.trigger,
        "requested_mode": run.mode,
        "mode": run.mode,
        "window_start": run.window_start,
        "window_end": run.window_end,
        "started_at": run.started_at,
        "model": run.model,
        "prompt_version": run.prompt_version,
        "endpoint": run.endpoint,
        "code_version": code_version(),
    }


def tell_of_views(lake: Lake, written: Mapping[str, pa.Schema], pipeline: str) -> None:
    """Tell who asks the lake in SQL of new tables and columns.

    Args:
        written: schemas of the tables of a pipeline that a run has just written.
    """
    try:
        views = [View(table, pipeline, schema) for table, schema in written.items()]
        answers = {name: load_pipeline(name).answer.model_fields.items() for name in pipeline_names()}
        described = {name: {key: field.description or "" for key, field in answers[name]} for name in answers}
        refresh_views(lake.hurried, views, described)
    except Exception as error:  # whatever it is, the run is published
        log.warning("The views of the lake stay as they are until the next run is published: %r", error)


def _schemas(run: RunContext, schema: pa.Schema, is_current: bool) -> dict[str, pa.Schema]:
    """Of the tables that a publish writes.

    Args:
        schema: of the run's rows in `results/`.
        is_current: whether `current/` has rows of it.
    """
    attributes = [field for field in schema if field.name.startswith("attr_")]
    schemas = {"results": schema, "quarantine": QUARANTINE_SCHEMA, "runs": RUNS_SCHEMA}
    schemas |= {"measures": MEASURES_SCHEMA, "audit": AUDIT_SCHEMA, **({"current": schema} if is_current else {})}
    # Whoever asks the source has a file there, of no rows too.
    if run.read_from == "source":
        schemas["raw"] = pa.schema([*RAW_FIELDS, *RAW_ONLY, *attributes])
    return schemas


def _log_estimate_and_actual(estimate: Effort, row: dict[str, Any]) -> None:
    for name, estimated in estimate.columns().items():
        actual = row.get(name)
        if estimated and actual is not None:
            log.info("%s: %s estimated, %s actual (%.2f of the estimate)", name, estimated, actual, actual / estimated)


def _of_rows(table: pa.Table) -> Effort:
    """What its rows took together; a column that the version before did not write counts as 0."""
    sums = {name: pc.sum(table[name]).as_py() for name in EFFORT_COLUMNS if name in table.column_names}
    return Effort.of_row({**sums, "cost_usd": None if table["cost_usd"].null_count else sums["cost_usd"] or 0.0})
