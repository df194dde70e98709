"""What dead runs have left goes when it is of no use any more, and not before."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.lake.effort import NO_EFFORT
from include.lake.lake_index import update_index
from include.lake.paths import Lake, open_lake
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.ledger import LedgerEntry, LedgerWriter
from include.stages.concurrent_runs import RUN_ID, nothing_else_runs
from include.stages.dead_work import remove_dead_work
from include.stages.manifests import Begun
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles
from tests.stages.running import Deployment

NAME = "support_tickets"


def key(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


@pytest.fixture
def night(tmp_path: Path) -> RunContext:
    """The run that publishes."""
    return Deployment(tmp_path, "http://127.0.0.1:9").settle("manual__night")


def leave(lake: Lake, run_id: str, *answered: str, run_key: str = "dead", **columns: Any) -> str:
    """What a run leaves that died after it had answered some texts; its folder."""
    with LedgerWriter(lake, lake.work(NAME, run_key, "ledger", "0000")) as ledger:
        for text in answered:
            ledger.append(LedgerEntry(key(text), {"notes": []}, NO_EFFORT, "", **columns))
        ledger.append(LedgerEntry(key("failed"), None, NO_EFFORT, "", error_type="refusal"))
    if run_id:
        lake.fs.pipe_file(lake.work(NAME, run_key, "begun.json"), f'{{"run_id": "{run_id}"}}'.encode())
    return lake.work(NAME, run_key)


def publish(lake: Lake, night: RunContext, *texts: str) -> None:
    """Answers of a night, in the index."""
    path = lake.run_file("runs", NAME, night.run_date, night.run_key)
    write_table(lake, lake.beside(path, "results"), pa.table({"answer_key": [key(text) for text in texts]}))
    row = {"run_id": night.run_id, "run_key": night.run_key, "pipeline": NAME}
    write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))
    update_index(lake, NAME)


def test_it_goes_once_all_its_answers_are_published(
    lake: Lake, night: RunContext, caplog: pytest.LogCaptureFixture
) -> None:
    folder = leave(lake, "manual__dead", "a", "b")
    publish(lake, night, "a")
    remove_dead_work(lake, night, nothing_else_runs)
    assert lake.fs.exists(folder)
    publish(lake, night, "a", "b", "c")
    with caplog.at_level("INFO"):
        remove_dead_work(lake, night, nothing_else_runs)
    assert not lake.fs.exists(folder)
    assert f"removed {folder} of a dead run, whose 2 answers are published" in caplog.text


def test_without_answers_it_goes_too(lake: Lake, night: RunContext) -> None:
    folder = leave(lake, "manual__dead")
    publish(lake, night)
    remove_dead_work(lake, night, nothing_else_runs)
    assert not lake.fs.exists(folder)


def test_a_step_goes_with_its_answer(lake: Lake, night: RunContext) -> None:
    folder = leave(lake, "manual__dead", "a step of b", is_notes=True, step_of=key("b"))
    publish(lake, night, "a")
    remove_dead_work(lake, night, nothing_else_runs)
    assert lake.fs.exists(folder)
    publish(lake, night, "b")
    remove_dead_work(lake, night, nothing_else_runs)
    assert not lake.fs.exists(folder)


@pytest.mark.parametrize("alive", ["manual__begun", "manual__planned"])
def test_of_a_run_that_lives_nothing_goes(lake: Lake, night: RunContext, alive: str) -> None:
    # Two runs of one window: one has planned, then the other has begun.
    folder = leave(lake, "manual__begun", "a")
    plan = pa.table({"answer_key": [key("a")]}).replace_schema_metadata({RUN_ID: b"manual__planned"})
    write_table(lake, f"{folder}/plan.parquet", plan)
    publish(lake, night, "a")
    remove_dead_work(lake, night, lambda run_id: run_id == alive)
    assert lake.fs.exists(folder)


def test_of_a_run_that_nobody_knows_nothing_goes(lake: Lake, night: RunContext) -> None:
    folder = leave(lake, "", "a")
    publish(lake, night, "a")
    remove_dead_work(lake, night, nothing_else_runs)
    assert lake.fs.exists(folder)


def test_answers_to_another_question_go_once_they_are_published(lake: Lake, night: RunContext) -> None:
    folder = leave(lake, "", "a", run_key="dead.other")
    publish(lake, night, "b")
    remove_dead_work(lake, night, nothing_else_runs)
    assert lake.fs.exists(folder)
    publish(lake, night, "a")
    remove_dead_work(lake, night, nothing_else_runs)
    assert not lake.fs.exists(folder)


def test_the_run_itself_is_left_alone_and_says_who_it_is(lake: Lake, night: RunContext) -> None:
    work = WorkFiles(lake, night)
    work.write(Begun(run_id=night.run_id))
    publish(lake, night)
    remove_dead_work(lake, night, nothing_else_runs)
    assert work.read(Begun).run_id == "manual__night"
