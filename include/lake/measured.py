"""`_index/<pipeline>/measured.parquet`: measures of the nights that `watch` has read last; so it reads one more."""

import io
import logging
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.lake.index_rows import stamp
from include.lake.paths import Lake
from include.lake.row_groups import read_groups
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
    held, found, is_new = _held(lake, index), {}, False
    for path in (path for path in paths if path in listed):
        marks = path.removeprefix(lake.root), stamp(listed[path])
        known = held.filter(pc.and_(pc.equal(held["path"], marks[0]), pc.equal(held["stamp"], marks[1])))
        if not known.num_rows:
            groups = read_groups(lake, path, size=listed[path]["size"])
            rows = [conform(group, MEASURES_SCHEMA) for group in groups]
            is_new, known = True, pa.concat_tables([*rows, MEASURES_SCHEMA.empty_table()])
            for name, mark in zip(("path", "stamp"), marks, strict=True):
                known = known.append_column(name, pa.array([mark] * known.num_rows, pa.string()))
        found[path] = known
    if is_new:
        write_table(lake, index, pa.concat_tables([table.cast(_SCHEMA) for table in found.values()]))
    return found


def _held(lake: Lake, index: str) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(lake.fs.cat_file(index, start=0)), schema=_SCHEMA)
    except FileNotFoundError:
        return _SCHEMA.empty_table()
    except (OSError, pa.ArrowException) as error:
        log.warning("%s is damaged and is made anew: %s", lake.uri(index), error)
        return _SCHEMA.empty_table()
