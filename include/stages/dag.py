"""The DAG assembler: the seven stages, wired the same way for every pipeline.

A task is a docstring and one call into a plain module. Heavy libraries are imported inside the tasks, so that a DAG
file parses in a fraction of a second.
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, get_current_context, task

from include.llm.endpoint import Endpoint
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.stages.airflow_run import endpoint_of_deployment, failing_fast, run_of_task, running_runs, running_shards
from include.stages.form import trigger_form
from include.stages.pool import POOL, THEMES_POOL
from include.stages.run_context import RunContext

# A killed worker's task goes on soon, and a provider's bad quarter of an hour passes all the same: each of the waits is
# at most twice as long as the one before, beginning with 10 to 20 seconds.
RETRIES = 6
RETRY_DELAY = timedelta(seconds=10)
RETRY_BACKOFF = 2.0
STAGE_TIMEOUT = timedelta(hours=2)
INFER_TIMEOUT = timedelta(hours=6)
# Minutes at the provider's pace.
WATCH_TIMEOUT = timedelta(minutes=30)
# A night: what is not done in the morning is kept and goes on in the next one.
RUN_TIMEOUT = timedelta(hours=10)
# Every DAG's documentation ends with it: what each task does, and what to do when it fails.
RUNBOOK = Path(__file__).with_name("runbook.md").read_text(encoding="utf-8")
# What a stage returns is one row of XCom, not one more for each of its parts.
stage = partial(task, multiple_outputs=False)


def results_asset(pipeline: Pipeline) -> Asset:
    """The asset that stands for a pipeline's published answers."""
    return Asset(name=f"{pipeline.name}_results", uri=f"nightshift://results/{pipeline.name}", group="nightshift")


def build_dag(pipeline_name: str) -> DAG:
    """The nightly DAG of one pipeline.

    Raises:
        ConfigurationError: the pipeline's folder is wrong; the UI shows it as an import error.
    """
    pipeline = load_pipeline(pipeline_name)
    with DAG(
        dag_id=pipeline.name,
        dag_display_name=pipeline.title,
        description=pipeline.description.strip().splitlines()[0],
        doc_md=f"{pipeline.description.strip()}\n\n{_windows(pipeline)}\n\n{RUNBOOK}",
        schedule=CronDataIntervalTimetable(pipeline.schedule, timezone=pipeline.timezone),
        # Backfills may go back to here; without catch-up it starts no run by itself.
        start_date=datetime(2010, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=RUN_TIMEOUT,
        tags=set(pipeline.tags),
        params=trigger_form(pipeline),
        on_failure_callback=_on_run_failure,
        default_args={
            "owner": pipeline.owner,
            "retries": RETRIES,
            "retry_delay": RETRY_DELAY,
            "retry_exponential_backoff": RETRY_BACKOFF,
            "execution_timeout": STAGE_TIMEOUT,
            "on_failure_callback": _on_failure,
            "on_retry_callback": _on_retry,
        },
    ) as dag:
        # `Any`: a task's parameters are typed by what they hold at run time, not by the references that wire them.
        run: Any = extract(pipeline.name)
        answered = infer.partial(run=run).expand(shard=plan(run))
        validated = validate(run)
        published: Any = publish.override(outlets=[results_asset(pipeline)])(run)
        watched: Any = watch(run, published)
        # Not after `extract`, whose success would let it begin although `publish` has failed.
        answered >> validated >> published >> watched >> report(published, watched)
    return dag


def _windows(pipeline: Pipeline) -> str:
    return (
        "A night takes its data interval, from the last success on where nights have failed, and what arrived late by "
        f"up to {pipeline.lookback.total_seconds() / 86_400:g} days. The first manual run goes back by "
        f"{pipeline.first_window.total_seconds() / 86_400:g} days. Records that were already published or "
        "quarantined are skipped."
    )


@stage()
def extract(pipeline_name: str) -> dict[str, Any]:
    """Pull the window's records, redact them, store them in `raw/`; bad ones go to quarantine."""
    from include.stages.extract import extract_records

    pipeline = load_pipeline(pipeline_name)
    with failing_fast():
        run = run_of_task(pipeline, get_current_context())
        extract_records(_lake(), pipeline, run)
    return run.to_dict()


# One plan of a pipeline at a time: of two runs that have pulled one record, the later one leaves it to the other.
@stage(max_active_tis_per_dag=1)
async def plan(run: dict[str, Any]) -> list[int]:
    """Estimate tokens and cost, check budget and endpoint, write the shards. Nothing is paid before this passes."""
    from include.stages.plan import plan_run

    with failing_fast():
        return await plan_run(*_work_of(run), running_runs(get_current_context()))


@stage(pool=POOL, execution_timeout=INFER_TIMEOUT, map_index_template="shard {{ task.op_kwargs['shard'] }}")
async def infer(run: dict[str, Any], shard: int) -> dict[str, int]:
    """Answer one shard. A retry, a cleared task or a new worker goes on where the last one stopped."""
    from include.stages.infer import infer_shard

    with failing_fast():
        return await infer_shard(*_work_of(run), shard, count_shards=running_shards(get_current_context()))


@stage(trigger_rule="none_failed")
def validate(run: dict[str, Any]) -> dict[str, Any]:
    """Great Expectations: failing rows go to quarantine, a failing suite stops the publish."""
    from include.stages.validate import validate_run

    with failing_fast():
        return validate_run(*_work_of(run))


# One publish of a pipeline at a time, backfills included: `current/` is read, merged and replaced.
@stage(max_active_tis_per_dag=1)
def publish(run: dict[str, Any]) -> dict[str, Any]:
    """Check that the counts add up, then commit the run in one step."""
    from include.stages.publish import publish_run

    context, task_context = RunContext.from_dict(run), get_current_context()
    pipeline = load_pipeline(context.pipeline)
    with failing_fast():
        published = publish_run(_lake(), pipeline, context, running_runs(task_context, "queued"))
    for asset in task_context["task"].outlets:
        task_context["outlet_events"][asset].extra = published["run"]
    return {**published, "context": run}


def _on_watch_failure(context: Any) -> None:
    from include.stages.ending import say_last, sentence

    say_last(sentence(context.get("exception"), context["ti"].task_id))


# The data is out, and the report waits: one more try, a minute later. Its failure is none of the night's, so it is told
# by the report and by nothing else. One at a time, because all pipelines share their themes.
@stage(
    pool=THEMES_POOL,
    retries=1,
    retry_delay=timedelta(minutes=1),
    execution_timeout=WATCH_TIMEOUT,
    on_failure_callback=_on_watch_failure,
)
async def watch(run: dict[str, Any], published: dict[str, Any]) -> dict[str, Any] | None:
    """Ask the canaries, compare the night with those before: did the customers, the model or the quality change?"""
    from include.stages.watch import watch_run

    with failing_fast():
        lake, pipeline, context, endpoint = _work_of(run)
        count_shards = running_shards(get_current_context())
        watched = await watch_run(lake, pipeline, context, published, endpoint, count_shards=count_shards)
        return None if watched is None else asdict(watched)


# Also when `watch` has failed, but not when `publish` has.
@stage(trigger_rule="all_done_min_one_success")
def report(published: dict[str, Any], watched: dict[str, Any] | None) -> dict[str, Any]:
    """Write the digest that people read, send it where a connection for it exists."""
    from include.stages.report import report_run

    with failing_fast():
        lake, pipeline, context, endpoint = _work_of(published["context"])
        return report_run(lake, pipeline, context, published, endpoint, watched)


def _work_of(run: dict[str, Any]) -> tuple[Any, Pipeline, RunContext, Endpoint]:
    """What a stage works with: the lake, and the pipeline, settings and endpoint of the run."""
    context = RunContext.from_dict(run)
    return _lake(), load_pipeline(context.pipeline), context, endpoint_of_deployment(context.model)


def _lake() -> Any:
    from include.lake.paths import open_lake
    from include.settings import lake_uri

    return open_lake(lake_uri())


def _on_failure(context: Any) -> None:
    from include.stages.ending import end_task

    end_task(_lake, context)


def _on_retry(context: Any) -> None:
    from include.stages.ending import say_last, sentence

    say_last(f"It is tried again: {sentence(context.get('exception'), context['ti'].task_id)}")


def _on_run_failure(context: Any) -> None:
    from include.stages.ending import end_run

    end_run(_lake().hurried, context, RUN_TIMEOUT.total_seconds() / 3600)
