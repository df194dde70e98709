"""Extract: the run's records, from the source and from what earlier runs left without an outcome."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.code_version import redaction_version
from include.errors import SourceUnreadable
from include.lake.outcomes import Outcomes
from include.lake.paths import Lake
from include.lake.quarantine import QuarantineRow, quarantine_table
from include.lake.raw_records import (
    PULLED_ALL,
    PULLED_AT,
    PULLED_FILES,
    RAW_ONLY,
    REDACTION_VERSION,
    RawIndex,
    attribute_names,
    microseconds,
    pull_notes,
    raw_schema,
    read_index,
)
from include.lake.read import read_table
from include.lake.row_groups import file_schema, read_groups
from include.lake.row_hashes import Mask, Positions, RowHashes, newest_of_each
from include.lake.schema_evolution import conform
from include.lake.schemas import QUARANTINE_SCHEMA
from include.lake.write import open_table_writer, write_table
from include.pipelines.definition import Pipeline
from include.settings import share_setting
from include.sources.record import UnreadableRecord
from include.stages.concurrent_runs import outcomes_for
from include.stages.manifests import Begun, Extracted
from include.stages.pull import pull_records
from include.stages.pull_spool import PullSpool
from include.stages.run_context import RunContext
from include.stages.source import source_of
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

# Above this share of unreadable rows a run fails (`NIGHTSHIFT_MAX_UNREADABLE_SHARE`), from so many rows on.
MAX_UNREADABLE_SHARE = 0.5
ROWS_BEFORE_JUDGEMENT = 20
# What stands for a file of which nothing can be read. Where there is nothing else, one of them is enough.
OF_WHOLE_FILES = frozenset({"wrong_format", "not_parquet"})


def extract_records(
    lake: Lake, pipeline: Pipeline, run: RunContext, environ: Mapping[str, str] = os.environ
) -> Extracted:
    """Pull the window's records, add those that are pending, write `raw/` and the run's work files.

    Texts go from file to file in parts of some megabytes. What grows with the number of records is some 80 bytes of
    each that is pulled, and as much of each that is in `raw/`.

    Returns:
        What was counted.

    Raises:
        ConfigurationError: the source does not exist, or a setting is wrong.
        SourceUnreadable: most of its rows cannot become records.
        RetryLater: the lake cannot be read or written.
    """
    WorkFiles(lake, run).write(Begun(run_id=run.run_id))
    if run.read_from == "raw":
        counts = _replay(lake, pipeline, run)
    else:
        source = source_of(pipeline, environ)
        most_unreadable = share_setting("NIGHTSHIFT_MAX_UNREADABLE_SHARE", MAX_UNREADABLE_SHARE, environ)
        pulled = pull_records(lake, pipeline, run, source)
        counts = _take(lake, pipeline, run, pulled, most_unreadable)
        pulled.forget()
    version = None if run.read_from == "raw" else redaction_version(pipeline.redaction)
    counts = replace(counts, redaction_version=version)
    WorkFiles(lake, run).write(counts)
    log.info("extracted %d records, %d unreadable, skipped %s", counts.extracted, counts.unreadable, counts.skipped)
    for name, count in counts.unreadable_values.items():
        kind = pipeline.attributes.get(name, str).__name__
        log.warning("%d values of %s are no %s, and null", count, name, kind)
    return counts


def _replay(lake: Lake, pipeline: Pipeline, run: RunContext) -> Extracted:
    """The window's records from `raw/`: of each record its newest version, in the window in which that changed.

    What the run itself published or quarantined before stays in it, wherever it belongs: it has no other outcome.
    """
    index = read_index(lake, run.pipeline, with_trials=run.is_trial)
    outcomes = outcomes_for(lake, run)
    within = index.newest(index.within(run.window_start, run.window_end if run.is_bounded else None))
    chosen = _one_of_each(index, within, outcomes.own(index.versions))
    known = outcomes.known(index.versions[chosen], run.reprocess)
    fresh = chosen.copy()
    fresh[chosen] = ~known
    schema = raw_schema(pipeline.attributes, attribute_names(index.schemas(fresh)))
    _write_records(lake, run, schema, index.read(fresh))
    unreadable = _own_unreadable(lake, run)
    write_table(lake, WorkFiles(lake, run).quarantined, unreadable)
    skipped = Counter(has_outcome=int(known.sum()))
    extracted = int(chosen.sum()) + unreadable.num_rows
    return Extracted(extracted=extracted, unreadable=unreadable.num_rows, skipped=dict(+skipped))


def _take(lake: Lake, pipeline: Pipeline, run: RunContext, pulled: PullSpool, most_unreadable: float) -> Extracted:
    """What the pull brought and what is pending in `raw/`, but for what has an outcome."""
    outcomes = outcomes_for(lake, run)
    index = read_index(lake, run.pipeline, with_trials=run.is_trial or run.is_promotion)
    promoted = outcomes.promoted(index.versions)
    if run.is_promotion:
        # Of what only trials have pulled nothing else is any business of a night.
        own_versions = index.versions[~index.of_trials]
        counts = ~index.of_trials | (promoted & ~np.isin(index.versions, own_versions))
        index, promoted = index.only(counts), promoted[counts]
    ids, versions, changed_at, is_record = pulled.ids, pulled.versions, pulled.changed_at, pulled.is_record
    chosen = _first_of_each(versions, ~is_record)
    records = np.flatnonzero(is_record)
    chosen[records[newest_of_each(ids[records], changed_at[records])]] = True

    own = outcomes.own(index.versions)
    waiting = own | _may_be_due(index, run, _raw_path(lake, run))
    waiting |= promoted & index.within(run.window_start, run.window_end if run.is_bounded else None)
    known = outcomes.known(np.concatenate([versions, index.versions[waiting]]), run.reprocess)
    is_known, waiting_known = known[: len(versions)], known[len(versions) :]
    is_known |= _late_and_known(outcomes, run, versions, changed_at)
    waiting[waiting] = ~waiting_known
    fresh = chosen & ~is_known
    due = _one_of_each(index, index.newest(waiting), waiting & own) & ~np.isin(index.ids, ids[fresh & is_record])

    _check_readable(pulled, fresh, most_unreadable)
    if not run.dry_run:
        borrowed = index.of_trials & np.bool_(run.is_promotion)
        _append_raw(lake, pipeline, run, pulled, chosen & is_record, index, borrowed, due & borrowed)
    schema = raw_schema(pipeline.attributes, pulled.attributes | attribute_names(index.schemas(due)))
    _write_records(lake, run, schema, chain(pulled.records(fresh, schema), index.read(due)))
    unreadable = fresh & ~is_record & ~np.bool_(run.dry_run)
    _write_quarantine(lake, run, pulled.unreadable(unreadable))
    if not chosen.all():
        older = ~chosen & is_record & ~np.isin(versions, versions[chosen])
        copies = f"{int((~chosen).sum())} rows are copies of others in the source; {int(older.sum())} of them other"
        log.info("%s versions of a record, of which the one that changed last counts, or else the last", copies)
    skipped = Counter(
        # An older copy goes with the newest one of its record, whatever becomes of that.
        has_outcome=int((~chosen | is_known).sum()),
        dry_run=int((fresh & ~is_record & ~unreadable).sum()),
    )
    return Extracted(
        extracted=int(len(chosen) + due.sum()),
        unreadable=int(unreadable.sum()),
        skipped=dict(+skipped),
        outside_window=pulled.outside_window,
        unreadable_values=pulled.unreadable_values(fresh & is_record),
    )


def _check_readable(pulled: PullSpool, fresh: Mask, most_unreadable: float) -> None:
    """A night whose rows mostly cannot be read is a file of another kind, not a quarantine of thousands.

    Raises:
        SourceUnreadable: with the most common reasons, and one row's own.
    """
    unreadable = fresh & ~pulled.is_record
    count, of = int(unreadable.sum()), int(fresh.sum())
    if count <= most_unreadable * of or (of < ROWS_BEFORE_JUDGEMENT and pulled.is_record.any()):
        return
    rows = [row for part in pulled.unreadable(unreadable) for row in part]
    if of < ROWS_BEFORE_JUDGEMENT and not all(row.error_type in OF_WHOLE_FILES for row in rows):
        return
    reasons = Counter(row.error_type for row in rows).most_common(3)
    raise SourceUnreadable(
        f"{count} of {of} new rows cannot become records ({', '.join(f'{name}: {n}' for name, n in reasons)}), such as "
        f"{rows[0].error_message}. Nothing was asked, and nothing was put aside. Correct the file or the setting that "
        "names it (a record needs columns id and text), or raise NIGHTSHIFT_MAX_UNREADABLE_SHARE."
    )


def _one_of_each(index: RawIndex, newest: Mask, own: Mask) -> Mask:
    """The rows that are the newest of their record, and of all other records the newest one of the run's own."""
    if not own.any():
        return newest
    chosen = newest.copy()
    rest = np.flatnonzero(own & ~np.isin(index.ids, index.ids[newest]))
    chosen[rest[newest_of_each(index.ids[rest], index.changed_at[rest])]] = True
    return chosen


def _own_unreadable(lake: Lake, run: RunContext) -> pa.Table:
    """What the run could not read when it asked the source: `raw/` does not have it."""
    path = lake.run_file("quarantine", run.pipeline, run.run_date, run.run_key)
    if not lake.fs.exists(path):
        return QUARANTINE_SCHEMA.empty_table()
    rows = read_table(lake, path)
    return rows.filter(pc.equal(rows["stage"], "extract"))


def _first_of_each(versions: RowHashes, among: Mask) -> Mask:
    """Of some rows the first of each version."""
    first = np.zeros(len(versions), dtype=np.bool_)
    places = np.flatnonzero(among)
    first[places[np.unique(versions[places], return_index=True)[1]]] = True
    return first


def _may_be_due(index: RawIndex, run: RunContext, own_path: str) -> Mask:
    """Rows of `raw/` that this run selects if they have no outcome.

    A night takes all, a backfill those of its window; a trial and a run with `since` have no business with them. What
    the run has pulled itself, in an earlier try, it takes even if the source has it no more.
    """
    own = index.of_file(own_path)
    if run.is_trial or (run.trigger == "manual" and run.is_bounded):
        return own
    if run.trigger == "backfill":
        return own | index.within(run.window_start, run.window_end)
    return np.ones_like(own)


def _late_and_known(outcomes: Outcomes, run: RunContext, versions: RowHashes, changed_at: Positions) -> Mask:
    """Rows from outside the run's own interval that have any outcome: `reprocess` is about the interval alone."""
    late = np.zeros(len(versions), dtype=np.bool_)
    if run.reprocess != "none" and run.window_start is not None:
        late = (changed_at < microseconds(run.window_start)) | (changed_at >= microseconds(run.window_end))
        late[late] = outcomes.known(versions[late], "none")
    return late


def _append_raw(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    pulled: PullSpool,
    newest: Mask,
    index: RawIndex,
    borrowed: Mask,
    promoted: Mask,
) -> None:
    """Keep what `raw/` does not have yet. What an earlier try of this run kept stays: the source may have lost it.

    Args:
        borrowed: rows of the index that are a trial's, which `raw/` does not have for a night.
        promoted: those of them that the run publishes.
    """
    path = _raw_path(lake, run)
    fresh = newest & ~np.isin(pulled.versions, index.versions[~borrowed])
    has_earlier = path in index.paths
    earlier = pull_notes(lake, path) if has_earlier else {}
    notes = {name: earlier[name] for name in (PULLED_ALL, PULLED_FILES) if name in earlier}
    notes[PULLED_AT] = run.started_at.astimezone(UTC).isoformat().encode()
    notes |= pulled.notes
    is_noted = {**earlier, PULLED_AT: b""} == {**notes, PULLED_AT: b""}
    if has_earlier and not fresh.any() and not promoted.any() and is_noted:
        return
    earlier_names = attribute_names([*([file_schema(lake, path)] if has_earlier else []), *index.schemas(promoted)])
    schema = raw_schema(pipeline.attributes, pulled.attributes | earlier_names).with_metadata(notes)
    with open_table_writer(lake, path, schema) as writer:
        # The earlier rows come first, so that the index still says where they stand.
        for rows in read_groups(lake, path) if has_earlier else ():
            writer.write(conform(rows, schema))
        version, place = redaction_version(pipeline.redaction), schema.get_field_index(REDACTION_VERSION.name)
        for rows in pulled.records(fresh, schema):
            writer.write(conform(rows.set_column(place, REDACTION_VERSION, pa.repeat(version, rows.num_rows)), schema))
        for rows in index.read(promoted):
            writer.write(conform(rows, schema))


def _raw_path(lake: Lake, run: RunContext) -> str:
    return lake.run_file("raw", run.pipeline, run.run_date, run.run_key)


def _write_records(lake: Lake, run: RunContext, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """The records that `plan` goes through, without what only `raw/` needs."""
    with open_table_writer(
        lake, WorkFiles(lake, run).records, pa.schema([field for field in schema if field not in RAW_ONLY])
    ) as writer:
        for table in tables:
            writer.write(conform(table, schema).drop_columns([field.name for field in RAW_ONLY]))


def _write_quarantine(lake: Lake, run: RunContext, parts: Iterable[list[UnreadableRecord]]) -> None:
    with open_table_writer(lake, WorkFiles(lake, run).quarantined, QUARANTINE_SCHEMA) as writer:
        for part in parts:
            writer.write(quarantine_table(_quarantine_row(row, run) for row in part))


def _quarantine_row(row: UnreadableRecord, run: RunContext) -> QuarantineRow:
    return QuarantineRow(
        record_id=row.record_id,
        record_version=row.record_version,
        source=row.source,
        occurred_at=row.occurred_at,
        text=row.raw,
        stage="extract",
        error_type=row.error_type,
        error_message=row.error_message,
        run_id=run.run_id,
        processed_at=run.window_end,
    )
