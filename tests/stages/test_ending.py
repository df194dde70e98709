"""A run that does not succeed leaves its row and its sentence, whatever ended it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from include.errors import ConfigurationError, EndpointUnusable, RetryLater, StopRun
from include.lake.paths import open_lake
from include.stages.airflow_run import failing_fast, least_known
from include.stages.dag import build_dag
from include.stages.ending import end_by_hand, end_run, end_task, sentence
from include.stages.extract import extract_records
from include.stages.failure import record_failure, row_of_run
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.run_context import RunContext
from include.stages.validate import validate_run
from tests.fault_server.running import FaultServer
from tests.report.mailbox import mail_server
from tests.stages.running import NOW, Deployment, tickets


@pytest.fixture
def deployment(tmp_path: Path, fault_server: FaultServer) -> Deployment:
    """Five tickets."""
    made = Deployment(tmp_path, fault_server.base_url)
    made.write_source(tickets(5))
    return made


@dataclass
class Callback:
    """What Airflow hands to a callback.

    Args:
        settled: what `extract` has returned; None: it has failed.
    """

    task_id: str = "extract"
    settled: RunContext | None = None
    run_type: str = "manual"
    form: dict[str, Any] = field(default_factory=dict)
    exception: BaseException | None = None
    reason: str = "task_failure"
    began: datetime = NOW

    def context(self) -> dict[str, Any]:
        """The context."""
        night = (NOW - timedelta(days=1), NOW) if self.run_type == "scheduled" else (None, None)
        return {
            "dag": SimpleNamespace(dag_id="support_tickets"),
            "dag_run": SimpleNamespace(
                run_id="manual__1",
                run_type=self.run_type,
                logical_date=night[0],
                data_interval_start=night[0],
                data_interval_end=night[1],
                run_after=NOW,
                start_date=self.began,
                conf=self.form,
            ),
            "ti": SimpleNamespace(
                task_id=self.task_id,
                xcom_pull=lambda **_: self.settled.to_dict() if self.settled else None,
            ),
            "params": self.form,
            "exception": self.exception,
            "reason": self.reason,
        }


WRONG_SETTINGS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"since": "yesterday"}, {}),
    ({"since": "2026-11-10T00:00:00+00:00", "until": "2026-11-01T00:00:00+00:00"}, {}),
    ({"since": "2031-01-01T00:00:00+00:00"}, {}),
    ({"prompt_version": "v99"}, {}),
    ({"reprocess": "everything"}, {}),
    ({"read_from": "memory"}, {}),
    ({}, {"NIGHTSHIFT_BUDGET_USD": "twenty"}),
    ({}, {"NIGHTSHIFT_REQUESTS_PER_MINUTE": "-1"}),
    ({}, {"NIGHTSHIFT_IN_FLIGHT": "many"}),
    ({}, {"OPENAI_BASE_URL": "ftp://models"}),
    ({"since": "yesterday"}, {"NIGHTSHIFT_TOKENS_PER_MINUTE": "0", "OPENAI_BASE_URL": "nowhere"}),
]


@pytest.mark.parametrize("run_type", ["manual", "scheduled"])
@pytest.mark.parametrize(("form", "environ"), WRONG_SETTINGS)
def test_a_setting_that_cannot_be_settled_has_a_row_where_the_run_would_have_its_own(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    form: dict[str, Any],
    environ: dict[str, str],
    run_type: str,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-secret-key")
    right = least_known(deployment.pipeline, Callback(run_type=run_type).context()["dag_run"], {})
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    error = ConfigurationError("A setting is wrong. Correct it.")
    end_task(lambda: deployment.lake, Callback(form=form, run_type=run_type, exception=error).context())
    (row,) = deployment.table("runs").to_dict("records")
    assert (row["run_id"], row["state"], row["reason"]) == ("manual__1", "failed", str(error))
    assert row["extracted"] == row["skipped"] == 0
    if "prompt_version" not in form:
        # So the row is replaced when the setting is right and the run is cleared.
        assert row["run_key"] == right.run_key


def test_the_sentence_is_the_last_line_of_the_log_and_no_traceback_is_below_it(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(AirflowFailException) as raised:
        _task_whose_endpoint_is_away()
    # What Airflow prints of it is one exception, not a chain of three.
    assert raised.value.__suppress_context__ and raised.value.__cause__ is None
    assert any(record.levelname == "DEBUG" and record.exc_info for record in caplog.records)
    end_task(lambda: deployment.lake, Callback(exception=raised.value).context())
    assert caplog.messages[-1] == "The endpoint is away. Check OPENAI_BASE_URL."
    assert caplog.messages[-2] == "::endgroup::"


@failing_fast()
def _task_whose_endpoint_is_away() -> None:
    try:
        raise OSError("connection refused")
    except OSError as cause:
        raise EndpointUnusable("The endpoint is away. Check OPENAI_BASE_URL.") from cause


def test_a_try_that_is_followed_by_another_ends_with_its_sentence_too(caplog: pytest.LogCaptureFixture) -> None:
    (on_retry,) = build_dag("support_tickets").get_task("plan").on_retry_callback
    on_retry(Callback("plan", exception=RetryLater("The endpoint is away.")).context())
    assert caplog.messages[-1] == "It is tried again: The endpoint is away."


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (StopRun("Do this.\nThen that."), "Do this. Then that."),
        (RetryLater("The lake is away."), "The lake is away."),
        (AirflowTaskTimeout("x"), "execution_timeout"),
        (None, "ended from outside"),
        (KeyError("sk-canary"), "KeyError"),
        (UnicodeEncodeError("ascii", "sk-canary", 0, 1, "x"), "UnicodeEncodeError"),
    ],
)
def test_every_error_has_a_sentence_and_only_our_own_are_quoted(error: BaseException | None, says: str) -> None:
    said = sentence(error, "infer")
    assert says in said
    assert "sk-canary" not in said
    assert "\n" not in said


def test_a_lake_that_cannot_be_opened_costs_the_row_and_not_the_sentence(caplog: pytest.LogCaptureFixture) -> None:
    end_task(
        lambda: open_lake("nowhere://lake"), Callback(exception=ConfigurationError("The lake is wrong.")).context()
    )
    assert caplog.messages[-1] == "The lake is wrong."


def test_a_lake_that_is_away_costs_the_row_and_not_the_sentence(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    (deployment.folder / "lake").mkdir()
    (deployment.folder / "lake" / "runs").write_text("no folder")
    end_task(lambda: deployment.lake, Callback(settled=deployment.settle(), exception=StopRun("Stopped.")).context())
    assert caplog.messages[-1] == "Stopped."
    assert any("could not be written" in message for message in caplog.messages)


def test_a_task_whose_run_is_published_has_no_files_and_stops(deployment: Deployment) -> None:
    run = deployment.settle()
    deployment.run()
    lake, pipeline, endpoint = deployment.lake, deployment.pipeline, deployment.endpoint
    cleared = {
        "plan": lambda: plan_run(lake, pipeline, run, endpoint),
        "infer": lambda: infer_shard(lake, pipeline, run, endpoint, 0),
        "validate": lambda: validate_run(lake, pipeline, run, endpoint),
        "publish": lambda: publish_run(lake, pipeline, run),
    }
    for call in cleared.values():
        with pytest.raises(StopRun, match="from `extract` on"):
            _finish(call())
    record_failure(lake, run, "Clear it from `extract` on.")
    row = deployment.row(run)
    assert (row["state"], row["published"], row["reason"]) == ("success", 5, "Clear it from `extract` on.")
    # Cleared as it says, the run has no reason any more.
    assert pd.isna(deployment.run()["reason"])


def _finish(result: Any) -> None:
    if hasattr(result, "send"):
        result.send(None)


@pytest.mark.parametrize(("reason", "says"), [("timed_out", "dagrun_timeout"), ("task_failure", "ended from outside")])
def test_a_run_that_no_task_could_end_has_its_row_and_people_are_told_once(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, reason: str, says: str
) -> None:
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    callback = Callback("infer", run, reason=reason)
    with mail_server() as mailbox:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection()))
        end_run(deployment.lake, callback.context(), timeout_hours=10)
        row = deployment.row(run)
        assert (row["state"], row["extracted"], row["skipped"]) == ("failed", 5, 5)
        assert says in row["reason"]
        assert len(mailbox.messages) == 1
        assert str(mailbox.messages[0]["Subject"]).startswith("FAILED Support tickets: ")


def test_the_end_of_a_run_keeps_its_tasks_sentence_of_this_try_and_forgets_one_of_an_earlier_try(
    deployment: Deployment,
) -> None:
    run = deployment.settle()
    end_task(lambda: deployment.lake, Callback("plan", run, exception=StopRun("The key is refused.")).context())
    end_run(deployment.lake, Callback("plan", run).context(), timeout_hours=10)
    assert deployment.row(run)["reason"] == "The key is refused."
    later = Callback("infer", run, reason="timed_out", began=datetime.now(UTC) + timedelta(seconds=1))
    end_run(deployment.lake, later.context(), timeout_hours=10)
    assert "dagrun_timeout" in deployment.row(run)["reason"]


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_run_that_a_person_marks_before_it_published_has_a_row(deployment: Deployment, state: str) -> None:
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    end_by_hand(deployment.lake, run, state)
    row = deployment.row(run)
    assert (row["state"], row["published"]) == ("failed", 0)
    assert f"marked the run as {state} before" in row["reason"]


def test_a_published_run_that_a_person_marks_keeps_its_counts(deployment: Deployment) -> None:
    run = deployment.settle()
    deployment.run()
    end_by_hand(deployment.lake, run, "success")
    assert pd.isna(deployment.row(run)["reason"])
    end_by_hand(deployment.lake, run, "failed")
    row = row_of_run(deployment.lake, run)
    assert row is not None and row["published"] == 5
    assert "after it was published" in row["reason"]
