"""`_index/<pipeline>/`: `runs.parquet`, all that pages and windows need of each run, and what `index_rows` reads.

`publish` brings it up to date, `plan` makes good what is missing. Each file is replaced in one step.
"""

import io
import logging
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.index_rows import Files, by_month, month_of, stamp, write_month
from include.lake.outcomes import OUTCOMES_INDEX
from include.lake.paths import Lake, is_beside
from include.lake.raw_records import PULLED_ALL, PULLED_FILES, RAW_INDEX, pull_notes
from include.lake.read import read_table
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table

log = logging.getLogger(__name__)

_PARTS = (RAW_INDEX, OUTCOMES_INDEX)
_TABLES = ("raw", "results", "quarantine")
_PATH, _STAMP, _PULLED = "path", "stamp", "pulled"
_SCHEMA = pa.schema(
    [
        *RUNS_SCHEMA,
        pa.field(_PATH, pa.string()),
        pa.field(_STAMP, pa.string()),
        # Names of what its pull noted.
        pa.field(_PULLED, pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True)
class RunRows:
    """Rows of `runs/` by path, the oldest day first.

    Args:
        older: paths of those that the index does not know as they are, which were read themselves, or that are gone.
    """

    rows: Mapping[str, dict[str, Any]]
    older: frozenset[str]


def run_rows(lake: Lake, pipeline: str, written: Mapping[str, pa.Table] | None = None) -> RunRows:
    """All rows of `runs/` of a pipeline, from the index where it knows them; not those of canaries and their like.

    Args:
        written: files that were just written, which need not be read.

    Raises:
        RetryLater: the lake cannot be read.
    """
    listed = {path: info for path, info in lake.listed("runs", pipeline).items() if not is_beside(path)}
    indexed = _indexed_runs(lake, pipeline)
    rows, older = {}, {lake.root + path for path in indexed} - listed.keys()
    for path in sorted(listed):
        row = indexed.get(path.removeprefix(lake.root))
        if row is None or row[_STAMP] != stamp(listed[path]):
            table = written[path] if written and path in written else read_table(lake, path)
            row = {**table.to_pylist()[0], _STAMP: stamp(listed[path])}
            older.add(path)
        rows[path] = row
    if older:
        log.info("The index of %s is older than runs/ by %d of %d rows", pipeline, len(older), len(rows))
    return RunRows(rows, frozenset(older))


def has_noted(lake: Lake, runs_path: str, row: Mapping[str, Any], note: bytes) -> bool:
    """Whether the pull of a run has left a note in its file of `raw/`.

    Args:
        runs_path, row: of `run_rows`.
    """
    if _PULLED in row:
        return note.decode() in row[_PULLED]
    path = lake.beside(runs_path, "raw")
    return lake.has(path) and note in pull_notes(lake, path)


def update_index(lake: Lake, pipeline: str, written: Mapping[str, pa.Table] | None = None) -> None:
    """Make the index as new as the lake: months with a run that it does not know are written anew, then `runs.parquet`.

    Args:
        written: see `run_rows`.

    Raises:
        RetryLater: the lake cannot be read or written.
    """
    runs = run_rows(lake, pipeline, written)
    held = lake.find(lake.index(pipeline), "*")
    months = {month_of(path) for path in runs.rows}
    months = {m for m in months if any(part.path(lake, pipeline, m) not in held for part in _PARTS)}
    months |= set(map(month_of, runs.older))
    if not months:
        return
    listed = {table: lake.listed(table, pipeline) for table in _TABLES}
    for part in _PARTS:
        files = by_month({path: info for table in part.tables for path, info in listed[table].items()})
        for month in sorted(months):
            write_month(lake, pipeline, part, month, files.get(month, {}), held)
    rows = [_with_notes(lake, path, row, listed["raw"]) for path, row in runs.rows.items()]
    write_table(lake, _runs_path(lake, pipeline), pa.Table.from_pylist(rows, schema=_SCHEMA))
    # An index of each night's file, as older versions had it.
    for path in held:
        if posixpath.basename(path).startswith("run_date="):
            lake.remove_folder(path)


def _with_notes(lake: Lake, path: str, row: Mapping[str, Any], raw: Files) -> dict[str, Any]:
    pull = lake.beside(path, "raw")
    notes = pull_notes(lake, pull) if _PULLED not in row and pull in raw else {}
    pulled = [note.decode() for note in (PULLED_ALL, PULLED_FILES) if note in notes]
    return {_PULLED: pulled, **row, _PATH: path.removeprefix(lake.root)}


def _indexed_runs(lake: Lake, pipeline: str) -> dict[str, dict[str, Any]]:
    """Rows by path below the lake's root."""
    try:
        content = lake.fs.cat_file(_runs_path(lake, pipeline), start=0)
        rows = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True).read().to_pylist()
        return {row[_PATH]: row for row in rows if row.keys() >= set(_SCHEMA.names)}
    except FileNotFoundError:
        return {}
    except (OSError, pa.ArrowException, KeyError) as error:
        log.warning("%s is damaged and is made anew: %s", lake.uri(_runs_path(lake, pipeline)), error)
        return {}


def _runs_path(lake: Lake, pipeline: str) -> str:
    return f"{lake.index(pipeline)}/runs.parquet"
