"""Find answers by their key without reading the lake.

Beside each file of `results/` there is one below `_index/` with 12 bytes a row: the first 64 bits of the answer key,
sorted, and the row's position. A look-up reads those, and of `results/` only the row groups (10,000 rows) that hold a
hit, whose whole keys are then compared. At 10 million published rows that is 120 MB of index, one file at a time, and
nothing of `results/` when every text is new; the files that hold the answers themselves would be some 3 GB.

An index that is missing, or older than its results file, is made anew from the file's keys.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.paths import Lake
from include.lake.write import write_table

# Of a hexadecimal key: 64 bits. Two of 10 million keys share them by chance once in 370,000 lakes.
_PREFIX_DIGITS = 16
_STAMP = b"results_stamp"


def write_index(lake: Lake, results_path: str) -> None:
    """Index one file of `results/`.

    Raises:
        RetryLater: the lake cannot be written.
    """
    info = lake.fs.info(results_path)
    with lake.fs.open(results_path, "rb") as file:
        keys = pq.ParquetFile(file, page_checksum_verification=True).read(columns=["answer_key"])["answer_key"]
    _write(lake, results_path, key_prefixes(keys.to_pylist()), _stamp(info))


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
    if not keys:
        return
    wanted, wanted_set = np.unique(key_prefixes(list(keys))), frozenset(keys)
    files = lake.find(lake.table("results", pipeline), "*/*.parquet")
    for path in sorted(files, reverse=True):
        positions = _positions(lake, path, _stamp(files[path]), wanted)
        if len(positions):
            rows = [row for row in _rows(lake, path, positions, columns) if row["answer_key"] in wanted_set]
            if rows:
                yield path, rows


def key_prefixes(keys: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """First 64 bits of each key."""
    return np.array([int(key[:_PREFIX_DIGITS], 16) for key in keys], dtype=np.uint64)


def _positions(lake: Lake, path: str, stamp: bytes, wanted: Any) -> Any:
    found = _read(lake, path, stamp)
    if found is None:
        write_index(lake, path)
        found = _read(lake, path, _stamp(lake.fs.info(path)))
        assert found is not None
    known, rows = found
    at = np.searchsorted(known, wanted)
    is_hit = at < len(known)
    is_hit[is_hit] = known[at[is_hit]] == wanted[is_hit]
    # The same text of several records has the same key, so a prefix may stand there several times.
    ends = np.searchsorted(known, wanted[is_hit], side="right")
    return np.sort(np.concatenate([rows[s:e] for s, e in zip(at[is_hit], ends, strict=True)] or [rows[:0]]))


def _rows(lake: Lake, path: str, positions: Any, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with lake.fs.open(path, "rb") as file:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        start = 0
        for group in range(parquet.num_row_groups):
            end = start + parquet.metadata.row_group(group).num_rows
            inside = positions[(positions >= start) & (positions < end)] - start
            if len(inside):
                rows += parquet.read_row_group(group, columns=list(columns)).take(pa.array(inside)).to_pylist()
            start = end
    return rows


def _index_path(lake: Lake, results_path: str) -> str:
    results = f"{lake.root}/results/"
    return f"{lake.root}/_index/{results_path.removeprefix(results)}"


def _stamp(info: dict[str, Any]) -> bytes:
    """Changes when the file does: an object store's ETag, or size and time."""
    return str(info.get("ETag") or (info["size"], info.get("mtime"))).encode()


def _write(lake: Lake, results_path: str, prefixes: Any, stamp: bytes) -> None:
    order = np.argsort(prefixes, kind="stable")
    table = pa.table({"fingerprint": prefixes[order], "row": order.astype(np.uint32)})
    write_table(lake, _index_path(lake, results_path), table.replace_schema_metadata({_STAMP: stamp}))


def _read(lake: Lake, results_path: str, stamp: bytes) -> tuple[Any, Any] | None:
    try:
        with lake.fs.open(_index_path(lake, results_path), "rb") as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            if (parquet.schema_arrow.metadata or {}).get(_STAMP) != stamp:
                return None
            table = parquet.read()
    except (OSError, pa.ArrowInvalid):
        # Missing or damaged: it is made anew, because all that is in it stands in `results/` too.
        return None
    return table["fingerprint"].to_numpy(), table["row"].to_numpy().astype(np.int64)
