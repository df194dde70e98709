"""`lake.duckdb` and `lake.sql`: each table of the lake as a view that says what it holds."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from include.lake.paths import TABLES, Lake, open_lake
from include.lake.raw_records import raw_schema
from include.lake.schemas import CANARIES_SCHEMA, MEASURES_SCHEMA, QUARANTINE_SCHEMA, RUNS_SCHEMA
from include.lake.views import View, refresh_views
from include.lake.write import write_table
from include.stages.audit import AUDIT_SCHEMA
from tests.lake.publishing import SCHEMA, publish, row
from tests.servers.s3 import S3Server
from tests.themes.nights import Nights

DAY = date(2026, 11, 20)
SAID = {"x": {"mood": "How the customer's day is.", "summary": "In one sentence.", "quote": "Verbatim."}}
SCHEMAS = {
    "raw": raw_schema({"rating": int}),
    "quarantine": QUARANTINE_SCHEMA,
    "runs": RUNS_SCHEMA,
    "measures": MEASURES_SCHEMA,
    "audit": AUDIT_SCHEMA,
    "canaries": CANARIES_SCHEMA,
}


def write(lake: Lake, table: str, pipeline: str, schema: pa.Schema, day: date = DAY, **values: Any) -> None:
    """A file of a table with one row; what it needs and is not told is empty."""
    empty = {field.name: "" for field in schema if not field.nullable and field.type == pa.string()}
    empty |= {field.name: [] for field in schema if pa.types.is_list(field.type)}
    values = empty | {"pipeline": pipeline, "characters": 1, **values}
    write_table(lake, lake.run_file(table, pipeline, day, "r1"), pa.Table.from_pylist([values], schema=schema))


def fill(lake: Lake) -> None:
    """All tables, of pipeline `x`."""
    publish(lake, row("a", "one"), row("b", "two", day=2))
    for table, schema in SCHEMAS.items():
        if table != "raw":
            write(lake, table, "x", schema)
    moment = row("a", "")["occurred_at"]
    write(lake, "raw", "x", SCHEMAS["raw"], occurred_at=moment, changed_at=moment)


def ask(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    """What the database beside the lake answers."""
    with duckdb.connect(f"{lake.root}/lake.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def views(lake: Lake) -> set[str]:
    """Names of the views."""
    return {name for (name,) in ask(lake, "SHOW TABLES")}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake whose path is a pattern and ends a quotation for whoever does not look."""
    return open_lake(str(tmp_path / "the [old] lake's?"))


def test_every_table_is_a_view_and_every_column_says_what_it_holds(lake: Lake) -> None:
    fill(lake)
    refresh_views(lake, [], SAID)
    assert views(lake) == {"current_x", "results_x", "raw_x", *(SCHEMAS.keys() - {"raw"})}
    assert {name.partition("_")[0] for name in views(lake)} == {*TABLES, "current"}
    silent = "SELECT {} FROM {}() WHERE NOT internal AND coalesce(comment, '') = ''"
    assert ask(lake, silent.format("view_name", "duckdb_views")) == []
    assert ask(lake, silent.format("column_name", "duckdb_columns")) == []
    said = "SELECT comment FROM duckdb_columns() WHERE table_name = '{}' AND column_name = '{}'"
    assert ask(lake, said.format("results_x", "mood")) == [("How the customer's day is.",)]
    assert ask(lake, said.format("audit", "requests")) != ask(lake, said.format("runs", "requests"))
    counts = {name: ask(lake, f"SELECT count(*) FROM {name}")[0][0] for name in ("current_x", "results_x", "raw_x")}
    assert counts == {"current_x": 2, "results_x": 2, "raw_x": 1}
    assert ask(lake, "SELECT pipeline, run_date FROM measures") == [("x", DAY)]
    assert ask(lake, "SELECT pipeline, run_id FROM runs") == ask(lake, "SELECT pipeline, run_id FROM audit")


def test_a_lake_without_a_table_has_no_view_of_it_until_it_comes(lake: Lake) -> None:
    write(lake, "runs", "x", RUNS_SCHEMA)
    Path(lake.root, "quarantine/x").mkdir(parents=True)
    Path(lake.root, "raw/Not a pipeline; DROP/run_date=2026-11-20").mkdir(parents=True)
    refresh_views(lake, [], {})
    assert views(lake) == {"runs"}
    write(lake, "quarantine", "y", QUARANTINE_SCHEMA)
    write(lake, "runs", "y", RUNS_SCHEMA)
    refresh_views(lake, [], {})
    assert views(lake) == {"runs", "quarantine"}
    assert ask(lake, "SELECT pipeline FROM runs ORDER BY 1") == [("x",), ("y",)]


def test_files_of_the_version_before_have_nulls_where_they_lack_a_column(lake: Lake) -> None:
    fill(lake)
    older = pa.table({"run_id": ["r0"], "run_key": ["k"], "pipeline": ["x"], "cost_usd": pa.array([1], pa.int64())})
    write_table(lake, lake.run_file("runs", "x", date(2025, 1, 1), "r0"), older)
    lists = pa.table({"record_id": ["z"], "attr_rating": ["many"], "gone": [[{"topic": "t"}]]})
    write_table(lake, lake.run_file("results", "x", date(2025, 1, 1), "r0"), lists)
    refresh_views(lake, [], SAID)
    assert ask(lake, "SELECT cost_usd, purpose FROM runs WHERE run_id = 'r0'") == [(1.0, None)]
    assert ask(lake, "SELECT gone[1].topic FROM results_x WHERE record_id = 'z'") == [("t",)]
    assert ask(lake, "SELECT attr_rating FROM results_x ORDER BY record_id") == [("5",), ("5",), ("many",)]


def test_new_rows_and_columns_are_there_at_once_and_the_files_are_only_written_for_columns(lake: Lake) -> None:
    fill(lake)
    refresh_views(lake, [], SAID)
    files = [Path(lake.root, name) for name in ("lake.duckdb", "lake.sql")]
    before = [path.stat().st_ino for path in files]
    publish(lake, row("c", "three", run_id="r2"))
    refresh_views(lake, [], SAID)
    assert [path.stat().st_ino for path in files] == before
    with duckdb.connect(files[0], read_only=True) as reader:
        wider = SCHEMA.append(pa.field("attr_plan", pa.string()))
        publish(lake, {**row("d", "four", run_id="r3"), "attr_plan": "gold"}, schema=wider)
        plans = "SELECT attr_plan FROM current_x ORDER BY record_id"
        assert reader.execute(plans).fetchall() == [(None,), (None,), (None,), ("gold",)]
        refresh_views(lake, [], SAID)
        assert reader.execute(plans).fetchall()[3] == ("gold",), "who has it open is not disturbed"
    comment = "SELECT comment FROM duckdb_columns() WHERE table_name = 'current_x' AND column_name = 'attr_plan'"
    assert ask(lake, comment) == [("The source's own column.",)]
    files[0].unlink()
    refresh_views(lake, [], SAID)
    assert ask(lake, plans)[3] == ("gold",)


def test_a_damaged_file_of_long_ago_stops_no_view_from_being_made(lake: Lake) -> None:
    fill(lake)
    damaged = Path(lake.run_file("runs", "x", date(2025, 1, 1), "r0"))
    damaged.parent.mkdir()
    damaged.write_bytes(b"PAR1 and no more")
    refresh_views(lake, [], SAID)
    assert ask(lake, "SELECT count(*) FROM quarantine") == [(1,)]


def test_a_lake_that_was_moved_is_read_where_it_lies_now(lake: Lake, tmp_path: Path) -> None:
    fill(lake)
    refresh_views(lake, [], SAID)
    moved = shutil.move(lake.root, tmp_path / "mounted")
    with duckdb.connect(moved / "lake.duckdb", read_only=True) as connection:
        connection.execute(f"SET VARIABLE lake = '{moved}'")
        assert connection.execute("SELECT count(*) FROM current_x").fetchall() == [(2,)]


def test_themes_are_views_too_over_all_pipelines(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.tickets(1, ["The parcel is late.", "The parcel came late.", "The parcel is much too late."] * 3)
    nights.reviews(1, ["The app crashes at the start."] * 3, ["The app crashes when it starts."] * 4)
    refresh_views(nights.lake, [], {})
    assert {"themes", "theme_items", "theme_events"} <= views(nights.lake)
    silent = "SELECT column_name FROM duckdb_columns() WHERE table_name LIKE 'theme%' AND coalesce(comment, '') = ''"
    assert ask(nights.lake, silent) == []
    found = "SELECT DISTINCT i.pipeline, e.event FROM theme_items i JOIN themes t USING (theme_id) JOIN theme_events e "
    assert ("support_tickets", "created") in ask(nights.lake, f"{found} USING (theme_id)")
    assert ask(nights.lake, "SELECT count(*) FROM theme_items") == [(16,)]


def of(pipeline: str, *tables: str) -> list[View]:
    """What a run says that it has written."""
    return [View(table, pipeline, {"results": SCHEMA, "current": SCHEMA, **SCHEMAS}[table]) for table in tables]


@pytest.mark.usefixtures("s3_environ")
def test_a_lake_in_a_bucket_has_the_same_views_as_sql(s3_server: S3Server, tmp_path: Path) -> None:
    s3_server.file_system().mkdir("views")
    lake = open_lake("s3://views/lake")
    fill(lake)
    refresh_views(lake, of("y", "raw", "runs", "results"), SAID)
    refresh_views(lake, of("x", "current", "results", "raw", "quarantine", "runs", "measures", "audit"), SAID)
    assert lake.has("views/lake/lake.sql") and not lake.has("views/lake/lake.duckdb")
    sql = lake.fs.cat_file("views/lake/lake.sql").decode()
    assert "'s3://views/lake') || '/current/x/*/*.parquet'" in sql
    assert "VIEW results_y " in sql and sql.count("VIEW runs ") == 2, "that of the other pipeline stays"
    written = lake.fs.info("views/lake/lake.sql")["ETag"], lake.fs.plain.modified("views/lake/lake.sql")
    refresh_views(lake, of("x", "results", "runs"), SAID)
    assert (lake.fs.info("views/lake/lake.sql")["ETag"], lake.fs.plain.modified("views/lake/lake.sql")) == written
    copy = tmp_path / "copy"
    lake.fs.plain.get("views/lake", str(copy), recursive=True)
    for table in ("raw", "results"):
        shutil.copytree(copy / table / "x", copy / table / "y")
    with duckdb.connect() as connection:
        connection.execute(f"SET VARIABLE lake = '{copy}'")
        connection.execute(sql)
        assert connection.execute("SELECT summary FROM current_x ORDER BY 1").fetchall() == [("one",), ("two",)]
        assert connection.execute("SELECT pipeline FROM audit").fetchall() == [("x",)]
