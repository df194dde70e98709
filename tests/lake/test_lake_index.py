"""The index of a lake saves requests and never changes what is found."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from include.lake.lake_index import has_noted, run_rows, update_index
from include.lake.outcomes import Outcomes
from include.lake.paths import Lake, open_lake
from include.lake.raw_records import PULLED_ALL, PULLED_AT, RAW_FIELDS, read_index
from include.lake.row_hashes import row_hashes
from include.lake.schemas import QUARANTINE_SCHEMA, RUNS_SCHEMA
from include.lake.write import write_bytes, write_table
from include.report.runs_page import runs_page

NAME = "support_tickets"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Nights in two months, indexed."""
    lake = open_lake(str(tmp_path))
    for day in (date(2026, 10, 30), date(2026, 11, 1), date(2026, 11, 2)):
        night(lake, day, f"of {day}")
    update_index(lake, NAME)
    return lake


def night(lake: Lake, day: date, record_id: str, state: str = "success") -> str:
    """What a run of a day leaves: one record, pulled and published; the path of its row."""
    record = {"record_id": record_id, "record_version": "1", "source": "s", "text": "t", "occurred_at": NOON}
    notes = {PULLED_AT: NOON.isoformat().encode(), PULLED_ALL: b"yes"}
    raw = pa.Table.from_pylist([record], schema=pa.schema(RAW_FIELDS, metadata=notes))
    outcome = {**record, "stage": "infer", "error_type": "", "error_message": ""}
    row = {"run_id": f"run {day}", "run_key": "run", "pipeline": NAME, "state": state, "started_at": NOON}
    write_table(lake, lake.run_file("raw", NAME, day, "run"), raw)
    write_table(lake, lake.run_file("results", NAME, day, "run"), pa.Table.from_pylist([outcome], QUARANTINE_SCHEMA))
    path = lake.run_file("runs", NAME, day, "run")
    write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))
    return path


def known(lake: Lake, *ids: str) -> list[bool]:
    """Which records another run skips."""
    outcomes = Outcomes(lake, NAME, "another", "m", "v1", for_trial=False)
    found: list[bool] = outcomes.known(row_hashes(ids, ["1"] * len(ids)), "none").tolist()
    return found


def unreadable(lake: Lake, *tables: str) -> None:
    """Damage all files of some tables without a change of size and time."""
    for table in tables:
        for path, info in lake.listed(table, NAME).items():
            Path(path).write_bytes(b"x" * info["size"])
            os.utime(path, (info["mtime"], info["mtime"]))


def test_what_the_index_knows_is_read_from_it_alone(lake: Lake) -> None:
    unreadable(lake, "raw", "results", "quarantine", "runs")
    assert known(lake, "of 2026-10-30", "of 2026-11-02", "new") == [True, True, False]
    assert len(read_index(lake, NAME).ids) == 3
    runs = run_rows(lake, NAME)
    assert [row["run_id"] for row in runs.rows.values()] == ["run 2026-10-30", "run 2026-11-01", "run 2026-11-02"]
    assert all(has_noted(lake, path, row, PULLED_ALL) for path, row in runs.rows.items())
    assert not runs.older


def test_what_it_does_not_know_is_found_all_the_same_and_it_is_called_older(lake: Lake) -> None:
    path = night(lake, date(2026, 11, 3), "late")
    assert known(lake, "late", "of 2026-11-02") == [True, True]
    assert len(read_index(lake, NAME).ids) == 4
    runs = run_rows(lake, NAME)
    assert runs.older == {path} and has_noted(lake, path, runs.rows[path], PULLED_ALL)
    assert "The index of support_tickets is older than runs/ by 1 rows" in runs_page(lake, pipelines=[NAME])
    assert run_rows(lake, NAME).older
    update_index(lake, NAME)
    assert "is older than" not in runs_page(lake, pipelines=[NAME])
    unreadable(lake, "raw", "results", "runs")
    assert known(lake, "late") == [True] and len(read_index(lake, NAME).ids) == 4


def test_a_file_that_was_replaced_or_is_gone_counts_as_it_is(lake: Lake) -> None:
    night(lake, date(2026, 11, 2), "another", state="failed")
    first = lake.run_file("runs", NAME, date(2026, 10, 30), "run")
    for table in ("runs", "raw", "results"):
        lake.fs.rm_file(lake.beside(first, table))
    for _ in range(2):
        assert known(lake, "of 2026-10-30", "of 2026-11-02", "another") == [False, False, True]
        assert [row["state"] for row in run_rows(lake, NAME).rows.values()] == ["success", "failed"]
        update_index(lake, NAME)
    assert not run_rows(lake, NAME).older


def test_only_months_of_new_runs_are_written_anew(lake: Lake) -> None:
    folder = Path(lake.index(NAME))
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    update_index(lake, NAME)
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    night(lake, date(2026, 11, 3), "late")
    update_index(lake, NAME)
    changed = {path.name for path in folder.glob("*.parquet") if path.stat().st_mtime_ns != before[path.name]}
    assert changed == {"runs.parquet", "raw-2026-11.parquet", "outcomes-2026-11.parquet"}


@pytest.mark.parametrize("name", ["runs.parquet", "raw-2026-11.parquet", "outcomes-2026-11.parquet"])
def test_a_damaged_or_missing_file_of_it_is_read_past_and_made_anew(lake: Lake, name: str) -> None:
    path = f"{lake.index(NAME)}/{name}"
    for damage in (lambda: write_bytes(lake, path, b"no parquet"), lambda: lake.fs.rm_file(path)):
        damage()
        assert known(lake, "of 2026-11-02", "new") == [True, False]
        assert len(read_index(lake, NAME).ids) == 3
        assert len(run_rows(lake, NAME).rows) == 3
        update_index(lake, NAME)
        assert lake.fs.info(path)["size"] > 100
        assert not run_rows(lake, NAME).older


def test_the_index_of_the_version_before_is_removed(lake: Lake) -> None:
    old = f"{lake.index(NAME)}/run_date=2026-11-02/run.parquet"
    write_bytes(lake, old, b"12 bytes a row")
    night(lake, date(2026, 11, 3), "late")
    update_index(lake, NAME)
    assert not lake.fs.exists(old.rpartition("/")[0])


def test_a_lake_that_was_moved_keeps_its_index(lake: Lake, tmp_path: Path) -> None:
    moved = open_lake(str(Path(lake.root).rename(f"{tmp_path}-moved")))
    unreadable(moved, "raw", "results", "runs")
    assert known(moved, "of 2026-11-02") == [True]
