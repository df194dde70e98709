"""A run as its page shows it, put together from the lake and Airflow's database, which only the api-server reads."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from include.lake.paths import Lake
from include.pipelines.registry import load_pipeline
from include.report.run_page import NOT_BEGUN, RunView, Task, run_page
from include.report.runs_page import SHOWN_RUNS, AirflowStates
from include.stages.airflow_run import least_known
from include.stages.failure import row_of_run
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

# Progress files that are read at once, so that a page of many shards on object storage takes a second.
READERS = 16


def states_in_airflow(session: Any, pipelines: Sequence[str]) -> AirflowStates:
    """The newest runs of some DAGs."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    columns = (DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.run_after)
    newest = select(*columns).where(DagRun.dag_id.in_(pipelines)).order_by(DagRun.run_after.desc()).limit(SHOWN_RUNS)
    return {(dag_id, run_id): (str(state), due) for dag_id, run_id, state, due in session.execute(newest)}


def dag_run_of(session: Any, dag_id: str, run_id: str) -> Any:
    """Airflow's record of a run, None when there is none."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    return session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))


def context_of(session: Any, dag_run: Any) -> RunContext:
    """The run as `extract` settled it, else what is known of it.

    Raises:
        ConfigurationError: the pipeline's folder is wrong.
    """
    from airflow.models.xcom import XComModel

    query = XComModel.get_many(
        run_id=dag_run.run_id, dag_ids=dag_run.dag_id, task_ids="extract", key="return_value", limit=1
    )
    found = session.scalars(query).first()
    if found is not None:
        return RunContext.from_dict(XComModel.deserialize_value(found))
    return least_known(load_pipeline(dag_run.dag_id), dag_run, dag_run.conf or {})


def tasks_of(session: Any, dag_run: Any) -> list[Task]:
    """The task instances of a run."""
    from airflow.models.taskinstance import TaskInstance as Instance
    from sqlalchemy import select

    columns = (Instance.task_id, Instance.state, Instance.start_date, Instance.end_date)
    query = select(*columns).where(Instance.dag_id == dag_run.dag_id, Instance.run_id == dag_run.run_id)
    return [Task(stage, str(state or NOT_BEGUN), began, ended) for stage, state, began, ended in session.execute(query)]


def page_of(lake: Lake, session: Any, dag_run: Any) -> str | bytes:
    """The tab of a run: its report, or while it has none the page that says why."""
    tasks = tasks_of(session, dag_run)
    try:
        run = context_of(session, dag_run)
    except Exception:
        # A pipeline's folder that cannot be imported may raise anything; Airflow knows the run all the same.
        return run_page(RunView(dag_run.dag_id, dag_run.run_id, str(dag_run.state), tasks=tasks))
    if dag_run.state == "success" and lake.fs.exists(report_path(lake, run)):
        report: bytes = lake.fs.cat_file(report_path(lake, run))
        return report
    return run_page(view_of(lake, dag_run, run, tasks))


def view_of(lake: Lake, dag_run: Any, run: RunContext, tasks: Sequence[Task]) -> RunView:
    """The run's page as of now."""
    row, work, began = row_of_run(lake, run), WorkFiles(lake, run), dag_run.start_date
    # A row from before the run was cleared says nothing of this try.
    is_current = row is not None and began is not None and (row["finished_at"] or row["started_at"]) >= began
    docs = lake.find(report_path(lake, run).rpartition("/")[0], f"{run.run_key}.data_docs/*.html")
    return RunView(
        title=load_pipeline(run.pipeline).title,
        run_id=dag_run.run_id,
        state=str(dag_run.state),
        row=row if is_current else None,
        is_published=row is not None and row["state"] == "success",
        tasks=tasks,
        shards=_shards(lake, work),
        texts=_texts(lake, work),
        settled={"purpose": run.purpose, "model": run.model, "prompt_version": run.prompt_version},
        report=f"{run.run_key}.html" if lake.fs.exists(report_path(lake, run)) else None,
        data_docs={path.rpartition("/")[2].removesuffix(".html"): "/".join(path.split("/")[-2:]) for path in docs},
    )


def report_path(lake: Lake, run: RunContext) -> str:
    """Where a run's report lies."""
    return lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=".html")


def _shards(lake: Lake, work: WorkFiles) -> dict[int, dict[str, Any]]:
    numbers = sorted(
        int(name) for path in lake.find(work.path("progress"), "*.json") if (name := Path(path).stem).isdigit()
    )
    with ThreadPoolExecutor(READERS) as readers:
        found = zip(numbers, readers.map(lambda number: _json(lake, work.progress(number)), numbers), strict=True)
        return {number: progress for number, progress in found if progress is not None}


def _texts(lake: Lake, work: WorkFiles) -> int | None:
    plan = _json(lake, work.path("plan.json"))
    return None if plan is None else int(plan["asked"])


def _json(lake: Lake, path: str) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(lake.fs.cat_file(path))
    except (FileNotFoundError, ValueError):
        # Not there yet, published and swept away, or just being written: the next look sees more.
        return None
    return document
