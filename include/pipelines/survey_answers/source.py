"""Which database the answers come from: a plain setting, read when a run pulls."""

from collections.abc import Mapping
from pathlib import Path

from include.sources.source import Source
from include.sources.tables.sql_table import SqlTable

QUERY = Path(__file__).with_name("query.sql")


def source(environ: Mapping[str, str]) -> Source | None:
    """What `query.sql` gives; None while its connection is not named.

    | setting | meaning |
    | --- | --- |
    | `SURVEY_ANSWERS_CONNECTION` | an Airflow connection to the database |
    """
    connection_id = environ.get("SURVEY_ANSWERS_CONNECTION")
    return SqlTable(connection_id, QUERY) if connection_id else None
