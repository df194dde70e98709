"""`lake.sql` and `lake.duckdb`: every table as a commented view, for whoever asks the lake in SQL.

The SQL is that of DuckDB. A view takes whatever files there are when it is asked, so both are written anew only when a
table, a pipeline or a column comes.
"""

import posixpath
import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.columns import NAME
from include.lake.paths import Lake
from include.lake.row_groups import file_schema
from include.lake.write import write_bytes

_ABOUT = tomllib.loads(Path(__file__).with_name("views.toml").read_text(encoding="utf-8"))
# Another run may publish its first tables between a look at the disk and the writing; who writes last looks again.
_LOOKS = 3
_MAKE = "CREATE OR REPLACE VIEW "
# Who opens the lake elsewhere than where it was written sets the variable.
_HEAD = """-- The tables of the lake as views, for DuckDB. On object storage it needs your key of the storage first:
--   INSTALL httpfs; LOAD httpfs; CREATE SECRET (TYPE s3, PROVIDER credential_chain);
-- Where the lake lies elsewhere for you: SET VARIABLE lake = '/where/it/lies';"""


@dataclass(frozen=True)
class View:
    """One view.

    Args:
        pipeline: whose rows it shows; of most tables it shows those of all.
        schema: of its files; of partitions it says nothing.
    """

    table: str
    pipeline: str
    schema: pa.Schema

    @property
    def files(self) -> str:
        """Its files: a pattern below the lake's root."""
        return _files(self.table, self.pipeline)

    @property
    def example(self) -> str:
        """A path as any of its files may have it."""
        partition = "occurred_month=2026-11" if self.table == "current" else "run_date=2026-11-23"
        parts = iter([self.pipeline, partition, "none"][3 - self.files.count("*") :])
        return re.sub(r"\*", lambda _: next(parts), self.files)

    @property
    def name(self) -> str:
        """What queries call it."""
        return f"{self.table}_{self.pipeline}" if self.table in _ABOUT["of_each_pipeline"] else self.table

    def sql(self, root: str, described: Mapping[str, str]) -> str:
        """What makes it, and says what it holds: a line each.

        Args:
            root: of the lake, as DuckDB finds it.
            described: what the pipeline says of the fields of its answer.
        """
        taken, options = "*", "union_by_name := true, hive_partitioning := true"
        columns = [*self.schema.names, *re.findall(r"(\w+)=", self.example)]
        if self.files.endswith("*/*/*.parquet") and "pipeline" not in self.schema.names:
            taken = "regexp_extract(filename, '([^/]+)/[^/]+/[^/]+$', 1) AS pipeline, * EXCLUDE filename"
            options += ", filename := true"
            columns.append("pipeline")
        place = f"coalesce(getvariable('lake'), {_literal(_as_it_is(root))}) || '/{self.files}'"
        lines = [f"{_MAKE}{self.name} AS SELECT {taken} FROM read_parquet({place}, {options});"]  # noqa: S608, of checked names
        says = _ABOUT["tables"][self.table].format(pipeline=self.pipeline)
        lines.append(f"COMMENT ON VIEW {self.name} IS {_literal(says)};")
        comments = {**described, **_ABOUT["columns"], **_ABOUT.get(self.table, {})}
        for column in columns:
            says = comments.get(column, "The source's own column." if column.startswith("attr_") else "")
            if says:
                quoted = column.replace('"', '""')
                lines.append(f'COMMENT ON COLUMN {self.name}."{quoted}" IS {_literal(says)};')
        return "\n".join(lines)


def refresh_views(lake: Lake, written: Iterable[View], described: Mapping[str, Mapping[str, str]]) -> None:
    """Write `lake.sql`, and on a disk `lake.duckdb`, if the lake has other tables or columns than when they were made.

    On object storage, where a look at all tables is many requests, views of which nothing was written stay as they are.

    Args:
        written: views of the tables that a run has just written.
        described: by pipeline what it says of the fields of its answer.

    Raises:
        RetryLater, ConfigurationError: the lake cannot be read or written.
    """
    root, path, database = lake.uri(lake.root), f"{lake.root}/lake.sql", f"{lake.root}/lake.duckdb"
    for _ in range(_LOOKS if lake.is_local else 1):
        held = _held(lake, path)
        views = list(_views_of_disk(lake) if lake.is_local else written)
        parts = {} if lake.is_local else _parts(held)
        parts |= {view.name: view.sql(root, described.get(view.pipeline, {})) for view in views}
        sql = "\n\n".join([_HEAD, *(part for _, part in sorted(parts.items()))]) + "\n"
        if sql == held and (not lake.is_local or lake.has(database)):
            return
        if lake.is_local:
            write_bytes(lake, database, _database(sql, views))
        write_bytes(lake, path, sql.encode())


def _held(lake: Lake, path: str) -> str:
    try:
        return str(lake.fs.cat_file(path, start=0), "utf-8")
    except FileNotFoundError:
        return ""


def _parts(sql: str) -> dict[str, str]:
    """What `View.sql` made, by the name of the view."""
    parts = (part.strip() for part in re.split(f"^(?={_MAKE})", sql, flags=re.MULTILINE)[1:])
    return {part.removeprefix(_MAKE).partition(" ")[0]: part for part in parts}


def _files(table: str, pipeline: str) -> str:
    known: str | None = _ABOUT["files"].get(table)
    return known or f"{table}/{pipeline if table in _ABOUT['of_each_pipeline'] else '*'}/*/*.parquet"


def _views_of_disk(lake: Lake) -> Iterator[View]:
    for table in _ABOUT["tables"]:
        pipelines = [""]
        if table in _ABOUT["of_each_pipeline"]:
            found = sorted(posixpath.basename(path) for path in lake.find(f"{lake.root}/{table}", "*"))
            pipelines = [name for name in found if NAME.match(name)]
        for pipeline in pipelines:
            folder, _, pattern = _files(table, pipeline).partition("/")
            paths = lake.find(f"{lake.root}/{folder}", pattern)
            if paths:
                newest = max(paths, key=lambda path: path.rpartition("/run_date=")[2])
                yield View(table, pipeline or "any", file_schema(lake, newest))


def _database(sql: str, views: Iterable[View]) -> bytes:
    """A database with the views; made on empty files of the same columns, because DuckDB reads all to learn them."""
    # Only who publishes a new column takes the time and memory to import it.
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        for view in views:
            path = Path(folder, view.example)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(view.schema.empty_table(), path)
        made = Path(folder, "lake.duckdb")
        with duckdb.connect(made, config={"threads": 1, "autoinstall_known_extensions": False}) as connection:
            connection.execute(f"SET VARIABLE lake = {_literal(_as_it_is(folder))}")
            # In one transaction: else the disk is waited for once a statement.
            connection.begin()
            connection.execute(sql)
            connection.commit()
        return made.read_bytes()


def _literal(text: str) -> str:
    return "'" + " ".join(text.split("\n")).replace("'", "''") + "'"


def _as_it_is(path: str) -> str:
    """A path in which DuckDB takes nothing for a pattern."""
    return re.sub(r"([\[*?])", r"[\1]", path)
