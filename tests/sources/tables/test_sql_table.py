"""Any SQL table, on a real Postgres."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include import sources
from include.errors import ConfigurationError, RetryLater
from include.sources.columns import ColumnMapping
from include.sources.normalise import Normaliser
from include.sources.record import Record
from include.sources.row import BadRow
from include.sources.source import SourceRow, Window
from include.sources.tables.sql_table import SqlTable, bound

NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)
QUERY = """
SELECT id, answer AS text, created_at, updated_at AS changed_at, score, 'half 100%' AS note
FROM survey WHERE updated_at >= :window_start AND updated_at < :window_end AND created_at::date > '2000-01-01'
ORDER BY id
"""


@pytest.fixture
def database(postgres_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AIRFLOW_CONN_SURVEY_DB", postgres_uri)
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection("survey_db").get_hook().get_conn()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE survey (id integer PRIMARY KEY, answer text, created_at timestamptz, updated_at timestamptz, "
            "score numeric)"
        )
        yield cursor
        cursor.execute("DROP TABLE IF EXISTS survey")
    connection.close()


@pytest.fixture
def table(tmp_path: Path) -> SqlTable:
    (tmp_path / "query.sql").write_text(QUERY)
    return SqlTable("survey_db", tmp_path / "query.sql")


def insert(cursor: Any, number: int, updated_at: datetime, answer: str = "Too slow. Fix it.") -> None:
    moment = updated_at - timedelta(days=3)
    cursor.execute("INSERT INTO survey VALUES (%s, %s, %s, %s, 4.5)", (number, answer, moment, updated_at))


def outcomes(table: SqlTable) -> list[str]:
    """Of each row its record id, or why it is none."""
    normaliser = Normaliser("survey", {}, NIGHT)
    made = [normaliser.record(row.row, row.place) for row in table.pull(Window(None, NIGHT), None)]
    return [getattr(row, "error_type", row.record_id) for row in made]


def test_a_window_is_asked_for_and_nothing_else(database: Any, table: SqlTable) -> None:
    for number, hours in enumerate((-25, -24, -1, 0)):
        insert(database, number, NIGHT + timedelta(hours=hours))
    rows = list(table.pull(Window(NIGHT - timedelta(days=1), NIGHT), None))
    assert [row.row["id"] for row in rows] == [1, 2]
    assert [row.changed_at for row in rows] == [NIGHT - timedelta(days=1), NIGHT - timedelta(hours=1)]


def test_rows_become_records_with_their_columns(database: Any, table: SqlTable) -> None:
    insert(database, 7, NIGHT - timedelta(hours=1))
    (row,) = table.pull(Window(None, NIGHT), None)
    record = Normaliser("survey", {"score": float}, NIGHT).record(row.row, row.place)
    assert isinstance(record, Record)
    assert (record.record_id, record.text) == ("7", "Too slow. Fix it.")
    assert record.occurred_at == NIGHT - timedelta(hours=1, days=3)
    assert record.attributes == {"score": 4.5, "note": "half 100%"}


def test_a_hundred_thousand_rows_come_a_thousand_at_a_time(database: Any, table: SqlTable) -> None:
    database.execute(
        "INSERT INTO survey SELECT n, 'Answer ' || n, now(), %s, 1 FROM generate_series(1, 100000) AS n",
        (NIGHT - timedelta(hours=1),),
    )
    rows = table.pull(Window(None, NIGHT), None)
    assert isinstance(next(rows), SourceRow)
    assert sum(1 for _ in rows) == 99_999


def test_a_value_of_the_window_never_becomes_sql() -> None:
    query, parameters = bound("SELECT 1 WHERE a >= :window_start AND b::date < :window_end", "%s", Window(None, NIGHT))
    assert query == "SELECT 1 WHERE a >= %s AND b::date < %s"
    assert parameters == [datetime(1970, 1, 1, tzinfo=UTC), NIGHT]


def test_a_query_without_a_window_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="window_start"):
        bound("SELECT * FROM survey", "%s", Window(None, NIGHT))


@pytest.mark.parametrize(
    "elsewhere",
    [
        "-- from :window_start on, it's so\n",
        "/* from :window_start\n on */ ",
        "':window_start' AS note, ",
        "'it''s :window_start' AS note, ",
        "E'it\\'s :window_start' AS note, ",
        "$$from :window_start$$ AS note, ",
        "$q$ $$ :window_start$q$ AS note, ",
        'note AS ":window_start", ',
        "`:window_start`, ",
        "x::window_start, ",
    ],
)
def test_only_a_parameter_is_one(elsewhere: str) -> None:
    query, parameters = bound(f"SELECT {elsewhere}id WHERE a >= :window_start", "?", Window(NIGHT, NIGHT))
    assert query == f"SELECT {elsewhere}id WHERE a >= ?"
    assert parameters == [NIGHT]
    with pytest.raises(ConfigurationError, match="window_start"):
        bound(f"SELECT {elsewhere}id", "?", Window(NIGHT, NIGHT))


def test_a_query_with_comments_and_texts_of_any_kind_runs(database: Any, table: SqlTable) -> None:
    insert(database, 7, NIGHT - timedelta(hours=1))
    table.query_path.write_text(
        "-- What :window_start means: 100% of it's rows.\n"
        "SELECT id, answer AS text, '50% of :window_end' AS share FROM survey /* :window_end? */\n"
        "WHERE updated_at >= :window_start - interval '1 day' AND updated_at < :window_end AND answer LIKE '%low%';\n"
    )
    (row,) = table.pull(Window(NIGHT - timedelta(days=1), NIGHT), None)
    assert row.row == {"id": 7, "text": "Too slow. Fix it.", "share": "50% of :window_end"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("id, answer AS text, score AS id", "two columns 'id'"),
        ("answer AS text", "no column 'id', only text"),
        ("id, answer", "no column 'text', only id, answer"),
    ],
)
def test_columns_that_cannot_be_a_record_are_said_before_rows_fill_the_quarantine(
    columns: str, said: str, database: Any, table: SqlTable
) -> None:
    insert(database, 7, NIGHT - timedelta(hours=1))
    table.query_path.write_text(f"SELECT {columns} FROM survey WHERE updated_at >= :window_start")
    with pytest.raises(ConfigurationError, match=rf"query\.sql gives {said}.* AS"):
        list(table.pull(Window(None, NIGHT), None))


def test_columns_may_be_written_in_capitals(database: Any, table: SqlTable) -> None:
    insert(database, 7, NIGHT - timedelta(hours=1))
    table.query_path.write_text(
        'SELECT id AS "ID", answer AS "TEXT", updated_at AS "CHANGED_AT" FROM survey WHERE updated_at >= :window_start'
    )
    (row,) = table.pull(Window(None, NIGHT), None)
    assert row.row == {"id": 7, "text": "Too slow. Fix it."}
    assert row.changed_at == NIGHT - timedelta(hours=1)


@pytest.mark.parametrize(
    "moment", ["updated_at::text", "extract(epoch FROM updated_at)", "updated_at AT TIME ZONE 'UTC'"]
)
def test_a_change_is_understood_in_every_form_of_a_time(moment: str, database: Any, table: SqlTable) -> None:
    """Else an edit of an old text would be taken for one of long ago, and left out."""
    insert(database, 7, NIGHT - timedelta(hours=1))
    table.query_path.write_text(
        f"SELECT id, answer AS text, created_at, {moment} AS changed_at FROM survey WHERE updated_at >= :window_start"
    )
    (row,) = table.pull(Window(NIGHT - timedelta(days=1), NIGHT), None)
    assert row.changed_at == NIGHT - timedelta(hours=1)


def test_times_without_a_zone_are_utc_whatever_zone_the_server_has(database: Any, table: SqlTable) -> None:
    for number, hours in enumerate((-25, -24, -1, 0)):
        insert(database, number, NIGHT + timedelta(hours=hours))
    database.execute("ALTER TABLE survey ALTER COLUMN updated_at TYPE timestamp USING updated_at AT TIME ZONE 'UTC'")
    database.execute("ALTER DATABASE postgres SET timezone TO 'Asia/Tokyo'")
    try:
        rows = list(table.pull(Window(NIGHT - timedelta(days=1), NIGHT), None))
    finally:
        database.execute("ALTER DATABASE postgres RESET timezone")
    assert [row.row["id"] for row in rows] == [1, 2]
    assert [row.changed_at for row in rows] == [NIGHT - timedelta(days=1), NIGHT - timedelta(hours=1)]


@pytest.mark.parametrize(
    "moment",
    [
        "'infinity'::timestamptz",
        "'-infinity'::date",
        "'20000-01-01'::timestamp",
        "'0044-03-15 BC'::date",
        "'24:00'::time",
    ],
)
def test_a_time_that_python_does_not_have_costs_its_own_row_only(moment: str, database: Any, table: SqlTable) -> None:
    for number in range(3):
        insert(database, number, NIGHT - timedelta(hours=1))
    table.query_path.write_text(
        f"SELECT id, answer AS text, CASE id WHEN 1 THEN {moment} END AS created_at "
        "FROM survey WHERE updated_at >= :window_start ORDER BY id"
    )
    assert outcomes(table) == ["0", "bad_timestamp", "2"]


@pytest.mark.parametrize("value", ["repeat('[', 2000) || repeat(']', 2000)", "repeat('9', 5000)"])
def test_json_that_python_cannot_hold_costs_its_own_value_only(value: str, database: Any, table: SqlTable) -> None:
    insert(database, 1, NIGHT - timedelta(hours=1))
    table.query_path.write_text(
        f"SELECT id, answer AS text, ({value})::jsonb AS labels FROM survey WHERE updated_at >= :window_start"
    )
    (row,) = table.pull(Window(None, NIGHT), None)
    assert row.row == {"id": 1, "text": "Too slow. Fix it.", "labels": None}


def test_rows_without_an_id_or_a_text_cost_themselves_only(database: Any, table: SqlTable) -> None:
    for number in range(5):
        insert(database, number, NIGHT - timedelta(hours=1), f"Answer {number}.")
    table.query_path.write_text(
        "SELECT CASE WHEN id NOT IN (1, 2) THEN id END AS id, CASE WHEN id <> 3 THEN answer END AS text "
        "FROM survey WHERE updated_at >= :window_start ORDER BY survey.id"
    )
    assert outcomes(table) == ["0", "missing_id", "missing_id", "empty_text", "4"]
    places = [row.place for row in table.pull(Window(None, NIGHT), None)]
    assert len(set(places)) == 5
    assert places == [row.place for row in table.pull(Window(None, NIGHT), None)]


def test_bytes_are_text_where_they_can_be(database: Any, table: SqlTable) -> None:
    insert(database, 1, NIGHT - timedelta(hours=1))
    insert(database, 2, NIGHT - timedelta(hours=1))
    table.query_path.write_text(
        "SELECT id, CASE id WHEN 1 THEN convert_to(answer, 'UTF8') ELSE '\\xff00'::bytea END AS text, "
        "'\\x00ff'::bytea AS digest, 'vip'::bytea AS label "
        "FROM survey WHERE updated_at >= :window_start ORDER BY id"
    )
    first, second = table.pull(Window(None, NIGHT), None)
    assert first.row == {"id": 1, "text": "Too slow. Fix it.", "digest": "00ff", "label": "vip"}
    assert isinstance(second.row, BadRow)
    assert second.row.error_type == "invalid_utf8"


def test_personal_data_in_columns_of_any_type_is_redacted(database: Any, table: SqlTable) -> None:
    insert(database, 1, NIGHT - timedelta(hours=1))
    table.query_path.write_text(
        "SELECT id, answer AS text, ARRAY['192.168.10.25'::inet] AS addresses, '192.168.10.25'::inet AS address, "
        "ARRAY[447911123456::numeric] AS phones, 447911123456::float8 AS phone, "
        """'{"mail": ["jo@example.com", 5, null]}'::jsonb AS labels """
        "FROM survey WHERE updated_at >= :window_start"
    )
    (row,) = table.pull(Window(None, NIGHT), None)
    record = Normaliser("survey", {}, NIGHT).record(row.row, row.place)
    assert isinstance(record, Record)
    assert record.attributes == {
        "addresses": '["<IP_1>"]',
        "address": "<IP_1>",
        "phones": '["<PHONE_1>"]',
        "phone": "<PHONE_1>",
        "labels": '{"mail":["<EMAIL_1>",5,null]}',
    }


def test_a_missing_connection_says_what_to_make(table: SqlTable) -> None:
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_SURVEY_DB"):
        list(table.pull(Window(None, NIGHT), None))


def test_a_wrong_query_names_its_file(database: Any, table: SqlTable) -> None:
    table.query_path.write_text("SELECT nothing FROM nowhere WHERE a > :window_start")
    with pytest.raises(ConfigurationError, match=r"query\.sql"):
        list(table.pull(Window(None, NIGHT), None))


def test_a_database_that_is_away_is_asked_again_later(table: SqlTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SURVEY_DB", "postgres://postgres@127.0.0.1:1/postgres")
    with pytest.raises(RetryLater, match="survey_db"):
        list(table.pull(Window(None, NIGHT), None))


def test_a_refused_login_says_to_check_the_connection(
    postgres_uri: str, table: SqlTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SURVEY_DB", postgres_uri.replace("postgres@", "nobody@"))
    with pytest.raises(ConfigurationError, match=r"survey_db refuses.*Check the connection"):
        list(table.pull(Window(None, NIGHT), None))


def test_a_connection_of_another_kind_is_refused(table: SqlTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SURVEY_DB", "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="no SQL database"):
        list(table.pull(Window(None, NIGHT), None))


def test_the_server_keeps_what_is_not_fetched_yet(database: Any, table: SqlTable) -> None:
    database.execute(
        "INSERT INTO survey SELECT n, 'Answer ' || n, now(), %s, 1 FROM generate_series(1, 5000) AS n",
        (NIGHT - timedelta(hours=1),),
    )
    rows = table.pull(Window(None, NIGHT), None)
    next(rows)
    database.execute("SELECT query FROM pg_stat_activity WHERE query LIKE 'FETCH%' AND state = 'idle in transaction'")
    (fetched,) = database.fetchall()
    assert "1000" in fetched[0]
    assert "nightshift" in fetched[0]


def test_an_error_about_a_value_does_not_repeat_it(database: Any, table: SqlTable) -> None:
    insert(database, 1, NIGHT - timedelta(hours=1), "My card is 4111.")
    table.query_path.write_text("SELECT id, answer::integer AS text FROM survey WHERE updated_at >= :window_start")
    with pytest.raises(ConfigurationError, match=r"query\.sql cannot convert") as refused:
        list(table.pull(Window(None, NIGHT), None))
    assert "4111" not in str(refused.value)


def test_a_query_s_columns_may_have_other_names(database: Any, table: SqlTable) -> None:
    insert(database, 7, NIGHT - timedelta(hours=1))
    query = "SELECT id AS no, answer, updated_at AS touched, score FROM survey WHERE updated_at >= :window_start"
    table.query_path.write_text(query)
    mapping = ColumnMapping.of("NIGHTSHIFT_COLUMNS_SURVEY", "id=No,text=Answer,changed_at=touched")
    (row,) = replace(table, mapping=mapping).pull(Window(None, NIGHT), None)
    record = Normaliser("survey", {"score": float}, NIGHT).record(row.row, row.place)
    assert isinstance(record, Record)
    assert (record.record_id, record.text, record.attributes) == ("7", "Too slow. Fix it.", {"score": 4.5})
    assert row.changed_at == NIGHT - timedelta(hours=1)
    wrong = ColumnMapping.of("NIGHTSHIFT_COLUMNS_SURVEY", "id=number,text=answer")
    with pytest.raises(ConfigurationError, match=r"names 'number', and the query .* It has: no, answer"):
        list(replace(table, mapping=wrong).pull(Window(None, NIGHT), None))


def test_what_dlt_loads_is_read_by_the_query_of_the_readme(database: Any, tmp_path: Path) -> None:
    """Tables as dlt 1.31 makes them on Postgres; a load that is not done has no row in `_dlt_loads`."""
    (query,) = re.findall(r"```sql\n(.*?)```", (Path(sources.__path__[0]) / "README.md").read_text(), re.DOTALL)
    (tmp_path / "query.sql").write_text(query)
    database.execute(
        """
        CREATE SCHEMA desk;
        CREATE TABLE desk._dlt_loads (load_id varchar, schema_name varchar, status bigint, inserted_at timestamptz);
        CREATE TABLE desk.tickets (id bigint, subject varchar, description varchar, created_at timestamptz,
            _dlt_load_id varchar, _dlt_id varchar);
        CREATE TABLE desk.tickets__comments (author varchar, body varchar, _dlt_parent_id varchar,
            _dlt_list_idx bigint);
        INSERT INTO desk.tickets SELECT n, 'Lamp', CASE WHEN n > 1 THEN 'It hums' END, '2026-10-20T03:00Z',
            'load ' || n, 'row ' || n FROM generate_series(1, 4) AS n;
        INSERT INTO desk.tickets__comments
            VALUES ('agent', 'Which one?', 'row 2', 1), ('customer', 'It hums', 'row 2', 0);
        """
    )
    try:
        for number, hours in ((1, 1), (2, 2), (3, 0)):
            load = (f"load {number}", NIGHT - timedelta(hours=hours))
            database.execute("INSERT INTO desk._dlt_loads VALUES (%s, 'desk', 0, %s)", load)
        rows = list(SqlTable("survey_db", tmp_path / "query.sql").pull(Window(NIGHT - timedelta(days=1), NIGHT), None))
    finally:
        database.execute("DROP SCHEMA desk CASCADE")
    records = [Normaliser("desk", {}, NIGHT).record(row.row, row.place) for row in rows]
    texts = {record.record_id: record.text for record in records if isinstance(record, Record)}
    assert texts == {"1": "Lamp", "2": "customer: It hums\nagent: Which one?"}
    assert {row.changed_at for row in rows} == {NIGHT - timedelta(hours=hours) for hours in (1, 2)}
