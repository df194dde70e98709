"""What every DAG must have before it may stand in the UI."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG, CronDataIntervalTimetable

from include.pipelines.registry import load_pipeline, pipeline_names
from include.stages.pool import POOL, THEMES_POOL

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NAMES = pipeline_names()
FORM = {
    "since", "until", "limit", "model", "prompt_version", "mode", "budget_usd", "read_from", "reprocess", "dry_run",
    "promote",
}  # fmt: skip


@pytest.fixture(scope="module")
def bag() -> "DagBag":
    """All DAGs, found as Airflow finds them (safe mode looks for the words dag and airflow in a file)."""
    # Not where it would be imported without these tests, by `make check`.
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(ROOT / "dags", safe_mode=True)


def test_every_pipeline_folder_has_a_dag_and_all_files_import(bag: "DagBag") -> None:
    assert bag.import_errors == {}
    assert sorted(bag.dags) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_dag_has_owner_tags_documentation_retries_and_limits(bag: "DagBag", name: str) -> None:
    dag = bag.dags[name]
    assert dag.tags
    assert dag.doc_md
    assert "What a run does" in dag.doc_md
    lookback_days = load_pipeline(name).lookback.total_seconds() / 86_400
    assert f"arrived late by up to {lookback_days:g} days" in dag.doc_md
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.dagrun_timeout
    for task in dag.tasks:
        assert task.owner not in ("", "airflow")
        assert task.retries >= 1
        assert task.retry_delay
        assert task.execution_timeout


@pytest.mark.parametrize("name", NAMES)
def test_the_seven_stages_follow_each_other(bag: "DagBag", name: str) -> None:
    dag = bag.dags[name]
    assert [task.task_id for task in dag.topological_sort()] == [
        "extract", "plan", "infer", "validate", "publish", "watch", "report"
    ]  # fmt: skip
    assert dag.get_task("infer").pool == POOL
    assert dag.get_task("watch").pool == THEMES_POOL


@pytest.mark.parametrize("name", NAMES)
def test_a_watch_that_fails_keeps_no_report_back_and_a_publish_that_fails_does(bag: "DagBag", name: str) -> None:
    """The report begins once both are done and one has succeeded, so nothing else may stand right before it."""
    report = bag.dags[name].get_task("report")
    assert report.upstream_task_ids == {"publish", "watch"}
    assert report.trigger_rule == "all_done_min_one_success"
    assert "publish" in bag.dags[name].get_task("watch").upstream_task_ids


@pytest.mark.parametrize("name", NAMES)
def test_nights_that_run_at_once_plan_and_publish_one_after_the_other(bag: "DagBag", name: str) -> None:
    for task in ("plan", "publish"):
        assert bag.dags[name].get_task(task).max_active_tis_per_dag == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_night_has_a_data_interval_of_a_day_in_the_pipelines_time_zone(bag: "DagBag", name: str) -> None:
    dag = bag.dags[name]
    assert isinstance(dag.timetable, CronDataIntervalTimetable)
    assert str(dag.timetable.timezone) == load_pipeline(name).timezone


@pytest.mark.parametrize("name", NAMES)
def test_the_form_has_a_title_and_a_description_for_every_field(bag: "DagBag", name: str) -> None:
    dag: DAG = bag.dags[name]
    assert set(dag.params) == FORM
    for field in FORM:
        schema = dag.params.get_param(field).schema
        assert schema["title"]
        assert dag.params.get_param(field).description or schema.get("description_md")
    dag.params.validate()


@pytest.mark.parametrize("name", NAMES)
def test_the_results_are_an_asset(bag: "DagBag", name: str) -> None:
    (asset,) = bag.dags[name].get_task("publish").outlets
    assert asset.name == f"{name}_results"


def test_parsing_a_dag_file_imports_nothing_heavy() -> None:
    heavy = ("pandas", "pyarrow", "openai", "great_expectations", "aiohttp")
    # Airflow itself brings some of these along; what counts is what our files add.
    code = (
        "import sys, airflow.sdk, pydantic; before = set(sys.modules)\n"
        "import dags.support_tickets\n"
        f"print([m for m in {heavy!r} if m in sys.modules and m not in before])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_pipeline_whose_answer_takes_a_system_columns_name_does_not_parse() -> None:
    from include.answer.structured_output import StrictAnswer
    from include.errors import ConfigurationError
    from include.pipelines.definition import Pipeline, ReportFields

    class Answer(StrictAnswer):
        model: str
        attr_rating: int

    with pytest.raises(ConfigurationError, match="model"):
        Pipeline(
            name="clash",
            title="Clash",
            description="x",
            answer=Answer,
            report_fields=ReportFields(topic="model", summary="model", sentiment="model"),
            owner="me",
            tags=("x",),
            schedule="0 0 * * *",
        )
