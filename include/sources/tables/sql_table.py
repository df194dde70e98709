"""Any SQL table as a source, through an Airflow connection and a query in the pipeline's folder.

The query names the window by `:window_start` and `:window_end`, which are bound by the driver and never become part of
the SQL text:

    SELECT id, answer AS text, created_at, updated_at AS changed_at, score
    FROM survey_answers
    WHERE updated_at >= :window_start AND updated_at < :window_end

Columns are those of any source (`id`, `text`, `created_at`, `record_version`, `source_url`), in capitals or not;
`changed_at` decides whether a row is in the window, and all others become attributes. Times without a zone are UTC.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.sources.columns import AS_CALLED, ColumnMapping
from include.sources.fields import canonical, id_of, moment_of
from include.sources.row import BadRow
from include.sources.source import SourceRow, Window
from include.text.columns import column_name, content_version

ROWS_AT_ONCE = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A cast such as `x::date` is none, nor is a name in a comment, in a text or in a quoted name.
_PARAMETER = re.compile(
    r"""--[^\n]* | /\*.*?\*/
    | (?<!\w)[eE]'(?:[^'\\]|\\.)*' | '[^']*' | "[^"]*" | `[^`]*` | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
    | (?<![:\w]):(?P<name>window_start|window_end)\b""",
    re.VERBOSE | re.DOTALL,
)
# Of these Postgres has values that Python has not: infinity, the year 20000, 24:00; JSON in thousands of brackets or
# with numbers of thousands of digits.
_TYPES_WITH_MORE = ("date", "time", "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb")


@dataclass(frozen=True)
class SqlTable:
    """The rows that a query gives.

    A retry runs the query again: what it gives twice is one record all the same.

    Args:
        connection_id: Airflow connection of any database that has a `DbApiHook`.
        query_path: file with the query.
        mapping: of columns with other names than a source's.
    """

    connection_id: str
    query_path: Path
    mapping: ColumnMapping = AS_CALLED

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow]:
        """See `Source`. Rows are fetched a thousand at a time; on Postgres the server keeps the rest."""
        hook = self._hook()
        query, parameters = bound(self._query(), hook.placeholder, window)
        try:
            connection = hook.get_conn()
        except Exception as error:  # every driver has errors of its own
            raise self._no_connection(error) from error
        try:
            cursor = streaming_cursor(connection)
            cursor.execute(query, parameters)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                names = self._names([column[0] for column in cursor.description])
                for values in rows:
                    yield self._row(dict(zip(names, values, strict=True)))
        except NightshiftError:
            raise
        except Exception as error:
            raise self._problem(error) from error
        finally:
            connection.close()

    def _names(self, given: list[str]) -> list[str]:
        """The names of the columns as all sources have them: Oracle and Snowflake write them in capitals."""
        names = [column_name(name) for name in given]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ConfigurationError(
                f"The query {self.query_path} gives two columns {twice!r}. Give one of them another name with AS."
            )
        self.mapping.check(names, f"the query {self.query_path}", is_table=True)
        mapped = self.mapping.row(dict.fromkeys(names))
        for needed in (("id", "record_id"), ("text", "turns")):
            if mapped.keys().isdisjoint(needed):
                raise ConfigurationError(
                    f"The query {self.query_path} gives no column {needed[0]!r}, only {', '.join(names)}. "
                    f"Name the column that is it: SELECT ... AS {needed[0]}, or by NIGHTSHIFT_COLUMNS_<PIPELINE>."
                )
        return names

    def _row(self, values: dict[str, Any]) -> SourceRow:
        row: dict[str, Any] = {}
        unreadable: BadRow | None = None
        for name, value in values.items():
            if isinstance(value, bytes | bytearray | memoryview):
                data = bytes(value)
                try:
                    row[name] = data.decode()
                except UnicodeDecodeError:
                    row[name] = data.hex()
                    if name in self.mapping.names_of(("text", "turns")):
                        unreadable = BadRow("invalid_utf8", f"column {name!r} is not valid UTF-8", name.encode())
            else:
                row[name] = value
        row = self.mapping.row(row)
        # A row without an id is known again by what it holds: queries give their rows in any order.
        name = id_of(row) or content_version(canonical(row))
        place = f"{self.connection_id}/{self.query_path.name}#{name}"
        changed_at = moment_of(row.pop("changed_at", None))
        return SourceRow(place, unreadable or row, changed_at)

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

    def _no_connection(self, error: Exception) -> NightshiftError:
        said = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, ImportError):
            return ConfigurationError(
                f"The driver for the database of {self.connection_id} is not installed ({said}). Install the Airflow "
                "provider of the database with it."
            )
        is_refusal = "ProgrammingError" in _kinds(error) or isinstance(error, TypeError | ValueError)
        if is_refusal or "authentication failed" in said or "does not exist" in said:
            return ConfigurationError(f"The database of {self.connection_id} refuses: {said}. Check the connection.")
        return self._away(said)

    def _problem(self, error: Exception) -> NightshiftError:
        kinds = _kinds(error)
        # What follows the first line may quote a row.
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "DataError" in kinds or isinstance(error, ValueError | OverflowError):
            # The driver's own words quote the value, which a customer may have written.
            return ConfigurationError(f"The query {self.query_path} cannot convert a value ({type(error).__name__}).")
        if kinds & {"ProgrammingError", "NotSupportedError"}:
            return ConfigurationError(f"The query {self.query_path} does not work: {said}")
        return self._away(said)

    def _away(self, said: str) -> RetryLater:
        return RetryLater(f"The database of {self.connection_id} failed: {said}. The task's retry asks it again.")


def _kinds(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def bound(query: str, placeholder: str, window: Window) -> tuple[str, list[datetime]]:
    """The query in the driver's style, and its parameters in the order in which they stand.

    Args:
        placeholder: `%s` or `?`.

    Raises:
        ConfigurationError: the query does not name the window, so every night would read the whole table.
    """
    moments = {"window_start": window.start or EPOCH, "window_end": window.end}
    names = [found["name"] for found in _PARAMETER.finditer(query) if found["name"]]
    if "window_start" not in names:
        raise ConfigurationError("The query names no :window_start, so every night would read the whole table.")
    if placeholder == "%s":
        query = query.replace("%", "%%")
    bound_query = _PARAMETER.sub(lambda found: placeholder if found["name"] else found[0], query)
    return bound_query, [moments[name] for name in names]


def streaming_cursor(connection: Any) -> Any:
    """A cursor that does not fetch the whole result at once.

    Drivers of Postgres do so only with a named cursor, which the server keeps. The hook takes psycopg 3 where it is
    installed, else psycopg2. For MySQL set `{"cursor": "sscursor"}` in the connection's extra.
    """
    driver = type(connection).__module__.split(".")[0]
    if driver not in ("psycopg", "psycopg2"):
        return connection.cursor()
    with connection.cursor() as cursor:
        # Else the server reads a time without a zone as one of its own zone, when it compares it with the window.
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    cursor = connection.cursor("nightshift")
    if driver == "psycopg":
        _take_every_value(cursor)
    return cursor


def _take_every_value(cursor: Any) -> None:
    """What Python cannot hold costs its own row, not the whole query: a time comes as text, JSON as nothing."""
    from psycopg import DataError
    from psycopg.abc import AdaptContext, Buffer
    from psycopg.adapt import Loader

    class Forgiving(Loader):
        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._loader = loaders[oid](oid, context)

        def load(self, data: Buffer) -> Any:
            try:
                return self._loader.load(data)
            except DataError:
                return bytes(data).decode()
            except (RecursionError, ValueError):
                return None

    oids = [cursor.adapters.types[name].oid for name in _TYPES_WITH_MORE]
    loaders = {oid: cursor.adapters.get_loader(oid, Loader.format) for oid in oids}
    for oid in oids:
        cursor.adapters.register_loader(oid, Forgiving)
