"""Read `_index/`: a few bytes of each row of `raw/`, `results/` and `quarantine/`, in one file a month.

On object storage each night of a year is several requests, a month is one. A month's file says of which files it is and
in which state; what it does not know, or was replaced since, is read itself. So the index is never needed, and never
wrong: it saves requests.
"""

import io
import json
import logging
import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import RetryLater
from include.lake.paths import Lake
from include.lake.row_groups import open_file, read_groups
from include.lake.schema_evolution import conform
from include.lake.write import open_table_writer

log = logging.getLogger(__name__)

Files = Mapping[str, dict[str, Any]]
# Path, position of the first row in its file, rows.
Rows = tuple[str, int, pa.Table]

_FILES = b"files"
_FILE = "file"
# Of months' files. What is larger is read in parts, so that memory stays flat.
_HELD_BYTES = 32 * 1024 * 1024
_held: dict[tuple[str, str], bytes] = {}


@dataclass(frozen=True)
class IndexPart:
    """What the index holds of some tables.

    Args:
        name: of its files: `<name>-2026-11.parquet`.
        schema: columns of the tables, null where a file does not have them.
        derived: of those the ones that no table has: what each is made of, and how.
    """

    name: str
    tables: tuple[str, ...]
    schema: pa.Schema
    derived: Mapping[str, tuple[str, Callable[[pa.Table], pa.Array]]]

    def path(self, lake: Lake, pipeline: str, month: str) -> str:
        """Where a month lies."""
        return f"{lake.index(pipeline)}/{self.name}-{month}.parquet"


def stamp(info: Mapping[str, Any]) -> str:
    """Changes when a file does: an object store's ETag, or size and time."""
    return str(info.get("ETag") or (info["size"], info.get("mtime")))


def month_of(path: str) -> str:
    """Of a run's day, from the path of one of its files."""
    return posixpath.basename(posixpath.dirname(path)).removeprefix("run_date=")[:7]


def by_month(files: Files) -> dict[str, dict[str, dict[str, Any]]]:
    """Files by the month of their run's day."""
    months: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for path, info in files.items():
        months[month_of(path)][path] = info
    return months


def indexed_rows(
    lake: Lake, pipeline: str, part: IndexPart, files: Files, columns: Sequence[str], months: Files | None = None
) -> Iterator[Rows]:
    """Index rows of some files, in their order within each file, the oldest month first.

    Should a month's file turn out to be damaged, its files come again, each from its first row.

    Args:
        files: as they are listed now.
        columns: names of the part's columns.
        months: files of the index, where they are listed already.

    Raises:
        RetryLater: a file cannot be read.
    """
    if months is None:
        months = lake.find(lake.index(pipeline), f"{part.name}-*.parquet") if files else {}
    unknown = 0
    for month, of_month in sorted(by_month(files).items()):
        left, path = dict(of_month), part.path(lake, pipeline, month)
        if path in months:
            try:
                yield from _known(lake, path, months[path], of_month, columns, left)
            except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
                log.warning("%s is damaged and is made anew: %s", lake.uri(path), error)
                lake.fs.rm_file(path)
                left = dict(of_month)
        unknown += len(left)
        for name in sorted(left):
            yield from _read_itself(lake, part, name, left[name], columns)
    if unknown:
        log.info("The index %s of %s is older than its tables: %d files were read", part.name, pipeline, unknown)


def _read_itself(
    lake: Lake, part: IndexPart, path: str, info: Mapping[str, Any], columns: Sequence[str]
) -> Iterator[Rows]:
    """Index rows of a file of a table, made of the file."""
    sources = [part.derived[name][0] if name in part.derived else name for name in columns]
    start = 0
    for rows in read_groups(lake, path, sources, info["size"]):
        for name, source in zip(columns, sources, strict=True):
            if name != source and source in rows.column_names:
                rows = rows.append_column(name, part.derived[name][1](rows))
        yield path, start, conform(rows, pa.schema([part.schema.field(name) for name in columns]))
        start += rows.num_rows


def _known(
    lake: Lake, path: str, info: Mapping[str, Any], wanted: Files, columns: Sequence[str], left: dict[str, Any]
) -> Iterator[Rows]:
    """Rows of the wanted files that a month's file knows as they are; takes those out of `left`."""
    with _opened(lake, path, info) as file:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        listed = [(lake.root + name, state) for name, state in json.loads(parquet.schema_arrow.metadata[_FILES])]
        known = {
            number: name
            for number, (name, state) in enumerate(listed)
            if name in wanted and stamp(wanted[name]) == state
        }
        place = parquet.schema_arrow.names.index(_FILE)
        starts: Counter[str] = Counter()
        for group in range(parquet.num_row_groups):
            numbers = parquet.metadata.row_group(group).column(place).statistics
            if not numbers or not known.keys() & range(numbers.min, numbers.max + 1):
                continue
            rows = parquet.read_row_group(group, columns=[*columns, _FILE], use_threads=False)
            of_file = rows[_FILE].to_numpy()
            bounds = [0, *(np.flatnonzero(np.diff(of_file)) + 1).tolist(), len(of_file)]
            for start, end in pairwise(bounds):
                name = known.get(int(of_file[start]))
                if name is not None:
                    yield name, starts[name], rows.slice(start, end - start).select(columns)
                    starts[name] += end - start
    for name in known.values():
        del left[name]


def _opened(lake: Lake, path: str, info: Mapping[str, Any]) -> IO[bytes] | io.BufferedIOBase:
    """A month's file; a stage that reads it again asks the storage once."""
    key = path, stamp(info)
    if lake.is_local or info["size"] > _HELD_BYTES:
        return open_file(lake, path)
    if key not in _held:
        if sum(map(len, _held.values())) + info["size"] > _HELD_BYTES:
            _held.clear()
        _held[key] = open_file(lake, path, info["size"]).read()
    return io.BytesIO(_held[key])


def write_month(lake: Lake, pipeline: str, part: IndexPart, month: str, files: Files, months: Files) -> None:
    """Write a month anew, from what is known of it and the files that are new in it.

    Raises:
        RetryLater: it cannot be written, or was damaged and is gone now.
    """
    path, names = part.path(lake, pipeline, month), sorted(files)
    listed = json.dumps([[name.removeprefix(lake.root), stamp(files[name])] for name in names])
    schema = part.schema.append(pa.field(_FILE, pa.int32())).with_metadata({_FILES: listed.encode()})
    begun: set[str] = set()
    with open_table_writer(lake, path, schema) as writer:
        for name, start, rows in indexed_rows(lake, pipeline, part, files, part.schema.names, months):
            if not start and name in begun:
                raise RetryLater(f"{lake.uri(path)} was damaged; the next try makes it anew.")
            begun.add(name)
            number = pa.array(np.full(rows.num_rows, names.index(name), dtype=np.int32))
            writer.write(rows.append_column(_FILE, number).cast(schema))
