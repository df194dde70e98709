"""Runs are made in order and followed to their end, and the time left is told from the first line on.

Airflow is a server here that answers as its REST API does, in a time of its own.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pytest

from include.errors import ConfigurationError
from include.lake.paths import Lake, open_lake
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_bytes, write_table
from include.local.airflow_api import AirflowApi
from include.local.children import Children
from include.local.player import Player, Turn

STAGE_SECONDS = {
    "extract": 2.0,
    "plan": 2.0,
    "infer": 4.0,
    "validate": 2.0,
    "publish": 2.0,
    "watch": 2.0,
    "report": 2.0,
}
TEXTS = 8


@dataclass
class Airflow:
    """Airflow's REST API, https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html, and its runs.

    Args:
        lake: where its runs leave their progress, their row and their report.
        seconds: what each stage of a run takes.
        first_text_at: seconds of `infer` until the first text is done; the others follow evenly.
        fails: run ids whose `infer` fails, is tried again after ten seconds and fails for good.
        again: run ids that find everything answered.
        pace: how many seconds pass while one is slept.
        said: what the player said, and when.
    """

    lake: Lake
    seconds: dict[str, float] = field(default_factory=lambda: dict(STAGE_SECONDS))
    first_text_at: float = 1.0
    fails: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()
    pace: float = 1.0
    now: float = 0.0
    said: list[tuple[float, str]] = field(default_factory=list)
    begun: dict[str, float] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass, and the runs go on."""
        self.now += seconds * self.pace
        for turn in [*self.begun]:
            self._leave_files(turn)

    def say(self, line: str) -> None:
        """Hear a line."""
        self.said.append((self.now, line))

    @property
    def lines(self) -> list[str]:
        """What was said."""
        return [line for _, line in self.said]

    def left(self) -> list[tuple[float, float]]:
        """Of each line that tells the time left: what it tells, and what it is, in seconds."""
        ends_at = sum(self.seconds.values())
        told = [(at, re.search(r"\. (?:About (\d+) (s|min) more|Any moment now)$", line)) for at, line in self.said]
        return [(float(found[1] or 0) * (60 if found[2] == "min" else 1), ends_at - at) for at, found in told if found]

    def at(self, run_id: str) -> tuple[str | None, float]:
        """The stage that a run is at and for how long; None after its end."""
        left = self.now - self.begun[run_id]
        for stage, takes in self.seconds.items():
            if left < takes:
                return stage, left
            left -= takes
        return None, left

    def state(self, run_id: str) -> str:
        """State of a run."""
        stage, waited = self.at(run_id)
        if run_id in self.fails and (stage is None or self._tries(stage, waited) == ("failed", 2)):
            return "failed"
        return "success" if stage is None else "running"

    def tasks(self, run_id: str) -> list[dict[str, Any]]:
        """Its task instances."""
        stage, waited = self.at(run_id)
        done = [*self.seconds] if stage is None else [*self.seconds][: [*self.seconds].index(stage)]
        found = [_task(name, "success", 1) for name in done]
        if stage is not None:
            state, tries = self._tries(stage, waited) if run_id in self.fails else ("running", 1)
            found.append(_task(stage, state, tries))
        return found

    def _tries(self, stage: str, waited: float) -> tuple[str, int]:
        if stage != "infer":
            return "running", 1
        return ("up_for_retry", 1) if waited < 10 else ("failed", 2)

    def _leave_files(self, turn_id: str) -> None:
        pipeline, run_id = turn_id.split("/")
        stage, waited = self.at(turn_id)
        key = Turn(pipeline, run_id, "").run_key
        if stage == "infer" and turn_id not in self.fails:
            takes = self.seconds["infer"]
            late = max(0.0, waited - self.first_text_at) / max(takes - self.first_text_at, 0.001)
            done = 0 if waited < self.first_text_at else 1 + int(late * (TEXTS - 1))
            write_bytes(self.lake, self.lake.work(pipeline, key, "progress", "0.json"), _progress(done))
        if stage is None and turn_id not in self.fails:
            asked = 0 if turn_id in self.again else TEXTS
            row = {"run_id": run_id, "run_key": key, "pipeline": pipeline, "extracted": TEXTS, "published": asked}
            row |= {"quarantined": 0, "requests": asked, "skipped_by_reason": [("has_outcome", TEXTS - asked)]}
            table = pa.Table.from_pylist([{name: row.get(name) for name in RUNS_SCHEMA.names}], schema=RUNS_SCHEMA)
            write_table(self.lake, self.lake.run_file("runs", pipeline, date(2026, 11, 9), key), table)
            write_bytes(self.lake, self.lake.run_file("reports", pipeline, date(2026, 11, 9), key, ".html"), b"<html>")

    def answer(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One call."""
        url = urlsplit(target)
        parts = [unquote(part) for part in url.path.removeprefix("/api/v2/").split("/")]
        self.calls.append((method, "/".join(parts)))
        match method, parts:
            case "GET", ["", "auth", "token"]:
                return 200, {"access_token": "t"}
            case "GET", ["dags", name]:
                return 200, {"dag_id": name, "is_paused": True}
            case "PATCH", ["dags", name]:
                return 200, {"dag_id": name, "is_paused": body["is_paused"]}
            case "POST", ["dags", name, "dagRuns"]:
                assert body["logical_date"] is None
                self.begun[f"{name}/{body['dag_run_id']}"] = self.now
                return 200, {"dag_run_id": body["dag_run_id"], "state": "queued"}
            case "GET", ["dags", name, "dagRuns", run_id]:
                return 200, {"dag_run_id": run_id, "state": self.state(f"{name}/{run_id}")}
            case "GET", ["dags", name, "dagRuns", run_id, "taskInstances"]:
                found = self.tasks(f"{name}/{run_id}")
                return 200, {"task_instances": found, "total_entries": len(found)}
            case "GET", ["dags", _, "dagRuns", _, "taskInstances", task, "logs", tries]:
                assert parse_qs(url.query)["full_content"] == ["true"]
                said = {"exc_type": "RetryLater", "exc_value": f"{task} is away, try {tries}"}
                event = {"event": "Task failed", "level": "error", "error_detail": [said]}
                return 200, {"content": [event], "continuation_token": None}
            case "GET", [*_, "report", "xcomEntries", "return_value"]:
                return 200, {"key": "return_value", "value": {"subject": "Login up to 31 %"}}
        return 404, {"detail": "Not Found"}


def _task(name: str, state: str, tries: int) -> dict[str, Any]:
    return {"id": f"id-of-{name}", "task_id": name, "map_index": -1, "state": state, "try_number": tries}


def _progress(done: int) -> bytes:
    counts = {"total": TEXTS, "done": done, "failed": 0, "in_flight": TEXTS - done, "rate_60s": 0.5, "cost_usd": 0.0}
    quiet = {"rate_limited_60s": 0, "failures_60s": 0, "last_error": None, "updated_at": "2026-11-09T00:00:00Z"}
    return json.dumps(counts | quiet).encode()


@pytest.fixture
def airflow(tmp_path: Path) -> Airflow:
    """An Airflow with an empty lake."""
    return Airflow(open_lake(str(tmp_path / "lake")))


@pytest.fixture
def player(airflow: Airflow, tmp_path: Path) -> Iterator[Player]:
    """One that asks it."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = airflow.answer(self.command, self.path, json.loads(content or b"{}"))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        api = AirflowApi(f"http://127.0.0.1:{server.server_port}")
        children = Children(tmp_path / "logs")
        yield Player(api, airflow.lake, children, "http://ui", airflow.say, airflow.clock, airflow.sleep)
        server.shutdown()


def turns_of(*run_ids: str) -> list[list[Turn]]:
    """One queue."""
    return [turns("reviews", *run_ids)]


def turns(pipeline: str, *run_ids: str) -> list[Turn]:
    return [Turn(pipeline, run_id, f"{pipeline}, {run_id}") for run_id in run_ids]


@pytest.mark.parametrize("first_text_at", [50.0, 12.0, 6.0])
def test_the_time_left_is_told_from_the_usual_time_until_the_first_text_is_done(
    player: Player, airflow: Airflow, first_text_at: float
) -> None:
    """A small model answers its first texts late, or all of them at about the same time."""
    airflow.seconds["infer"], airflow.first_text_at = 50.0, first_text_at
    player.play(turns_of("trial"), 60.0)
    left = airflow.left()
    assert len(left) >= 5
    assert [(seconds, truly) for seconds, truly in left if abs(seconds - truly) >= 15] == []
    assert left[-1][0] < left[0][0] / 2


def test_of_many_texts_those_that_are_done_tell_the_time_left(player: Player, airflow: Airflow) -> None:
    """Twice as slow as usual: the texts say so long before the end."""
    airflow.seconds["infer"], airflow.first_text_at, airflow.pace = 400.0, 50.0, 5.0
    player.play(turns_of("all"), 200.0)
    halfway = [pair for pair in airflow.left() if pair[1] < 250]
    assert len(halfway) > 10
    assert [(seconds, truly) for seconds, truly in halfway if abs(seconds - truly) >= 100] == []


def test_each_queue_is_made_in_order_and_the_first_run_has_the_machine_alone(
    player: Player, airflow: Airflow, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared: list[tuple[str, int]] = []

    def noted(turn: Turn) -> Turn:
        return replace(turn, prepare=lambda: prepared.append((turn.label, len(airflow.begun))))

    queues = [[noted(turn) for turn in queue] for queue in (turns("reviews", "1", "2"), turns("tickets", "1"))]
    ended = player.play(queues, 20.0, first_alone=True)
    assert {turn.label: state for turn, state in ended.items()} == dict.fromkeys(
        ["reviews, 1", "reviews, 2", "tickets, 1"], "success"
    )
    # Each is prepared when those before it have been made, and is not made yet.
    assert prepared == [("reviews, 1", 0), ("reviews, 2", 1), ("tickets, 1", 2)]
    first, second, other = (airflow.begun[name] for name in ("reviews/1", "reviews/2", "tickets/1"))
    assert first + sum(STAGE_SECONDS.values()) <= min(second, other)
    assert abs(second - other) <= 1
    assert ("PATCH", "dags/reviews") in airflow.calls
    assert airflow.lines.count("reviews, 1: report is there. 8 answered. Login up to 31 %") == 1
    shown = capsys.readouterr().out
    assert re.search(r"file \S+/reports/reviews/run_date=2026-11-09/1-\w+\.html\n", shown)
    assert "tab  http://ui/dags/reviews/runs/1/plugin/nightshift-report" in shown


def test_a_run_that_fails_ends_its_queue_alone_and_each_try_s_error_is_said_once(
    player: Player, airflow: Airflow
) -> None:
    airflow.fails, airflow.seconds["infer"] = frozenset({"reviews/1"}), 12.0
    ended = player.play([turns("reviews", "1", "2"), turns("tickets", "1", "2")], 20.0)
    states = {turn.label: state for turn, state in ended.items()}
    assert states == {"reviews, 1": "failed", "tickets, 1": "success", "tickets, 2": "success"}
    assert "reviews/2" not in airflow.begun
    again = "reviews, 1: infer failed and will be tried again: RetryLater: infer is away, try 1"
    assert airflow.lines.count(again) == 1
    assert airflow.lines.count("reviews, 1: failed") == 1
    assert airflow.lines.count("reviews, 1: infer failed: RetryLater: infer is away, try 2") == 1


def test_a_run_that_asks_nothing_says_so(player: Player, airflow: Airflow) -> None:
    airflow.again = frozenset({"reviews/1"})
    player.play(turns_of("1"), 20.0)
    assert airflow.lines[-1] == "reviews, 1: report is there. 0 asked, all 8 skipped: already answered"


def test_a_run_that_never_ends_is_given_up(player: Player, airflow: Airflow) -> None:
    airflow.seconds["plan"], airflow.pace = float("inf"), 900.0
    with pytest.raises(ConfigurationError, match="did not end within 4 hours: see the UI"):
        player.play(turns_of("1"), 20.0)
