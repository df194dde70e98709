"""`raw/`: normalised, redacted source records, and the queue of those that still wait for an outcome."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.index_rows import IndexPart, indexed_rows
from include.lake.paths import Lake, is_trial
from include.lake.row_groups import file_schema, read_rows
from include.lake.row_hashes import Mask, Positions, RowHashes, newest_of_each, row_hashes
from include.lake.schemas import RAW_FIELDS, UTC_TIME

# When a record counts as new: the source's time of its last change, else of its writing, else that of the pull. Null
# in files of before there was the column: then the time of writing counts.
CHANGED_AT = pa.field("changed_at", UTC_TIME)
# Of the rules that the text was redacted by; null in files of before there was the column.
REDACTION_VERSION = pa.field("redaction_version", pa.string())
# What the records of a run do without.
RAW_ONLY = (CHANGED_AT, REDACTION_VERSION)
# What a pull notes about itself in its file: when it was (UTC), and, once a try of the run has done so, that it asked
# the live source for all since the last success, or which files it read whole for that (JSON: version by name).
PULLED_AT, PULLED_ALL, PULLED_FILES = b"pulled_at", b"pulled_all", b"pulled_files"
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_ARROW_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def raw_schema(declared: Mapping[str, type], others: Iterable[str] = ()) -> pa.Schema:
    """Schema of `raw/`: the system columns, then `attr_*` by name.

    Args:
        declared: types of the pipeline's attributes.
        others: names of attributes that it does not declare; they are kept as text.
    """
    types = {name: pa.string() for name in others} | {name: _ARROW_TYPES[t] for name, t in declared.items()}
    attributes = [pa.field(f"attr_{name}", types[name]) for name in sorted(types)]
    return pa.schema([*RAW_FIELDS, *RAW_ONLY, *attributes])


def attribute_names(schemas: Iterable[pa.Schema]) -> set[str]:
    """Names of all attributes, without `attr_`."""
    return {name.removeprefix("attr_") for schema in schemas for name in schema.names if name.startswith("attr_")}


@dataclass(frozen=True)
class RawIndex:
    """All rows of `raw/` by row_hash, in the order in which they were pulled: 28 bytes a row, and no text.

    Args:
        paths: of the files, in the order of their pulls.
        file: place in `paths`, of each row.
        row: position in its file.
        ids, versions: row_hashes of the record and of this version of it.
        changed_at: microseconds since 1970, UTC.
    """

    lake: Lake
    paths: list[str]
    file: np.ndarray[Any, np.dtype[np.int32]]
    row: np.ndarray[Any, np.dtype[np.int32]]
    ids: RowHashes
    versions: RowHashes
    changed_at: Positions

    def newest(self, of: Mask) -> Mask:
        """Those of some rows that no row of the same record is newer than, by `changed_at` and then by its pull."""
        rivals = np.flatnonzero(np.isin(self.ids, np.unique(self.ids[of])))
        newest = np.zeros(len(self.ids), dtype=np.bool_)
        newest[rivals[newest_of_each(self.ids[rivals], self.changed_at[rivals])]] = True
        return newest & of

    def within(self, start: datetime | None, end: datetime | None) -> Mask:
        """Rows that changed in [start, end); None: no bound on that side."""
        inside = np.ones(len(self.ids), dtype=np.bool_)
        if start is not None:
            inside &= self.changed_at >= microseconds(start)
        if end is not None:
            inside &= self.changed_at < microseconds(end)
        return inside

    def of_file(self, path: str) -> Mask:
        """Rows of one file."""
        place = self.paths.index(path) if path in self.paths else -1
        return self.file == place

    @property
    def of_trials(self) -> Mask:
        """Rows that trials have pulled."""
        return np.isin(self.file, [place for place, path in enumerate(self.paths) if is_trial(path)])

    def only(self, these: Mask) -> "RawIndex":
        """The same without all other rows."""
        columns = ("file", "row", "ids", "versions", "changed_at")
        return replace(self, **{name: getattr(self, name)[these] for name in columns})

    def schemas(self, of: Mask) -> list[pa.Schema]:
        """Schemas of the files that hold some rows."""
        return [file_schema(self.lake, self.paths[place]) for place in np.unique(self.file[of])]

    def read(self, of: Mask) -> Iterator[pa.Table]:
        """Some rows with all their columns, read from the row groups that hold them."""
        for place in np.unique(self.file[of]):
            yield from read_rows(self.lake, self.paths[place], self.row[of & (self.file == place)].astype(np.int64))


def read_index(lake: Lake, pipeline: str, with_trials: bool = True) -> RawIndex:
    """Index `raw/` of a pipeline from its ids, versions and times: about a second for a million rows.

    Args:
        with_trials: whether what only trials have pulled counts. For a night it does not: it would be due.

    Raises:
        RetryLater: a file cannot be read.
    """
    files = {path: info for path, info in lake.listed("raw", pipeline).items() if with_trials or not is_trial(path)}
    pulled_at = dict.fromkeys(files, "")
    parts: dict[str, list[tuple[RowHashes, RowHashes, Positions]]] = {path: [] for path in files}
    for path, start, rows in indexed_rows(lake, pipeline, RAW_INDEX, files, RAW_INDEX.schema.names):
        pulled_at[path] = rows["pulled_at"][0].as_py() if rows.num_rows else pulled_at[path]
        parts[path] = [*(parts[path] if start else []), _index_rows(rows)]
    paths = sorted(files, key=lambda path: (pulled_at[path], path))
    counts = [sum(len(ids) for ids, _, _ in parts[path]) for path in paths]
    file = np.repeat(np.arange(len(paths), dtype=np.int32), counts)
    starts = np.searchsorted(file, np.arange(len(paths)))
    groups = [group for path in paths for group in parts.pop(path)]
    return RawIndex(
        lake=lake,
        paths=paths,
        file=file,
        row=(np.arange(len(file)) - starts[file]).astype(np.int32),
        ids=_joined([ids for ids, _, _ in groups]),
        versions=_joined([versions for _, versions, _ in groups]),
        changed_at=_joined([changed_at for _, _, changed_at in groups]),
    )


def pull_notes(lake: Lake, path: str) -> Mapping[bytes, bytes]:
    """What the pull that wrote a file of `raw/` noted about itself."""
    return file_schema(lake, path).metadata or {}


def microseconds(moment: datetime) -> int:
    """Since 1970, as Arrow counts them."""
    return (moment - _EPOCH) // _MICROSECOND


def _index_rows(rows: pa.Table) -> tuple[RowHashes, RowHashes, Positions]:
    ids, versions = rows["record_id"].to_pylist(), rows["record_version"].to_pylist()
    changed_at = pc.coalesce(rows[CHANGED_AT.name], rows["occurred_at"])
    return row_hashes(ids), row_hashes(ids, versions), changed_at.cast(pa.int64()).to_numpy()


def _pulled_at(rows: pa.Table) -> pa.Array:
    return pa.repeat((rows.schema.metadata or {}).get(PULLED_AT, b"").decode(), rows.num_rows)


def _joined(parts: list[Positions]) -> Positions:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


RAW_INDEX = IndexPart(
    "raw",
    ("raw",),
    pa.schema([*(RAW_FIELDS[place] for place in (0, 1, 4)), CHANGED_AT, pa.field("pulled_at", pa.string())]),
    {"pulled_at": ("record_id", _pulled_at)},
)
