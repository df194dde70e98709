"""`make run` as people type it: the recorded weeks, Ctrl-C in between, and the bundled model on texts of one's own."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.local.processes import descendants
from tests.servers.provider import Answer, Provider
from tests.sources.tickets.test_zendesk import CUSTOMER, HelpDesk

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "include.local.run"]
REVIEWS = "app_store_reviews"
TABLES = ("current", "results", "quarantine", "runs", "reports")


def environ_of_run(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a `make run ONCE=1` with its lake and its Airflow in a folder."""
    own = {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "NIGHTSHIFT_LAKE": str(folder / "lake"),
        "PYTHONPATH": str(ROOT),
        "ONCE": "1",
    }
    return os.environ | own | settings


def make_run(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(COMMAND, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800)


def interrupted(environ: dict[str, str], sign: str) -> int:
    """Press Ctrl-C once a line has come; returns the exit code."""
    process = subprocess.Popen(
        COMMAND,
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        # As a shell starts a job in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(sign, line):
            break
    process.send_signal(signal.SIGINT)
    return process.wait(60)


def rows_of(folder: Path, table: str, pipeline: str) -> pd.DataFrame:
    """A whole table of a lake."""
    files = sorted((folder / "lake" / table / pipeline).rglob("*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files])


@pytest.mark.airflow
def test_the_recorded_weeks_go_on_after_ctrl_c_end_in_reports_and_a_trial_and_leave_no_process(tmp_path: Path) -> None:
    environ, before = environ_of_run(tmp_path, PIPELINES=REVIEWS), descendants()
    assert interrupted(environ, r"week \d: (?!report)") == 130
    assert descendants() == before
    run = make_run(environ)
    assert run.returncode == 0, run.stdout + run.stderr
    assert descendants() == before
    assert "marked 1 runs" in run.stdout
    for table in TABLES:
        assert list((tmp_path / "lake" / table / REVIEWS).rglob("*.*")), table
    runs = rows_of(tmp_path, "runs", REVIEWS).query("state == 'success'")
    assert (runs["extracted"] == runs["published"] + runs["quarantined"] + runs["skipped"]).all()
    nights, (trial,) = runs[runs["purpose"] == "night"], runs[runs["purpose"] == "trial"].to_dict("records")
    assert set(nights["model"]) == {"recorded-answers"}
    assert (nights["published"] + nights["quarantined"]).sum() == 72
    assert (trial["model"], trial["published"] + trial["quarantined"]) == ("smollm2-135m-instruct", 8)
    current = rows_of(tmp_path, "current", REVIEWS)
    assert set(current["model"]) == {"recorded-answers"}
    # One of them was edited.
    assert len(current) == current["record_id"].nunique() == nights["published"].sum() - 1
    reports = re.findall(r"file (/\S+\.html)\n +tab +(http://\S+)", run.stdout)
    assert len(reports) == len(runs) == sum(Path(file).exists() for file, _ in reports)
    # Both stand in one table.
    assert f"{REVIEWS}, trial of the bundled model" in run.stdout.split("answered by")[1]


@pytest.mark.long
@pytest.mark.airflow
def test_the_bundled_model_reads_the_help_desk_that_the_environment_names_or_says_what_to_check(tmp_path: Path) -> None:
    desk, an_hour_ago = HelpDesk(), (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    desk.open(7, (CUSTOMER, "The kettle burns."), created_at=an_hour_ago, updated_at=an_hour_ago)
    with Provider(desk.answer) as provider:
        connection = {"conn_type": "http", "host": provider.base_url, "login": "a@x.com/token", "password": "secret"}
        environ = environ_of_run(
            tmp_path,
            MODEL="bundled",
            OPENAI_API_KEY="canary-of-a-key-that-stays-unused",
            PIPELINES="support_tickets",
            ZENDESK_CONNECTION="zendesk",
            AIRFLOW_CONN_ZENDESK=json.dumps(connection),
        )
        provider.fail(Answer(401, {"error": "Couldn't authenticate you"}))
        refused = make_run(environ)
        assert refused.returncode == 1, refused.stdout + refused.stderr
        assert "token of the Airflow connection zendesk" in refused.stdout
        read = make_run(environ)
    assert read.returncode == 0, read.stdout + read.stderr
    for table in ("results", "quarantine", "runs", "reports"):
        assert list((tmp_path / "lake" / table / "support_tickets").rglob("*.*")), table
    row = rows_of(tmp_path, "runs", "support_tickets").query("state == 'success'").to_dict("records")[0]
    assert (row["extracted"], row["published"] + row["quarantined"], row["skipped"]) == (1, 1, 0)
    assert (row["model"], row["purpose"]) == ("smollm2-135m-instruct", "night")
    (raw,) = rows_of(tmp_path, "raw", "support_tickets").to_dict("records")
    assert (raw["record_id"], raw["text"]) == ("7", "customer: Subject 7: The kettle burns.")
