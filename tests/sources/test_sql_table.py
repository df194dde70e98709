"""Any SQL table, on a real Postgres."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError, RetryLater
from include.sources.files import normaliser_of
from include.sources.record import Record
from include.sources.source import SourceRow, Window
from include.sources.sql_table import SqlTable, bound
from tests.servers.postgres import postgres_uri

__all__ = ["postgres_uri"]

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


def test_a_window_is_asked_for_and_nothing_else(database: Any, table: SqlTable) -> None:
    for number, hours in enumerate((-25, -24, -1, 0)):
        insert(database, number, NIGHT + timedelta(hours=hours))
    rows = list(table.pull(Window(NIGHT - timedelta(days=1), NIGHT), None))
    assert [row.row["id"] for row in rows] == [1, 2]
    assert [row.changed_at for row in rows] == [NIGHT - timedelta(days=1), NIGHT - timedelta(hours=1)]


def test_rows_become_records_with_their_columns(database: Any, table: SqlTable) -> None:
    insert(database, 7, NIGHT - timedelta(hours=1))
    (row,) = table.pull(Window(None, NIGHT), None)
    record = normaliser_of("survey", {"score": float}, NIGHT).record(row.row, row.place)
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
