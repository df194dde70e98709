"""`_index/<pipeline>/measured.parquet`: measures of the nights that `watch` has read last; so it reads one more."""

import io
import logging
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.lake.index_rows import stamp
from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.schema_evolution import conform
from include.lake.schemas import MEASURES_SCHEMA
from include.lake.write import write_table

log = logging.getLogger(__name__)

_SCHEMA = pa.schema([*MEASURES_SCHEMA, ("path", pa.string()), ("stamp", pa.string())])


def read_measures(lake: Lake, pipeline: str, paths: Sequence[str]) -> dict[str, pa.Table]:
    """Files of `measures/` by path; those that are not there are left out.

    Raises:
        RetryLater: the lake cannot be read or written.
    """
    listed, index = lake.listed("measures", pipeline), f"{lake.index(pipeline)}/measured.parquet"
    held, found = _held(lake, index), dict[str, pa.Table]()
    for path in (path for path in paths if path in listed):
        marks = {"path": path.removeprefix(lake.root), "stamp": stamp(listed[path])}
        found[path] = held.filter((pc.field("path") == marks["path"]) & (pc.field("stamp") == marks["stamp"]))
        if not found[path].num_rows:
            rows = read_table(lake, path)
            for name, mark in marks.items():
                rows = rows.append_column(name, pa.repeat(mark, rows.num_rows))
            found[path] = conform(rows, _SCHEMA)
    if found and not (read := pa.concat_tables(found.values())).equals(held):
        write_table(lake, index, read)
    return found


def _held(lake: Lake, index: str) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(lake.fs.cat_file(index, start=0)), schema=_SCHEMA)
    except (OSError, pa.ArrowException) as error:
        log.info("%s is made anew: %s", lake.uri(index), error)
        return _SCHEMA.empty_table()
