"""Survey answers out of a real Postgres, by the pipeline's own query."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.pipelines.registry import load_pipeline
from include.pipelines.survey_answers.source import QUERY, source
from include.sources.source import SourceRow, Window
from include.sources.tables.sql_table import SqlTable
from tests.fault_server.running import FaultServer
from tests.stages.running import NOW, Deployment

SETTING = {"SURVEY_ANSWERS_CONNECTION": "survey_db"}
NIGHT = Window(NOW - timedelta(days=1), NOW)


class Survey:
    """The two tables that the query reads."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor

    def fill_in(self, number: int, answer: str | None, at: datetime) -> None:
        """A guest answers one question in words."""
        self.cursor.execute("INSERT INTO survey_forms VALUES (%s, 7, 'GB', 'family', 'Oakmere Bay')", (number,))
        self.cursor.execute(
            "INSERT INTO survey_answers VALUES (%s, %s, 'What could we do better?', %s, %s, %s)",
            (number, number, answer, at, at),
        )

    def change(self, number: int, answer: str, at: datetime) -> None:
        """The guest thinks again."""
        self.cursor.execute(
            "UPDATE survey_answers SET answer = %s, updated_at = %s WHERE id = %s", (answer, at, number)
        )


@pytest.fixture
def survey(postgres_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Survey]:
    """Empty tables behind the Airflow connection `survey_db`."""
    from airflow.sdk import BaseHook

    monkeypatch.setenv("AIRFLOW_CONN_SURVEY_DB", postgres_uri)
    connection = BaseHook.get_connection("survey_db").get_hook().get_conn()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE survey_forms (id integer, score integer, country text, trip text, house text)")
        cursor.execute(
            "CREATE TABLE survey_answers (id integer, form_id integer, question text, answer text, "
            "submitted_at timestamptz, updated_at timestamptz)"
        )
        yield Survey(cursor)
        cursor.execute("DROP TABLE survey_forms, survey_answers")
    connection.close()


def pulled(window: Window) -> list[SourceRow]:
    made = source(SETTING)
    assert made is not None
    return [item for item in made.pull(window, None) if isinstance(item, SourceRow)]


def test_a_table_is_read_where_its_connection_is_named() -> None:
    assert source({}) is None
    assert source(SETTING) == SqlTable("survey_db", QUERY)


def test_a_night_gives_its_answers_and_leaves_out_the_empty_ones(survey: Survey) -> None:
    for number, (answer, hours) in enumerate(
        [("Too early.", 25), ("Cold pool.", 24), ("", 3), ("  ", 2), (None, 2), ("Nice staff.", 1), ("Too late.", 0)]
    ):
        survey.fill_in(number, answer, NOW - timedelta(hours=hours))
    rows = pulled(NIGHT)
    assert sorted((row.row["id"], row.row["text"]) for row in rows) == [(1, "Cold pool."), (5, "Nice staff.")]


def test_a_row_has_every_attribute_of_the_pipeline(survey: Survey) -> None:
    survey.fill_in(1, "Cold pool.", NOW - timedelta(hours=1))
    (row,) = pulled(NIGHT)
    assert set(row.row) == {"id", "text", "created_at", *load_pipeline("survey_answers").attributes}


def test_answers_go_from_the_table_to_the_lake_and_a_changed_one_replaces_its_old_self(
    survey: Survey, tmp_path: Path, fault_server: FaultServer
) -> None:
    survey.fill_in(1, "The pool was cold.", datetime(2026, 11, 22, 12, tzinfo=UTC))
    survey.fill_in(2, "Write to ann@example.com about the bill.", datetime(2026, 11, 22, 13, tzinfo=UTC))
    deployment = TableDeployment(tmp_path, fault_server.base_url, "survey_answers")
    assert deployment.run("scheduled__1", trigger="scheduled")["published"] == 2
    survey.change(1, "The pool was warm after all.", datetime(2026, 11, 22, 20, tzinfo=UTC))
    again = deployment.run("manual__2", since="2026-11-22T00:00:00Z", until="2026-11-23T03:00:00Z")
    assert (again["published"], again["skipped"]) == (1, 1)
    current = pd.read_parquet(tmp_path / "lake/current/survey_answers").set_index("record_id")
    assert current["text"].to_dict() == {
        "1": "The pool was warm after all.",
        "2": "Write to <EMAIL_1> about the bill.",
    }
    assert current["attr_score"].tolist() == [7, 7]


class TableDeployment(Deployment):
    """A deployment whose source is the table."""

    @property
    def environ(self) -> dict[str, str]:
        """The environment that names the connection."""
        return SETTING
