"""What became of a run's questions, found by their keys: no more is held than a part of the records needs."""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.row_groups import file_schema, read_rows
from include.lake.row_hashes import row_hashes


class RunOutcomes:
    """Rows of files of `write_answers` by their keys; held are 16 bytes of each, and the rows of shared keys.

    Args:
        paths: one or more; where several have one key, the last counts.
        shared: keys of several records, which would be read again and again.
    """

    def __init__(self, lake: Lake, paths: Sequence[str], shared: Collection[str]) -> None:
        self._lake, self._paths, self._is_shared = lake, paths, frozenset(shared)
        self._none = file_schema(lake, paths[0]).empty_table()
        hashes, rows = [], []
        self._shared: list[pa.Table] = []
        wanted = pa.array(list(shared), pa.string())
        for path in paths:
            keys = read_table(lake, path, ["key"])["key"]
            hashes.append(row_hashes(keys.to_pylist()))
            rows.append(np.arange(len(keys)))
            self._shared += read_rows(lake, path, np.flatnonzero(pc.is_in(keys, wanted)))
        self._file = np.repeat(np.arange(len(paths)), [len(of_file) for of_file in rows])
        self._row, self._hash = np.concatenate(rows), np.concatenate(hashes)

    def of(self, keys: Sequence[str | None]) -> pa.Table:
        """One row for each key, null in all columns where there is no outcome."""
        wanted = row_hashes([key for key in keys if key is not None and key not in self._is_shared])
        is_hit = np.isin(self._hash, wanted)
        found = list(self._shared)
        for file in np.unique(self._file[is_hit]):
            found += read_rows(self._lake, self._paths[file], self._row[is_hit & (self._file == file)])
        rows = pa.concat_tables(found or [self._none]).combine_chunks()
        place = {key: number for number, key in enumerate(rows["key"].to_pylist())}
        return rows.take(pa.array([place.get(key) for key in keys], pa.int64()))
