"""Any SQL table as a source, through an Airflow connection and a query in the pipeline's folder.

The query names the window by `:window_start` and `:window_end`, which are bound by the driver and never become part of
the SQL text:

    SELECT id, answer AS text, created_at, updated_at AS changed_at, score
    FROM survey_answers
    WHERE updated_at >= :window_start AND updated_at < :window_end

Columns are those of any source (`id`, `text`, `created_at`, `record_version`, `source_url`); `changed_at` decides
whether a row is in the window, and all others become attributes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.sources.source import SourceRow, Window

ROWS_AT_ONCE = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A cast such as `x::date` is none.
_PARAMETER = re.compile(r"(?<![:\w]):(window_start|window_end)\b")


@dataclass(frozen=True)
class SqlTable:
    """The rows that a query gives.

    A retry runs the query again: what it gives twice is one record all the same.

    Args:
        connection_id: Airflow connection of any database that has a `DbApiHook`.
        query_path: file with the query.
    """

    connection_id: str
    query_path: Path

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow]:
        """See `Source`. Rows are fetched a thousand at a time; on Postgres the server keeps the rest."""
        hook = self._hook()
        query, parameters = bound(self._query(), hook.placeholder, window)
        try:
            connection = hook.get_conn()
        except Exception as error:  # every driver has errors of its own
            raise self._problem(error) from error
        try:
            cursor = streaming_cursor(connection)
            cursor.execute(query, parameters)
            number = 0
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                names = [column[0] for column in cursor.description]
                for values in rows:
                    number += 1
                    yield self._row(number, dict(zip(names, values, strict=True)))
        except NightshiftError:
            raise
        except Exception as error:
            raise self._problem(error) from error
        finally:
            connection.close()

    def _row(self, number: int, row: dict[str, Any]) -> SourceRow:
        changed_at = row.pop("changed_at", None)
        if isinstance(changed_at, datetime):
            changed_at = changed_at.replace(tzinfo=UTC) if changed_at.tzinfo is None else changed_at.astimezone(UTC)
        else:
            changed_at = None
        return SourceRow(f"{self.connection_id}/{self.query_path.name}#{row.get('id', number)}", row, changed_at)

    def _query(self) -> str:
        try:
            return self.query_path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"The query {self.query_path} cannot be read ({error}).") from error

    def _hook(self) -> Any:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
        from airflow.sdk import BaseHook
        from airflow.sdk.exceptions import AirflowException

        try:
            hook = BaseHook.get_connection(self.connection_id).get_hook()
        except AirflowException as error:
            raise ConfigurationError(
                f"There is no usable Airflow connection {self.connection_id!r} ({error}). Make one for the database, "
                f"or set AIRFLOW_CONN_{self.connection_id.upper()}."
            ) from error
        if not isinstance(hook, DbApiHook):
            raise ConfigurationError(f"The Airflow connection {self.connection_id!r} is of no SQL database.")
        return hook

    def _problem(self, error: Exception) -> NightshiftError:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "DataError" in kinds:
            # The driver's own words quote the value, which a customer may have written.
            return ConfigurationError(f"The query {self.query_path} cannot convert a value ({type(error).__name__}).")
        if kinds & {"ProgrammingError", "NotSupportedError"}:
            return ConfigurationError(f"The query {self.query_path} does not work: {said}")
        if "authentication failed" in said or "does not exist" in said:
            return ConfigurationError(f"The database of {self.connection_id} refuses: {said}. Check the connection.")
        return RetryLater(f"The database of {self.connection_id} failed: {said}. The task's retry asks it again.")


def bound(query: str, placeholder: str, window: Window) -> tuple[str, list[datetime]]:
    """The query in the driver's style, and its parameters in the order in which they stand.

    Args:
        placeholder: `%s` or `?`.

    Raises:
        ConfigurationError: the query does not name the window, so every night would read the whole table.
    """
    moments = {"window_start": window.start or EPOCH, "window_end": window.end}
    names = _PARAMETER.findall(query)
    if "window_start" not in names:
        raise ConfigurationError("The query names no :window_start, so every night would read the whole table.")
    if placeholder == "%s":
        query = query.replace("%", "%%")
    return _PARAMETER.sub(placeholder, query), [moments[name] for name in names]


def streaming_cursor(connection: Any) -> Any:
    """A cursor that does not fetch the whole result at once.

    Drivers of Postgres do so only with a named cursor, which the server keeps. The hook takes psycopg 3 where it is
    installed, else psycopg2. For MySQL set `{"cursor": "sscursor"}` in the connection's extra.
    """
    if type(connection).__module__.split(".")[0] in ("psycopg", "psycopg2"):
        return connection.cursor("nightshift")
    return connection.cursor()
