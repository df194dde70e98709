"""What a pull got from a source: its rows in files of the run's folder, and a few bytes of each in memory."""

import json
import logging
import uuid
from array import array
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from include.lake.raw_records import microseconds
from include.lake.row_hashes import Mask, Positions, RowHashes, row_hash
from include.lake.write import write_bytes
from include.sources.record import Record, UnreadableRecord
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

Row = Record | UnreadableRecord

# Of JSON lines: what a part holds in memory at most, before and after.
PART_BYTES = 2 * 1024 * 1024


class PullSpool:
    """The rows of one pull, written down part by part; memory holds 25 bytes of each.

    Parts that a checkpoint follows outlive the task: its retry begins with them. Each try names its own, so that one
    which was given up, and goes on all the same, overwrites nothing.
    """

    def __init__(self, work: WorkFiles) -> None:
        self._work = work
        self._lines: list[bytes] = []
        self._bytes = 0
        self._try = uuid.uuid4().hex[:12]
        self._parts: list[str] = []
        self._rows_of_part: list[int] = []
        self._ids, self._versions = array("q"), array("q")
        self._changed_at, self._is_record = array("q"), array("b")
        self.attributes: set[str] = set()
        # Rows of other windows, and what the file in `raw/` says about the pull.
        self.outside_window = 0
        self.notes: dict[bytes, bytes] = {}
        self.resume: dict[str, Any] | None = None
        self.window_start: datetime | None = None
        self._take_kept()

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier try left something to go on from."""
        return self.resume is not None

    @property
    def ids(self) -> RowHashes:
        """Hash of each row's record."""
        return np.asarray(self._ids)

    @property
    def versions(self) -> RowHashes:
        """Hash of each row's version of its record."""
        return np.asarray(self._versions)

    @property
    def changed_at(self) -> Positions:
        """Microseconds since 1970."""
        return np.asarray(self._changed_at)

    @property
    def is_record(self) -> Mask:
        """Rows that are records; the others are unreadable."""
        return np.asarray(self._is_record).view(np.bool_)

    def add(self, row: Row, changed_at: datetime) -> None:
        """Take one row in."""
        self._note(row, changed_at)
        line = orjson.dumps({"record": isinstance(row, Record), "changed_at": changed_at, "row": row})
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= PART_BYTES:
            self._write_part()

    def commit(self, resume: Mapping[str, Any], window_start: datetime | None) -> None:
        """A retry gets the rows so far from here, and asks the source to go on at `resume`.

        Args:
            window_start: of what the source was asked for; the retry asks for the same.
        """
        self._write_part()
        position = {
            "parts": self._parts,
            "resume": dict(resume),
            "outside_window": self.outside_window,
            "window_start": window_start and window_start.isoformat(),
        }
        write_bytes(self._work.lake, self._path("position.json"), json.dumps(position).encode())

    def finish(self) -> None:
        """Write down what came after the last checkpoint."""
        self._write_part()

    def rows(self, chosen: Mask) -> Iterator[list[tuple[Row, datetime]]]:
        """Some of the rows, each with its `changed_at`, a part at a time."""
        start = 0
        for part, count in zip(self._parts, self._rows_of_part, strict=True):
            of_part = chosen[start : start + count]
            start += count
            if of_part.any():
                lines = self._read_part(part)
                yield [_row(line) for line, is_chosen in zip(lines, of_part, strict=True) if is_chosen]

    def forget(self) -> None:
        """The rows are in the lake's tables now: the next pull of this run begins anew."""
        self._work.lake.remove_folder(self._path())

    def _note(self, row: Row, changed_at: datetime) -> None:
        self._ids.append(row_hash(row.record_id))
        self._versions.append(row_hash(row.record_id, row.record_version))
        self._changed_at.append(microseconds(changed_at))
        self._is_record.append(isinstance(row, Record))
        if isinstance(row, Record):
            self.attributes.update(row.attributes)

    def _write_part(self) -> None:
        if self._lines:
            content = pa.Codec("zstd").compress(b"\n".join(self._lines), asbytes=True)
            size = self._bytes + len(self._lines) - 1
            # The size comes first: without it nothing can be decompressed in one step.
            part = f"{self._try}-{len(self._parts):06d}.jsonl.zst"
            write_bytes(self._work.lake, self._path(part), size.to_bytes(8, "little") + content)
            self._parts.append(part)
            self._rows_of_part.append(len(self._lines))
            self._lines, self._bytes = [], 0

    def _read_part(self, part: str) -> list[bytes]:
        content = self._work.lake.fs.cat_file(self._path(part))
        size = int.from_bytes(content[:8], "little")
        lines: bytes = pa.Codec("zstd").decompress(content[8:], size, asbytes=True)
        return lines.split(b"\n")

    def _take_kept(self) -> None:
        try:
            position = json.loads(self._work.lake.fs.cat_file(self._path("position.json")))
        except FileNotFoundError:
            return
        for part in position["parts"]:
            rows = [_row(line) for line in self._read_part(part)]
            for row, changed_at in rows:
                self._note(row, changed_at)
            self._parts.append(part)
            self._rows_of_part.append(len(rows))
        self.resume = position["resume"]
        self.outside_window = position.get("outside_window", 0)
        start = position["window_start"]
        self.window_start = datetime.fromisoformat(start) if start else None
        log.info("%d rows of an earlier try are kept; the source is asked for the rest", len(self._ids))

    def _path(self, *parts: str) -> str:
        return self._work.path("pulled", *parts)


def _row(line: bytes) -> tuple[Row, datetime]:
    held = orjson.loads(line)
    fields, changed_at = held["row"], datetime.fromisoformat(held["changed_at"])
    if fields["occurred_at"] is not None:
        fields["occurred_at"] = datetime.fromisoformat(fields["occurred_at"])
    return (Record(**fields) if held["record"] else UnreadableRecord(**fields)), changed_at
