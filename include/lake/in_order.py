"""Rows of files in the order of some columns, without holding more than some thousands of them."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.row_groups import read_rows

# As many as two row groups: each step reads the groups that hold any of them.
ROWS_AT_ONCE = 20_000


def read_in_order(lake: Lake, paths: Sequence[str], by: Sequence[str]) -> Iterator[pa.Table]:
    """All rows of files of one schema, ordered by columns that are text; rows that are alike stay in their order.

    Held are the columns of the order, and `ROWS_AT_ONCE` rows.

    Raises:
        RetryLater: a file cannot be read.
    """
    keys = [read_table(lake, path, by) for path in paths]
    order = pc.sort_indices(pa.concat_tables(keys), [(name, "ascending") for name in by]).to_numpy()
    starts = np.cumsum([0, *(table.num_rows for table in keys)])
    for first in range(0, len(order), ROWS_AT_ONCE):
        at = np.sort(order[first : first + ROWS_AT_ONCE]).astype(np.int64)
        found = [
            rows
            for path, start, end in zip(paths, starts, starts[1:], strict=False)
            for rows in read_rows(lake, path, at[(at >= start) & (at < end)] - start)
        ]
        yield pa.concat_tables(found).sort_by([(name, "ascending") for name in by])
