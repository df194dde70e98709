"""The seam to Airflow: from a task's context to a run, from our errors to a task's state."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError
from airflow.sdk.log import mask_secret

from include.errors import ConfigurationError, NightshiftError, StopRun
from include.llm.endpoint import OPENAI_BASE_URL, Endpoint, resolve_endpoint
from include.pipelines.definition import Pipeline
from include.pipelines.registry import pipeline_names
from include.stages.endpoint_connection import connection_settings
from include.stages.picked_interval import picked_interval
from include.stages.run_context import TRIGGERS, RunContext, settle_run

log = logging.getLogger(__name__)


@contextmanager
def failing_fast() -> Iterator[None]:
    """Let errors that no retry can mend fail the task at once; all others are retried as the DAG says.

    Their sentence says all that people need, so the way to them is in the log for whoever sets it to debug.
    """
    try:
        yield
    except (StopRun, ConfigurationError) as error:
        log.debug("where it came from", exc_info=error)
        raise AirflowFailException(str(error)) from None


def endpoint_of_deployment(model: str | None = None) -> Endpoint:
    """The endpoint of the Airflow connection `openai_default`, else of the environment, else one of `make run`.

    Args:
        model: of the run; None: the deployment's.

    Raises:
        ConfigurationError, RetryLater: see `connection_settings` and `resolve_endpoint`.
    """
    key, base_url, extra = connection_settings() or (None, None, {})
    endpoint = resolve_endpoint(key, base_url, model=model, extra=extra)
    for secret in endpoint.secrets:
        # Airflow hides what its connections hold by name, and knows nothing of the environment.
        mask_secret(secret)
    return endpoint


def running_runs(context: Mapping[str, Any], *others: str) -> Callable[[str], bool]:
    """Tells whether a run of the task's DAG is under way, by its id.

    Args:
        context: of the running task.
        others: states of a run that count too.
    """
    task, dag_id = context["ti"], context["dag_run"].dag_id
    return lambda run_id: task.get_dr_count(dag_id=dag_id, run_ids=[run_id], states=["running", *others]) > 0


def running_shards(context: Mapping[str, Any]) -> Callable[[], int]:
    """Counts the tasks that ask now, of all pipelines and runs; while Airflow does not answer, as it did last.

    Those are shards and canaries. A count, because tasks cannot ask for the pool's slots, which anybody may change in
    the UI.

    Args:
        context: of the running task.
    """
    known = 1

    def count() -> int:
        nonlocal known
        try:
            known = sum(
                context["ti"].get_ti_count(dag_id=name, task_ids=["infer", "watch"], states=["running"])
                for name in pipeline_names()
            )
        except AirflowRuntimeError as error:
            log.warning("Airflow cannot say how many shards run (%s); taken to be %d as before", error, known)
        return max(known, 1)

    return count


def run_of_task(pipeline: Pipeline, context: Mapping[str, Any]) -> RunContext:
    """Settle the run that a task belongs to.

    Args:
        context: of the running task.
    """
    form = dict(context["params"])
    return _settle(pipeline, endpoint_of_deployment(form.get("model")), context["dag_run"], form, os.environ)


def least_known(pipeline: Pipeline, dag_run: Any, form: Mapping[str, Any]) -> RunContext:
    """A run whose settings are wrong, as far as they make sense: enough for its row in `runs/`.

    The row lies where the run's own would, so that it is replaced once the setting is right and the run is cleared.

    Args:
        dag_run: Airflow's, of a task's context or of its database.

    Raises:
        ConfigurationError: the pipeline has no prompt at all.
    """
    try:
        endpoint = endpoint_of_deployment()
    except NightshiftError:
        endpoint = Endpoint(OPENAI_BASE_URL, None, is_demo=False)
    environ = {name: value for name, value in os.environ.items() if name == "NIGHTSHIFT_MODEL"}
    bare = {name: form.get(name) for name in ("model", "prompt_version", "promote", "dry_run")}
    newest = replace(pipeline, prompt_version=[pipeline.prompt_version, *pipeline.prompt_versions()][-1])
    for known, kept in ((pipeline, form), (pipeline, bare), (newest, {})):
        try:
            run = _settle(known, endpoint, dag_run, kept, environ)
        except ConfigurationError as error:
            wrong = error
        else:
            # Whoever it was meant for has not been asked.
            return replace(run, endpoint=None)
    raise wrong


def _settle(
    pipeline: Pipeline, endpoint: Endpoint, dag_run: Any, form: Mapping[str, Any], environ: Mapping[str, str]
) -> RunContext:
    picked = picked_interval(pipeline, dag_run)
    return settle_run(pipeline, endpoint, form=form, environ=environ, picked=picked, **_of_dag_run(dag_run))


def _of_dag_run(dag_run: Any) -> dict[str, Any]:
    run_type = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    return {
        "run_id": dag_run.run_id,
        "trigger": run_type if run_type in TRIGGERS else "manual",
        "data_interval": (start, end) if start and end else None,
        "run_after": dag_run.run_after,
        "started_at": dag_run.start_date or dag_run.run_after,
    }
