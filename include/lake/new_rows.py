"""Rows of `results/` in the order in which `current/` wants them, of which few are in memory at a time."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from include.lake.paths import Lake
from include.lake.row_groups import read_rows
from include.lake.schema_evolution import conform
from include.lake.write import ROWS_PER_GROUP


class NewRows:
    """Rows with all their columns, read when they are asked for.

    Args:
        places: column `source`, the file of `results/` that has a row, and `row`, its position there.
        schema: that they get.
    """

    def __init__(self, lake: Lake, places: pa.Table, schema: pa.Schema) -> None:
        self._lake, self._places, self._schema = lake, places, schema
        # The days of a night share one part, so its file is read once for all of them; a larger one takes more memory.
        self._part, self._rows = -1, schema.empty_table()

    def between(self, start: int, end: int) -> Iterator[pa.Table]:
        """Rows `start` to `end` of the places, in their order.

        Raises:
            RetryLater: a file cannot be read.
        """
        while start < end:
            part, first = divmod(start, ROWS_PER_GROUP)
            count = min(end - start, ROWS_PER_GROUP - first)
            if part != self._part:
                self._part, self._rows = part, self._read(self._places.slice(start - first, ROWS_PER_GROUP))
            yield self._rows.slice(first, count)
            start += count

    def _read(self, places: pa.Table) -> pa.Table:
        sources, rows = places["source"].to_numpy(), places["row"].to_numpy()
        order = np.lexsort((rows, sources))
        found = [self._schema.empty_table()]
        for source in np.unique(sources):
            wanted = np.sort(rows[sources == source])
            found += [conform(read, self._schema) for read in read_rows(self._lake, source, wanted)]
        return pa.concat_tables(found).take(pa.array(np.argsort(order)))
