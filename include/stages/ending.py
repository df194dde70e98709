"""How a run ends that does not succeed: its row in `runs/`, the last line of its task's log, a message to people."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from include.errors import NightshiftError
from include.lake.paths import Lake
from include.lake.schemas import RUNS_SCHEMA
from include.pipelines.registry import load_pipeline
from include.report.headline import failure_headline
from include.report.notify import send
from include.report.run_page import STAGES, RunView, Task, run_page
from include.stages.airflow_run import least_known
from include.stages.failure import record_failure, row_of_run
from include.stages.publish import run_identity
from include.stages.run_context import RunContext

log = logging.getLogger(__name__)

KEPT = "What was answered is kept and is not paid again"


def sentence(error: BaseException | None, task_id: str) -> str:
    """What happened to a task and what to do, in one line.

    Only our own errors are quoted: any other may hold a key or a customer's text.

    Args:
        error: that ended the task; None: it was ended from outside.
    """
    if isinstance(error, (NightshiftError, AirflowFailException)):
        return " ".join(str(error).split())
    if isinstance(error, AirflowTaskTimeout):
        return f"`{task_id}` was stopped, because it took longer than its execution_timeout. {KEPT}: clear `{task_id}`."
    if error is None:
        what = f"`{task_id}` was ended from outside: its worker was lost, or a person marked it"
        return f"{what}. {KEPT}: clear `{task_id}`."
    return (
        f"`{task_id}` met {type(error).__name__}, which it has no answer to. The traceback in its log says where; "
        f"{KEPT[0].lower()}{KEPT[1:]}: mend the cause and clear `{task_id}`."
    )


def end_task(open_lake: Callable[[], Lake], context: Mapping[str, Any]) -> None:
    """A task has failed for good: leave its run's row, and end its log with the sentence."""
    reason = sentence(context.get("exception"), context["ti"].task_id)
    try:
        record_failure(open_lake(), run_of(context), reason)
    except Exception as error:
        # The lake may be what has failed. The end of the whole run writes the row once more.
        log.warning("The row in runs/ could not be written (%s).", type(error).__name__)
    say_last(reason)


def say_last(reason: str) -> None:
    """End a task's log with a sentence, outside of the group that Airflow folds away."""
    log.info("::endgroup::")
    log.error("%s", reason)


def end_run(lake: Lake, context: Mapping[str, Any], timeout_hours: float) -> None:
    """A run has failed, whatever ended it: tell people, once, and leave its row as it is now that all tasks are done.

    Airflow calls it in the DAG processor, which ends a callback that takes longer than a DAG file may.

    Args:
        timeout_hours: the DAG's `dagrun_timeout`.
    """
    pipeline, run = load_pipeline(context["dag"].dag_id), run_of(context)
    task_id, row = context["ti"].task_id, row_of_run(lake, run)
    is_published = row is not None and row["state"] == "success"
    is_told = row is not None and bool(row.get("reason")) and row["finished_at"] >= context["dag_run"].start_date
    if row is not None and is_told:
        reason = row["reason"]
    elif context["reason"] == "timed_out":
        reason = (
            f"The run was stopped in `{task_id}`, because it had not ended within {timeout_hours:g} hours "
            f"(dagrun_timeout). {KEPT}: clear the run from `{task_id}` on."
        )
    else:
        reason = sentence(None, task_id)
    # The message does not wait for the counts: a large ledger takes a while to read.
    counted = row if row is not None and (is_told or is_published) else run_identity(run)
    known = {**dict.fromkeys(RUNS_SCHEMA.names), **counted, "reason": reason}
    tasks = [Task(name, "success", None, None) for name in STAGES[: STAGES.index(task_id)]]
    view = RunView(
        pipeline.title, run.run_id, "failed", known, is_published, [*tasks, Task(task_id, "failed", None, None)]
    )
    send(failure_headline(pipeline.title, known), run_page(view))
    record_failure(lake, run, reason)


def end_by_hand(lake: Lake, run: RunContext, state: str) -> None:
    """A person has marked a run `failed` or `success`: leave its row, unless it is published and marked so."""
    row = row_of_run(lake, run)
    is_published = row is not None and row["state"] == "success"
    if is_published and state == "success":
        return
    what = "after it was published; what it published stays" if is_published else "before it had published anything"
    record_failure(
        lake, run, f"A person marked the run as {state} {what}. {KEPT}, and what is left is pending for the next run."
    )


def run_of(context: Mapping[str, Any]) -> RunContext:
    """The run of a callback: as `extract` settled it, else settled again, else what is known of it."""
    settled = context["ti"].xcom_pull(task_ids="extract", map_indexes=-1)
    if settled:
        return RunContext.from_dict(settled)
    pipeline = load_pipeline(context["dag"].dag_id)
    return least_known(pipeline, context["dag_run"], dict(context["params"]))
