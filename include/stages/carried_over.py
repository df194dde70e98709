"""Outcomes that a run has before it asks: paid for by others, by its own earlier tries, or published by itself."""

import posixpath
from collections.abc import Iterator
from itertools import chain

from include.lake.effort import Effort, Service
from include.lake.read import read_table
from include.lake.write import write_bytes
from include.llm.ledger import LedgerEntry, LedgerWriter, ledger_files, scan_ledger
from include.llm.paid_answers import paid_answers
from include.llm.providers.provider_errors import COUNTED_BY_FUSE
from include.pipelines.definition import Pipeline
from include.stages.questions import Questions
from include.stages.work_files import WorkFiles

FIRST_QUESTION = "first question"


def keep_tries(work: WorkFiles) -> float:
    """Put aside what shards of an earlier plan have answered: the shards of the next one may have other texts.

    Returns:
        What the run has spent on its questions so far, USD.
    """
    lake = work.lake
    lake.remove_folder(work.path("progress"))
    for path in ledger_files(lake, work.ledger):
        if path.startswith(f"{work.carried}/"):
            continue
        kept = f"{work.tries}/{posixpath.basename(path)}"
        if lake.is_local:
            # A try that was given up, and goes on all the same, still writes to it.
            lake.fs.makedirs(work.tries, exist_ok=True)
            lake.fs.mv(path, kept)
        else:
            write_bytes(lake, kept, lake.fs.cat_file(path))
            lake.fs.rm_file(path)
    return sum(entry.effort.cost_usd or 0.0 for entry in scan_ledger(lake, work.tries) if not entry.is_notes)


def carry_over(work: WorkFiles, pipeline: Pipeline, questions: Questions) -> set[str]:
    """Write the outcomes that others have paid for to the run's ledger.

    Returns:
        Keys of all questions that have an outcome.
    """
    settled = _settled_by_tries(work)
    with LedgerWriter(work.lake, work.carried) as ledger:
        for entry in chain(_paid(work, pipeline, questions), _own_failures(work, questions)):
            if entry.key not in settled:
                settled.add(entry.key)
                ledger.append(entry)
    return settled


def _settled_by_tries(work: WorkFiles) -> set[str]:
    has_blown = work.stopped().times_blown > 0
    return {
        entry.key
        for entry in scan_ledger(work.lake, work.tries)
        # What the fuse has counted against is asked again.
        if not entry.is_unusable and not (has_blown and entry.error_type in COUNTED_BY_FUSE)
    }


def _paid(work: WorkFiles, pipeline: Pipeline, questions: Questions) -> Iterator[LedgerEntry]:
    run, lake = work.run, work.lake
    return paid_answers(
        lake,
        pipeline.name,
        pipeline.answer,
        set() if run.reprocess == "all" else {*questions.keys, *questions.step_keys},
        own_results=lake.run_file("results", run.pipeline, run.run_date, run.run_key),
        own_work=work.path(),
        reused_at=run.started_at,
    )


def _own_failures(work: WorkFiles, questions: Questions) -> Iterator[LedgerEntry]:
    """What this very run could not answer when it was published before: the same run again does the same again."""
    run, lake = work.run, work.lake
    path = lake.run_file("quarantine", run.pipeline, run.run_date, run.run_key)
    if run.reprocess != "none" or not lake.has(path):
        return
    identities = zip(*(questions.rows[name].to_pylist() for name in questions.rows.column_names), strict=True)
    key_of = dict(zip(identities, questions.keys, strict=True))
    for row in read_table(lake, path).to_pylist():
        key = key_of.get((row["record_id"], row["record_version"]))
        if row["stage"] == "infer" and row["error_type"] != "too_long" and key is not None:
            yield LedgerEntry(
                key=key,
                answer=None,
                error_type=row["error_type"],
                error_message=row["error_message"],
                raw_output=row["raw_output"],
                effort=Effort.of_row(row),
                processed_at=row["processed_at"].isoformat(),
                service=Service.of_row(row),
            )
