"""Read whole tables of a lake."""

from collections.abc import Sequence

import pyarrow as pa

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.schema_evolution import common_schema, conform


def read_tables(lake: Lake, paths: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table | None:
    """Several files as one table in the types of the last; None when there is no file."""
    tables = [read_table(lake, path, columns) for path in paths]
    if not tables:
        return None
    schema = common_schema(tables[-1].schema, [table.schema for table in tables])
    return pa.concat_tables([conform(table, schema) for table in tables])
