"""The recorded weeks as `make run` plays them: each Monday's run takes what is new, and a lake is asked once."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError
from include.llm.endpoint import Endpoint
from include.local.choice import Choice, check_lake
from include.local.closing_words import closing_words
from include.local.lake_query import answer_of
from include.local.player import Turn
from include.local.recorded_server import RecordedServer, load_answers
from include.local.summary import summary_table
from include.local.weeks import RECORDED, Week, weeks_of, weeks_to_play
from include.settings import source_setting
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment

REVIEWS = "app_store_reviews"


class Playing(Deployment):
    """A deployment that plays recorded weeks, with what was left to play before each run and the run's row."""

    def __init__(self, folder: Path, base_url: str, pipeline: str) -> None:
        super().__init__(folder, base_url, pipeline)
        self.played: list[tuple[list[Week], dict[str, Any]]] = []

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.base_url, None, is_demo=False, is_recorded=True)

    @property
    def environ(self) -> dict[str, str]:
        return {source_setting(REVIEWS): str(self.folder / "inbox" / REVIEWS)}

    def settle(self, run_id: str = "manual__1", trigger: str = "manual", environ: Any = None, **form: Any) -> Any:
        return super().settle(run_id, trigger, {"NIGHTSHIFT_RECORDED_URL": self.base_url}, **form)

    def play(self, week: Week, run_id: str) -> dict[str, Any]:
        """What `make run` does for one week, without Airflow."""
        week.arrive(self.folder / "inbox")
        return self.run(run_id, **week.form)


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playing]:
    """The reviews' weeks, each played once, then the last one again."""
    folder = tmp_path_factory.mktemp("playing")
    with RecordedServer(0, load_answers(), sleep=lambda _: None) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        playing = Playing(folder, f"http://127.0.0.1:{server.server_port}/v1", REVIEWS)
        for run in ("week-1__now", "week-2__now", "week-3__now", "week-3__again"):
            left = weeks_to_play(playing.lake, REVIEWS)
            playing.played.append((left, playing.play(left[0], f"recorded__{run}")))
        yield playing
        server.shutdown()


def test_each_week_takes_its_own_file_the_late_review_and_the_edited_one_and_asks_about_nothing_twice(
    playing: Playing,
) -> None:
    for number, (left, row) in enumerate(playing.played[:3], 1):
        assert [week.number for week in left] == list(range(number, 4))
        assert row["published"] + row["quarantined"] == 24
        assert (row["skipped"], row["model"], row["purpose"]) == (24 * (number - 1), "recorded-answers", "night")
        assert (row["window_start"], row["window_end"]) == (None, Week(REVIEWS, number).end)
    results = playing.table("results").merge(playing.table("runs")[["run_id", "window_end"]], on="run_id")
    late = results[results["occurred_at"] < results["window_end"] - (Week(REVIEWS, 2).end - Week(REVIEWS, 1).end)]
    assert {run for run in late["run_id"] if "week-2" in run}, "a review of week 1 that came with week 2"
    versions = results.groupby("record_id")["run_id"].apply(list)
    assert [["week-2" in first, "week-3" in second] for first, second in versions[versions.str.len() == 2]] == [
        [True, True]
    ], "a review that was edited in week 3"
    left, again = playing.played[3]
    assert [week.number for week in left] == [3]
    assert (again["requests"], again["skipped"]) == (0, again["extracted"])


@pytest.mark.slow
def test_the_last_words_are_a_query_and_three_commands(playing: Playing) -> None:
    said = closing_words(playing.lake, Choice([REVIEWS], "recorded", {}))
    weeks = [line for line in said.splitlines() if "2026-11-02" in line and "2026-11-09" in line]
    assert weeks
    assert any(line.split("│")[1].strip() == "login" for line in said.splitlines() if line.startswith("│"))
    assert "make run PIPELINES=support_tickets FILE=tickets.csv DRY=1" in said
    assert "OPENAI_API_KEY=" in said and re.search(
        r"a thousand texts like these cost about 0\.\d+ USD to 0\.\d+ USD", said
    )
    assert "OPENAI_BASE_URL=http://127.0.0.1:11434/v1" in said
    turn = Turn(REVIEWS, "recorded__week-2__now", "reviews, week 2")
    assert "reviews, week 2  recorded-answers  success" in summary_table(
        playing.lake, [(turn.label, turn.pipeline, turn.run_key)]
    )


def test_a_query_that_fails_does_not_fail_the_run(tmp_path: Path) -> None:
    assert "DuckDB cannot answer it" in answer_of(f"SELECT 1 FROM '{tmp_path}/nothing.parquet'")


def test_recorded_answers_and_those_of_a_model_are_not_mixed_in_silence(
    playing: Playing, tmp_path: Path, fault_server: FaultServer
) -> None:
    endpoint = Choice([REVIEWS], "endpoint", {})
    said = check_lake(playing.lake, endpoint)
    assert said is not None and "NIGHTSHIFT_LAKE" in said
    assert check_lake(playing.lake, replace(endpoint, answers="recorded")) is None
    own = Deployment(tmp_path, fault_server.base_url, REVIEWS)
    own.write_source([{"id": "1", "text": "It crashes. Every day.", "created_at": "2026-11-20T08:00:00Z"}])
    own.run()
    assert check_lake(own.lake, endpoint) is None
    with pytest.raises(ConfigurationError, match=r"gpt-6-luna.*OPENAI_API_KEY.*NIGHTSHIFT_LAKE"):
        check_lake(own.lake, replace(endpoint, answers="recorded"))


def test_a_week_finds_its_own_folder_with_the_files_up_to_it(tmp_path: Path) -> None:
    for number in (3, 2):
        Week(REVIEWS, number).arrive(tmp_path)
        names = sorted(path.name for path in (tmp_path / REVIEWS).iterdir())
        assert names == [f"week-{one}.jsonl" for one in range(1, number + 1)]
    assert [week.file for week in weeks_of(REVIEWS)] == sorted((RECORDED / REVIEWS).glob("week-*.jsonl"))
    assert weeks_of("survey_answers") == []
