"""Pulls that break half-way, and pulls that are made twice."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.errors import RetryLater
from include.lake.paths import open_lake
from include.lake.raw_records import raw_schema
from include.lake.read import read_table
from include.sources.normalise import Normaliser
from include.sources.source import Window
from include.sources.web_api import MAX_ATTEMPTS
from include.stages.extract import extract_records
from include.stages.pull_spool import PullSpool
from include.stages.work_files import WorkFiles
from tests.servers.provider import Answer, Asked
from tests.servers.s3 import S3Server
from tests.stages.help_desk_scenario import DAY, HOUR, NIGHT, Office, office

__all__ = ["office"]

ROOT = Path(__file__).parents[2]


def test_a_source_that_fails_on_page_40_loses_nothing_and_is_not_asked_twice(office: Office) -> None:
    for number in range(450):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    office.desk.fail(Answer(500), times=MAX_ATTEMPTS, when=lambda asked: asked.query["page"] == "39")
    run = office.settle(NIGHT)
    with pytest.raises(RetryLater):
        office.extract(run)
    before = len(office.desk.asked)
    counts = office.extract(run)
    assert counts.extracted == 450
    assert [asked.query["page"] for asked in office.desk.asked[before:]] == [str(page) for page in range(39, 45)]


def test_a_try_that_was_given_up_and_goes_on_disturbs_no_other(office: Office) -> None:
    for number in range(25):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    work = WorkFiles(office.deployment.lake, office.settle(NIGHT))
    normaliser = Normaliser("support_tickets", {}, NIGHT)
    rows = [normaliser.record(row, row["id"]) for row in office.rows]
    given_up, retry = PullSpool(work), PullSpool(work)
    for tried, part in ((given_up, rows[:10]), (retry, rows[:20]), (given_up, rows[10:])):
        for row in part:
            tried.add(row, NIGHT)
        tried.commit({"page": 1}, None)
    (kept,) = retry.records(np.ones(20, dtype=np.bool_), raw_schema({}, retry.attributes))
    assert kept["record_id"].to_pylist() == [f"T-{number:03d}" for number in range(20)]


def test_a_pull_that_is_made_again_after_it_succeeded_begins_anew(office: Office) -> None:
    for number in range(25):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    run = office.settle(NIGHT)
    assert office.extract(run).extracted == 25
    assert office.extract(run).extracted == 25
    assert [asked.query["page"] for asked in office.desk.asked] == ["0", "1", "2"] * 2


def test_a_retry_asks_for_the_window_of_the_first_try(office: Office) -> None:
    for number in range(25):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    office.desk.fail(Answer(500), times=MAX_ATTEMPTS, when=lambda asked: asked.query["page"] == "1")
    end = NIGHT + 5 * DAY
    run = office.settle(end)
    with pytest.raises(RetryLater):
        office.extract(run)
    # An older night is published meanwhile: a run that began now would go back to its end.
    office.night(NIGHT)
    office.extract(run)
    asked_for = [window for window in office.source.asked_for if window.end == end]
    assert asked_for == [Window(end - 3 * DAY, end)] * 2


@pytest.mark.slow
def test_a_worker_that_is_killed_between_pages_loses_no_page_and_pulls_none_twice(office: Office) -> None:
    for number in range(450):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    started, workers = threading.Event(), list[subprocess.Popen[bytes]]()
    kill_at = {"17"}
    answer = office.desk.answer

    def killing(asked: Asked) -> Answer:
        started.wait()
        if asked.query["page"] in kill_at:
            kill_at.remove(asked.query["page"])
            os.kill(workers[-1].pid, signal.SIGKILL)
        return answer(asked)

    office.desk.answer = killing
    lake = office.deployment.lake.root
    for expected in (-signal.SIGKILL, 0):
        started.clear()
        command = [sys.executable, "-m", "tests.stages.extracting", lake, office.desk.base_url]
        workers.append(subprocess.Popen(command, cwd=ROOT))
        started.set()
        assert workers[-1].wait(timeout=120) == expected
    pages = [*range(18), *range(17, 45)]
    assert [asked.query["page"] for asked in office.desk.asked] == [str(page) for page in pages]
    raw = office.deployment.table("raw")
    assert sorted(raw["record_id"]) == [f"T-{number:03d}" for number in range(450)]


def test_a_lake_on_object_storage_keeps_the_pages_too(
    office: Office, s3_server: S3Server, s3_environ: dict[str, str]
) -> None:
    for number in range(25):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    office.desk.fail(Answer(500), times=MAX_ATTEMPTS, when=lambda asked: asked.query["page"] == "2")
    s3_server.file_system().mkdir("pulls")
    lake, run = open_lake("s3://pulls/lake"), office.settle(NIGHT)
    with pytest.raises(RetryLater):
        extract_records(lake, office.pipeline, run, {})
    assert extract_records(lake, office.pipeline, run, {}).extracted == 25
    assert [asked.query["page"] for asked in office.desk.asked] == ["0", "1", *["2"] * (MAX_ATTEMPTS + 1)]
    raw = read_table(lake, *lake.files("raw", "support_tickets"))
    assert raw["record_id"].to_pylist() == [f"T-{number:03d}" for number in range(25)]


@pytest.mark.parametrize("trigger", ["scheduled", "backfill"])
def test_what_a_run_pulled_before_it_keeps_when_the_source_has_it_no_more(office: Office, trigger: str) -> None:
    # A late arrival: the interval of the backfill does not reach so far, its lookback does.
    office.write("gone", NIGHT - DAY - HOUR)
    assert office.night(NIGHT, trigger) == {"gone"}
    office.rows.clear()
    office.write("new", NIGHT - HOUR)
    assert office.night(NIGHT, trigger) == {"gone", "new"}
    assert set(office.current()) == {"gone", "new"}


def test_the_same_window_pulled_twice_gives_the_same_records(office: Office, tmp_path: Path) -> None:
    for number in range(25):
        office.write(f"T-{number:03d}", NIGHT - timedelta(minutes=number + 1))
    office.extract(office.settle(NIGHT))
    once = versions(office)
    office.deployment.folder = tmp_path / "again"
    office.deployment.folder.mkdir()
    office.extract(office.settle(NIGHT))
    assert versions(office) == once
    assert len(once) == 25


def test_overlapping_windows_share_their_records(office: Office) -> None:
    for number in range(25):
        office.write(f"T-{number:03d}", NIGHT - timedelta(hours=number + 1))
    office.night(NIGHT)
    since, until = (NIGHT - 2 * DAY).isoformat(), (NIGHT - 5 * HOUR).isoformat()
    counts = office.extract(office.settle(NIGHT, trigger="manual", since=since, until=until))
    assert (counts.extracted, counts.outside_window, counts.unreadable, counts.skipped) == (
        20,
        5,
        0,
        {"has_outcome": 20},
    )
    assert len(versions(office)) == 25


def test_of_several_versions_in_one_pull_the_one_that_changed_last_is_taken(office: Office) -> None:
    old, new = (NIGHT - 5 * HOUR).isoformat(), (NIGHT - HOUR).isoformat()
    row = {"id": "T", "created_at": (NIGHT - DAY).isoformat()}
    office.rows += [{**row, "text": "New.", "updated_at": new}, {**row, "text": "Old.", "updated_at": old}]
    run = office.settle(NIGHT)
    counts = office.extract(run)
    assert (counts.extracted, counts.outside_window, counts.unreadable, counts.skipped) == (2, 0, 0, {"has_outcome": 1})
    assert office.deployment.table("raw")["text"].tolist() == ["New."]


def versions(office: Office) -> list[dict[str, Any]]:
    """What is in `raw/`: ids, versions and texts."""
    raw = office.deployment.table("raw").sort_values("record_id")
    rows: list[dict[str, Any]] = raw[["record_id", "record_version", "text", "occurred_at"]].to_dict("records")
    return rows
