"""What a run has cost before, where no file and no row of it will say so any more."""

from contextlib import suppress
from dataclasses import fields

from include.errors import StopRun
from include.lake.read import read_table
from include.stages.manifests import Before
from include.stages.work_files import WorkFiles


def costs_before(work: WorkFiles) -> Before:
    """Calls and costs to carry over: of the run whose file this one replaces, or of its own tries whose files are gone.

    Raises:
        RetryLater: the lake cannot be read.
    """
    with suppress(StopRun):
        # A plan was begun since, and the ledger that it made holds nothing of what was before.
        return work.read(Before)
    lake, run = work.lake, work.run
    path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    row = read_table(lake, path).to_pylist()[0] if lake.has(path) else {}
    is_counted = lake.has(work.ledger) if row.get("state") == "failed" else run.reprocess != "none"
    if is_counted:
        return Before()
    # A row of the version before does not have all of them, and that of a failed run no estimate.
    known = {field.name: row[field.name] for field in fields(Before) if field.name in row}
    return Before(**{name: value for name, value in known.items() if row["state"] == "success" or value is not None})
