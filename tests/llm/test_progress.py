"""What a running shard shows is true: of now, or of the last minute."""

import json
import logging
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from include.errors import RetryLater
from include.lake.paths import open_lake
from include.llm.progress import ProgressReporter, ShardProgress, earlier_attempts
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.llm.asking import answer_texts

TEXTS = [f"Review number {number}. It works." for number in range(30)]
CONTRACT = {
    *("attempt", "phase", "total", "done", "failed", "in_flight", "waiting_for_permit", "waiting_to_retry"),
    *("rate_60s", "rate_limited_60s", "failures_60s", "last_error", "paused_until", "cost_usd"),
    *("seconds_left_low", "seconds_left_high", "updated_at"),
}


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_a_server_that_answers_a_few_at_a_time_is_said_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    progress = ShardProgress(shard=3, total=2_000, in_flight=3, waiting_for_permit=61, at_a_time=1)
    reporter = ProgressReporter(open_lake(str(tmp_path)), f"{tmp_path}/progress.json", progress)
    reporter.finish("done")
    (line,) = caplog.messages
    assert "the server answers 1 at a time: 3 in flight" in line
    assert "rate limit" not in line


def test_rate_and_time_left_are_those_of_the_last_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock, progress = Clock(), ShardProgress(shard=3, total=2_000)
    reporter = ProgressReporter(open_lake(str(tmp_path)), f"{tmp_path}/progress.json", progress, clock=clock)
    reporter.log_line()
    assert "time left unknown" in caplog.text
    # A slow hour, then a quick minute.
    for clock.now in range(60, 3_601, 60):
        progress.done += 1
        reporter.log_line()
    for clock.now in range(3_601, 3_661):
        progress.done += 10
        reporter.log_line()
    assert progress.rate_60s == 10
    assert progress.seconds_left_low is not None
    assert progress.seconds_left_high is not None
    assert progress.seconds_left_low < (2_000 - 660) / 10 < progress.seconds_left_high
    assert progress.seconds_left_high - progress.seconds_left_low < 60
    # Nobody is answered any more: no figure is better than one that was true a while ago.
    for clock.now in range(3_661, 3_723):
        reporter.log_line()
    assert (progress.rate_60s, progress.seconds_left_low, progress.seconds_left_high) == (0, None, None)
    assert caplog.messages[-1].startswith("shard 3: 660 of 2000 done")
    assert "time left unknown" in caplog.messages[-1]
    assert len(caplog.messages) == 1 + 60 + 2 * 60 // 5


@pytest.mark.parametrize(("root", "seconds"), [("local", 2.0), ("memory://progress", 5.0)])
def test_the_file_is_replaced_every_two_seconds_and_on_object_storage_every_five(
    root: str, seconds: float, tmp_path: Path
) -> None:
    clock, progress = Clock(), ShardProgress(shard=0, total=10)
    lake = open_lake(str(tmp_path) if root == "local" else root)
    path = f"{lake.root}/_work/x/progress/0.json"
    reporter = ProgressReporter(lake, path, progress, clock=clock)
    reporter.write_file()
    assert set(json.loads(lake.fs.cat_file(path))) >= CONTRACT
    progress.done, clock.now = 5, seconds - 0.1
    reporter.write_file()
    assert json.loads(lake.fs.cat_file(path))["done"] == 0
    clock.now = seconds
    reporter.write_file()
    assert json.loads(lake.fs.cat_file(path))["done"] == 5
    reporter.finish("done")
    assert json.loads(lake.fs.cat_file(path))["phase"] == "done"
    assert earlier_attempts(lake, path) == 1
    assert earlier_attempts(lake, f"{path}.other") == 0


def test_a_file_that_cannot_be_written_is_said_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "_work").write_text("no folder")
    clock, progress = Clock(), ShardProgress(shard=0, total=10)
    reporter = ProgressReporter(open_lake(str(tmp_path)), f"{tmp_path}/_work/x/progress/0.json", progress, clock=clock)
    for clock.now in (0.0, 10.0, 20.0):
        reporter.write_file()
    reporter.finish("done")
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
    assert "progress of shard 0 cannot be shown" in caplog.text
    (tmp_path / "_work").unlink()
    clock.now = 30.0
    reporter.finish("done")
    assert json.loads((tmp_path / "_work/x/progress/0.json").read_bytes())["phase"] == "done"


@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        ("500", "failures_60s"),
        ("reset_before", "failures_60s"),
        pytest.param("429", "rate_limited_60s", marks=pytest.mark.slow),
    ],
)
def test_trouble_of_the_endpoint_is_shown_with_its_words(
    fault_server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str, counted: str
) -> None:
    caplog.set_level("INFO")
    fault_server.set_plan(Plan(rules=(Rule(fault=fault, calls=(11, 100_000)),)))
    with pytest.raises(RetryLater):
        answer_texts(fault_server, tmp_path, TEXTS, outage_seconds=1.0)
    shown = json.loads((tmp_path / "progress.json").read_bytes())
    assert (shown["phase"], shown["total"], shown["done"], shown["failed"]) == ("failed", 30, 10, 0)
    assert shown[counted] > 0
    assert shown["last_error"]
    assert shown["in_flight"] == shown["waiting_for_permit"] == shown["waiting_to_retry"] == 0
    assert datetime.fromisoformat(shown["updated_at"]).tzinfo is not None
    line = next(line for line in reversed(caplog.messages) if line.startswith("shard 0: "))
    assert "10 of 30 done (0 failed)" in line
    assert shown["last_error"] in line


@pytest.mark.slow
def test_what_is_in_flight_is_sent_and_not_answered(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(latency_seconds=2.5))
    asking = threading.Thread(target=answer_texts, args=(fault_server, tmp_path, TEXTS[:6]), kwargs={"in_flight": 3})
    asking.start()
    shown: list[tuple[int, str]] = []
    while asking.is_alive():
        time.sleep(0.05)
        if (tmp_path / "progress.json").exists():
            progress = json.loads((tmp_path / "progress.json").read_bytes())
            shown.append((progress["in_flight"], progress["phase"]))
    assert (3, "asking") in shown
    assert max(in_flight for in_flight, _ in shown) == 3
    assert shown[-1] == (0, "done")
