"""Find answers by their key without reading the lake.

The index holds the first 64 bits of each answer key. A look-up reads those, and of `results/` only the row groups
(10,000 rows) that hold a hit, whose whole keys are then compared: nothing of `results/` when every text is new.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from include.lake.index_rows import Rows, indexed_rows
from include.lake.outcomes import OUTCOMES_INDEX, key_prefixes
from include.lake.paths import Lake
from include.lake.row_groups import read_rows
from include.lake.row_hashes import Positions, is_among


def find_answers(
    lake: Lake, pipeline: str, keys: Collection[str], columns: Sequence[str]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of `results/` with one of these answer keys, file by file, the newest run first.

    Args:
        keys: wanted.
        columns: of the rows, `answer_key` among them.

    Yields:
        (path of the file, its rows), only for files with any.
    """
    wanted_keys = frozenset(keys)
    for path, positions in sorted(_positions(lake, pipeline, wanted_keys).items(), reverse=True):
        tables = read_rows(lake, path, positions, columns)
        rows = [row for table in tables for row in table.to_pylist() if row["answer_key"] in wanted_keys]
        if rows:
            yield path, rows


def published_keys(lake: Lake, pipeline: str, keys: Collection[str]) -> set[str]:
    """Those of some answer keys that stand in `results/`, by their first 64 bits."""
    ordered, found = sorted(keys), np.zeros(len(keys), dtype=np.bool_)
    prefixes = key_prefixes(ordered)
    for _, _, rows in _rows(lake, pipeline) if ordered else ():
        found |= is_among(np.unique(rows["key_prefix"].to_numpy()), prefixes)
    return {key for key, is_found in zip(ordered, found, strict=True) if is_found}


def _positions(lake: Lake, pipeline: str, keys: Collection[str]) -> dict[str, Positions]:
    wanted = np.unique(key_prefixes(keys))
    found: defaultdict[str, list[Positions]] = defaultdict(list)
    for path, start, rows in _rows(lake, pipeline) if len(wanted) else ():
        hits = np.flatnonzero(is_among(wanted, rows["key_prefix"].to_numpy()))
        if len(hits):
            found[path].append(start + hits)
    return {path: np.unique(np.concatenate(parts)) for path, parts in found.items()}


def _rows(lake: Lake, pipeline: str) -> Iterator[Rows]:
    return indexed_rows(lake, pipeline, OUTCOMES_INDEX, lake.listed("results", pipeline), ("key_prefix",))
