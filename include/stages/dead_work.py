"""What dead runs have left below `_work/`: gone once later runs have published all that they had paid for."""

import logging
import posixpath
from dataclasses import replace

from include.lake.answer_index import published_keys
from include.lake.paths import Lake, is_beside
from include.lake.row_groups import file_schema
from include.llm.ledger import scan_ledger
from include.stages.concurrent_runs import RUN_ID, IsRunning
from include.stages.manifests import Begun
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)


def remove_dead_work(lake: Lake, run: RunContext, is_running: IsRunning) -> None:
    """Remove folders whose answers are all in `results/`. One with an answer that is not, or of a live run, stays.

    Args:
        run: that was just published, and is in the index.
        is_running: whether the run of an id is under way or about to be.

    Raises:
        RetryLater: the lake cannot be read or written.
    """
    for folder in sorted(lake.find(lake.table("_work", run.pipeline), "*")):
        work = WorkFiles(lake, replace(run, run_key=posixpath.basename(folder)))
        if work.run.run_key == run.run_key or _may_be_alive(work, is_running):
            continue
        # A step on the way to an answer is of no use once there is the answer.
        paid = {entry.step_of or entry.key for entry in scan_ledger(lake, work.ledger) if entry.answer is not None}
        # What was asked beside a run is never published, nor reused.
        if is_beside(folder) or paid == published_keys(lake, run.pipeline, paid):
            work.remove()
            log.info("removed %s of a dead run, whose %d answers are published", lake.uri(folder), len(paid))


def _may_be_alive(work: WorkFiles, is_running: IsRunning) -> bool:
    if work.run.run_key.endswith(".other"):
        # What a run that was published had asked otherwise before.
        return False
    run_ids = {work.read(Begun, default=Begun()).run_id}
    if work.lake.fs.exists(work.plan):
        run_ids.add((file_schema(work.lake, work.plan).metadata or {}).get(RUN_ID, b"").decode())
    # Of a run that an older version has begun nothing is known before its plan.
    return any(map(is_running, run_ids - {""})) or run_ids == {""}
