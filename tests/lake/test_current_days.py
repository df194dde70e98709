"""The day files of `current/`, the index of their ids, and the months of one file that earlier versions wrote."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.lake.paths import Lake, open_lake
from include.lake.schemas import results_schema
from include.lake.whole_months import split_month
from tests.lake.publishing import current, join_months, publish, row
from tests.llm.asking import Answer
from tests.servers.s3 import S3Server

OCTOBER, NOVEMBER = "occurred_month=2026-10", "occurred_month=2026-11"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in a folder."""
    return open_lake(str(tmp_path))


def files(lake: Lake) -> dict[str, bytes]:
    """The files of `current/` by their path in it."""
    folder = Path(lake.root, "current/x")
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def test_a_record_lies_in_the_file_of_its_day_in_utc(lake: Lake) -> None:
    late = {**row("b", "late"), "occurred_at": datetime(2026, 11, 1, 23, 59, 59, 999_999, tzinfo=UTC)}
    publish(lake, row("a", "early"), late, row("c", "next", day=2), row("d", "old", month=10, day=31))
    assert list(files(lake)) == [
        f"{OCTOBER}/part-31.parquet",
        f"{NOVEMBER}/part-01.parquet",
        f"{NOVEMBER}/part-02.parquet",
    ]
    assert pd.read_parquet(lake.current_file("x", "2026-11-01"))["record_id"].tolist() == ["a", "b"]


def test_only_days_that_change_are_written(lake: Lake) -> None:
    publish(lake, row("a", "one"), row("b", "two", day=2), row("c", "three", day=3))
    before = files(lake)
    written = publish(lake, row("b", "newer", day=2, run_id="r2", hour=2))
    assert written == [lake.current_file("x", "2026-11-02")]
    changed = {name for name, content in files(lake).items() if before[name] != content}
    assert changed == {f"{NOVEMBER}/part-02.parquet"}


def test_a_record_that_moves_within_its_month_is_there_once(lake: Lake) -> None:
    publish(lake, row("a", "first"), row("b", "kept"))
    written = publish(lake, row("a", "second", day=9, run_id="r2", hour=2))
    # It comes before it goes.
    assert written == [lake.current_file("x", "2026-11-09"), lake.current_file("x", "2026-11-01")]
    assert current(lake) == {"a": "second", "b": "kept"}


def test_a_night_of_more_rows_than_are_read_at_once_is_whole_and_in_order(lake: Lake) -> None:
    publish(lake, *(row(f"{number:05d}", "old", day=1 + number % 3) for number in range(0, 3_000, 2)))
    # In another order than that of days and ids.
    newer = [row(f"{number:05d}", "new", day=1 + number % 3, run_id="r2", hour=2) for number in range(21_000, 0, -1)]
    publish(lake, *newer)
    read = current(lake)
    assert len(read) == 21_001
    assert {summary for record_id, summary in read.items() if record_id != "00000"} == {"new"}
    for day in (1, 2, 3):
        rows = pd.read_parquet(lake.current_file("x", f"2026-11-0{day}"))
        assert rows["record_id"].is_monotonic_increasing
        assert {int(record_id) % 3 for record_id in rows["record_id"]} == {day - 1}
    assert publish(lake, *newer) == []


def test_every_tool_reads_all_days_after_a_column_came_and_another_got_a_wider_type(lake: Lake) -> None:
    publish(lake, row("a", "october", month=10), row("b", "november"))
    wider = results_schema(Answer, [pa.field("attr_colour", pa.string()), pa.field("attr_rating", pa.float64())])
    publish(lake, {**row("c", "new", day=2, run_id="r2"), "attr_rating": 4.5, "attr_colour": "red"}, schema=wider)
    folder = f"{lake.root}/current/x"
    wanted = {"a": (5.0, None), "b": (5.0, None), "c": (4.5, "red")}

    def by_id(rows: list[dict[str, Any]]) -> dict[str, tuple[float, str | None]]:
        return {row["record_id"]: (row["attr_rating"], row["attr_colour"]) for row in rows}

    frame = pd.read_parquet(folder)
    assert frame["attr_rating"].dtype == "float64"
    assert by_id(frame.astype(object).where(frame.notna(), None).to_dict("records")) == wanted
    assert by_id(pl.read_parquet(folder).to_dicts()) == wanted
    relation = duckdb.sql(f"FROM read_parquet('{folder}/**/*.parquet', hive_partitioning=true)")
    assert by_id([dict(zip(relation.columns, values, strict=True)) for values in relation.fetchall()]) == wanted


def _without_notes(path: Path) -> None:
    pq.write_table(pa.table({"record_id": ["a"]}), path)


def _nothing(path: Path) -> None:
    pass


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    "trouble", [Path.unlink, _cut, _without_notes, _nothing], ids=("missing", "damaged", "other", "late")
)
def test_an_index_that_does_not_know_all_costs_no_record(lake: Lake, trouble: Callable[[Path], None]) -> None:
    publish(lake, row("a", "first"), row("b", "first", day=2))
    index = Path(lake.current_ids("x", "2026-11"))
    early = index.read_bytes()
    publish(lake, row("c", "second", run_id="r2", hour=2), row("a", "moved", day=2, run_id="r2", hour=2))
    # As a publish that was killed before its last step leaves it.
    index.write_bytes(early)
    trouble(index)
    publish(lake, row("a", "third", run_id="r3", hour=3), row("b", "third", day=3, run_id="r3", hour=3))
    assert current(lake) == {"a": "third", "b": "third", "c": "second"}


def test_a_month_of_one_file_becomes_day_files_when_it_is_touched(lake: Lake) -> None:
    published = [row(f"{month}-{day}", "old", month=month, day=day) for month in (10, 11) for day in range(1, 11)]
    publish(lake, *published)
    join_months(lake)
    one_file = files(lake)
    assert list(one_file) == [f"{OCTOBER}/part.parquet", f"{NOVEMBER}/part.parquet"]
    before = current(lake)
    publish(lake, row("11-3", "new", day=3, run_id="r2", hour=2), row("added", "new", day=30, run_id="r2", hour=2))
    assert current(lake) == {**before, "11-3": "new", "added": "new"}
    days = (*range(1, 11), 30)
    assert list(files(lake)) == [f"{OCTOBER}/part.parquet", *(f"{NOVEMBER}/part-{day:02d}.parquet" for day in days)]
    assert files(lake)[f"{OCTOBER}/part.parquet"] == one_file[f"{OCTOBER}/part.parquet"]
    # Only because a record leaves it.
    publish(lake, row("10-7", "moved", day=30, run_id="r3", hour=3))
    assert current(lake) == {**before, "11-3": "new", "added": "new", "10-7": "moved"}
    assert f"{OCTOBER}/part.parquet" not in files(lake)
    assert f"{OCTOBER}/part-07.parquet" not in files(lake)


def test_a_run_takes_rows_back_from_months_of_one_file(lake: Lake) -> None:
    publish(lake, row("a", "first", month=10), row("b", "first"))
    publish(lake, row("a", "second", run_id="r2", hour=2), row("b", "second", run_id="r2", hour=2))
    publish(lake, row("z", "other", month=10, day=2, run_id="r0"))
    join_months(lake)
    # Its row comes back in a month that the run itself does not touch.
    publish(lake, row("b", "second", run_id="r2", hour=2))
    assert current(lake) == {"a": "first", "b": "second", "z": "other"}
    assert list(files(lake)) == [
        f"{OCTOBER}/part-01.parquet",
        f"{OCTOBER}/part-02.parquet",
        f"{NOVEMBER}/part-01.parquet",
    ]


@pytest.mark.parametrize("in_place", [0, 1, 3])
def test_a_month_that_a_crash_has_left_half_split_is_whole_after_any_publish(lake: Lake, in_place: int) -> None:
    publish(lake, *(row(str(day), "old", month=10, day=day) for day in (1, 2, 3)))
    join_months(lake)
    whole = Path(lake.root, "current/x", OCTOBER, "part.parquet")
    content = whole.read_bytes()
    split_month(lake, "x", str(whole))
    for path in sorted(whole.parent.iterdir())[in_place:]:
        path.unlink()
    whole.write_bytes(content)
    publish(lake, row("a", "new", run_id="r2"))
    assert current(lake) == {"1": "old", "2": "old", "3": "old", "a": "new"}
    assert whole.exists() == (in_place == 0)


def test_while_a_month_is_split_no_record_is_missing(lake: Lake) -> None:
    publish(lake, *(row(str(day), "old", month=10, day=day) for day in range(1, 29)))
    join_months(lake)
    seen: list[set[str]] = []

    class Watched(type(lake.fs)):  # type: ignore[misc]
        """Looks at what a reader finds when the one file goes."""

        def rm_file(self, path: str) -> None:
            seen.append(set(pd.read_parquet(f"{lake.root}/current/x")["record_id"]))
            super().rm_file(path)
            seen.append(set(pd.read_parquet(f"{lake.root}/current/x")["record_id"]))

    split_month(Lake(Watched(), lake.root), "x", f"{lake.root}/current/x/{OCTOBER}/part.parquet")
    assert seen == [{str(day) for day in range(1, 29)}] * 2
    assert not any(Path(lake.root, "_staging").iterdir())


@pytest.fixture(scope="module")
def days_bucket(s3_server: S3Server) -> None:
    s3_server.file_system().mkdir("days")


@pytest.fixture
def bucket(days_bucket: None, s3_environ: dict[str, str], request: pytest.FixtureRequest) -> Lake:
    """A lake on object storage."""
    return open_lake(f"s3://days/{request.node.name}")


@pytest.mark.slow
def test_a_publish_beside_a_year_of_days_makes_few_requests(bucket: Lake) -> None:
    dates = pd.date_range("2026-01-01", periods=365, tz="UTC")
    publish(bucket, *({**row(str(at.date()), "old"), "occurred_at": at.to_pydatetime()} for at in dates))
    requests: list[str] = []

    def count(request: Any, **_: Any) -> None:
        requests.append(f"{request.method} {request.url}")

    bucket.fs.plain.s3.meta.events.register("before-send.s3", count)
    publish(bucket, *(row(f"n{day}", "new", day=day, run_id="r3") for day in (20, 21, 22)))
    assert len(requests) <= 60, "\n".join(requests)
    rows = pd.read_parquet(f"{bucket.root}/current/x", filesystem=bucket.fs.plain)
    assert len(rows) == rows["record_id"].nunique() == 365 + 3


@pytest.mark.slow
def test_a_month_of_one_file_on_object_storage_becomes_day_files(bucket: Lake, tmp_path: Path) -> None:
    local = open_lake(str(tmp_path / "local"))
    publish(local, *(row(str(day), "old", day=day) for day in range(1, 6)))
    join_months(local)
    bucket.fs.plain.put(f"{local.root}/current", f"{bucket.root}/current", recursive=True)
    publish(bucket, row("3", "new", day=3, run_id="r2", hour=2))
    found = bucket.fs.plain.find(f"{bucket.root}/current")
    assert [path.rpartition("/")[2] for path in sorted(found)] == [f"part-0{day}.parquet" for day in range(1, 6)]
    rows = pd.read_parquet(f"{bucket.root}/current/x", filesystem=bucket.fs.plain)
    assert dict(zip(rows["record_id"], rows["summary"], strict=True)) == {**dict.fromkeys("1245", "old"), "3": "new"}
    assert not [path for path in bucket.fs.find(bucket.root) if "_staging" in path and path.endswith(".parquet")]
