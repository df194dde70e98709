"""Ids that a lake holds in their old form: to earlier versions `12345.0` and `12345` were two, and now they are one."""

import numpy as np
import pyarrow.compute as pc

from include.lake.index_rows import indexed_rows
from include.lake.paths import Lake
from include.lake.raw_records import RAW_INDEX
from include.lake.row_hashes import RowHashes, row_hash, row_hashes

_OLD, _NEW = r"^-?\d+\.0$", r"^-?\d+$"


class OldIds:
    """The ids under which `raw/` knows records; it is read when the first whole number asks for it.

    A record keeps the id that the lake has: its outcomes stand under it, and other tables join by it.
    """

    def __init__(self, lake: Lake, pipeline: str) -> None:
        self._lake, self._pipeline = lake, pipeline
        self._held: tuple[RowHashes, RowHashes] | None = None

    def of(self, record_id: str, version: str) -> str:
        """The id of a record in this lake: the old form where that is in it, but for a version that has the new one.

        Args:
            record_id: in the new form.
            version: of the record.

        Raises:
            RetryLater: the lake cannot be read.
        """
        if not record_id.removeprefix("-").isdecimal():
            return record_id
        self._held = self._held or self._read()
        ids, versions = self._held
        old = f"{record_id}.0"
        is_old = len(ids) and _has(ids, row_hash(old)) and not _has(versions, row_hash(record_id, version))
        return old if is_old else record_id

    def _read(self) -> tuple[RowHashes, RowHashes]:
        """Hashes, in order, of the ids in the old form, and of the versions of those in the new one."""
        old = self._hashes(_OLD, "record_id")
        # Few lakes have any, and there the versions are not looked at.
        return old, self._hashes(_NEW, "record_id", "record_version") if len(old) else old

    def _hashes(self, form: str, *columns: str) -> RowHashes:
        files, hashes = self._lake.listed("raw", self._pipeline), [np.empty(0, dtype=np.int64)]
        for _, _, rows in indexed_rows(self._lake, self._pipeline, RAW_INDEX, files, columns):
            rows = rows.filter(pc.match_substring_regex(rows["record_id"], form))
            hashes.append(row_hashes(*(rows[name].to_pylist() for name in columns)))
        return np.unique(np.concatenate(hashes))


def _has(hashes: RowHashes, wanted: int) -> bool:
    at = int(np.searchsorted(hashes, wanted))
    return at < len(hashes) and bool(hashes[at] == wanted)
