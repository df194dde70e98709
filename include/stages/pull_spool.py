"""What a pull got from a source: its rows, compressed, and a few bytes of each beside them."""

import json
import logging
import uuid
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import compress
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json

from include.lake.raw_records import microseconds
from include.lake.row_hashes import Mask, Positions, RowHashes, row_hash
from include.lake.write import write_bytes
from include.sources.record import Record, UnreadableRecord
from include.stages.work_files import WorkFiles

log = logging.getLogger(__name__)

Row = Record | UnreadableRecord

# Of JSON lines: what a part holds in memory at most, before and after.
PART_BYTES = 2 * 1024 * 1024
# Compressed, some 200,000 reviews: only a pull that brings more is written down before it is in the lake's tables.
HELD_BYTES = 16 * 1024 * 1024


class PullSpool:
    """The rows of one pull part by part; memory holds 25 bytes of each, and the first megabytes of them all.

    What a checkpoint follows is written into files that outlive the task: its retry begins with them. Each try names
    its own, so that one which was given up, and goes on all the same, overwrites nothing.
    """

    def __init__(self, work: WorkFiles) -> None:
        self._work = work
        self._lines: list[bytes] = []
        self._bytes = 0
        self._try = uuid.uuid4().hex[:12]
        self._parts: list[str] = []
        self._rows_of_part: list[int] = []
        self._held: dict[str, bytes] = {}
        self._ids, self._versions = array("q"), array("q")
        self._changed_at, self._is_record = array("q"), array("b")
        self._columns: set[str] = set()
        self._unreadable_values: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
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

    @property
    def attributes(self) -> set[str]:
        """Names of all attributes that the records have."""
        return {name.removeprefix("attr_") for name in self._columns if name.startswith("attr_")}

    def add(self, row: Row, changed_at: datetime) -> None:
        """Take one row in."""
        held = {"changed_at": changed_at, **_fields(row)}
        self._note(row.record_id, row.record_version, changed_at, held)
        line = orjson.dumps(held)
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= PART_BYTES:
            self._end_part()

    def commit(self, resume: Mapping[str, Any], window_start: datetime | None) -> None:
        """A retry gets the rows so far from here, and asks the source to go on at `resume`.

        Args:
            window_start: of what the source was asked for; the retry asks for the same.
        """
        self._end_part()
        self._write_held()
        position = {
            "parts": self._parts,
            "resume": dict(resume),
            "outside_window": self.outside_window,
            "window_start": window_start and window_start.isoformat(),
        }
        write_bytes(self._work.lake, self._path("checkpoint.json"), json.dumps(position).encode())

    def finish(self) -> None:
        """Take in what came after the last checkpoint."""
        self._end_part()

    def records(self, chosen: Mask, schema: pa.Schema) -> Iterator[pa.Table]:
        """Some of the records, a part at a time.

        Args:
            schema: of `raw_schema`.
        """
        nullable = pa.schema([field.with_nullable(True) for field in schema])
        options = pyarrow.json.ParseOptions(explicit_schema=nullable, unexpected_field_behavior="ignore")
        for lines in self._chosen(chosen & self.is_record):
            content = b"\n".join(lines)
            # A text may be longer than a block.
            in_one_block = pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1)
            yield pyarrow.json.read_json(pa.BufferReader(content), in_one_block, options).select(schema.names)

    def unreadable(self, chosen: Mask) -> Iterator[list[UnreadableRecord]]:
        """Some of the rows that are no records, a part at a time."""
        for lines in self._chosen(chosen & ~self.is_record):
            yield [_unreadable(orjson.loads(line)["unreadable"]) for line in lines]

    def unreadable_values(self, chosen: Mask) -> dict[str, int]:
        """By attribute, how many of some rows have none because what the source says does not convert."""
        counts = Counter({name: int(chosen[places].sum()) for name, places in self._unreadable_values.items()})
        return dict(+counts)

    def forget(self) -> None:
        """The rows are in the lake's tables now: the next pull of this run begins anew."""
        if len(self._parts) > len(self._held):
            self._work.lake.remove_folder(self._path())

    def _chosen(self, chosen: Mask) -> Iterator[Iterator[bytes]]:
        start = 0
        for part, count in zip(self._parts, self._rows_of_part, strict=True):
            of_part = chosen[start : start + count]
            start += count
            if of_part.any():
                yield compress(self._read_part(part), of_part.tolist())

    def _note(self, record_id: str, version: str, changed_at: datetime, held: Mapping[str, Any]) -> None:
        self._ids.append(row_hash(record_id))
        self._versions.append(row_hash(record_id, version))
        self._changed_at.append(microseconds(changed_at))
        self._is_record.append("unreadable" not in held)
        self._columns.update(held)
        for name in held.get("unreadable_values", ()):
            self._unreadable_values[name].append(len(self._ids) - 1)

    def _end_part(self) -> None:
        if self._lines:
            content = pa.Codec("zstd").compress(b"\n".join(self._lines), asbytes=True)
            size = self._bytes + len(self._lines) - 1
            # The size comes first: without it nothing can be decompressed in one step.
            part = f"{self._try}-{len(self._parts):06d}.jsonl.zst"
            self._held[part] = size.to_bytes(8, "little") + content
            self._parts.append(part)
            self._rows_of_part.append(len(self._lines))
            self._lines, self._bytes = [], 0
            if sum(map(len, self._held.values())) > HELD_BYTES:
                self._write_held()

    def _write_held(self) -> None:
        for part, content in self._held.items():
            write_bytes(self._work.lake, self._path(part), content)
        self._held.clear()

    def _read_part(self, part: str) -> list[bytes]:
        content = self._held[part] if part in self._held else self._work.lake.fs.cat_file(self._path(part))
        size = int.from_bytes(content[:8], "little")
        lines: bytes = pa.Codec("zstd").decompress(content[8:], size, asbytes=True)
        return lines.split(b"\n")

    def _take_kept(self) -> None:
        try:
            position = json.loads(self._work.lake.fs.cat_file(self._path("checkpoint.json")))
        except FileNotFoundError:
            return
        for part in position["parts"]:
            lines = self._read_part(part)
            for held in map(orjson.loads, lines):
                row = held.get("unreadable", held)
                moment = datetime.fromisoformat(held["changed_at"])
                self._note(row["record_id"], row["record_version"], moment, held)
            self._parts.append(part)
            self._rows_of_part.append(len(lines))
        self.resume = position["resume"]
        self.outside_window = position.get("outside_window", 0)
        start = position["window_start"]
        self.window_start = datetime.fromisoformat(start) if start else None
        log.info("%d rows of an earlier try are kept; the source is asked for the rest", len(self._ids))

    def _path(self, *parts: str) -> str:
        return self._work.path("pulled", *parts)


def _fields(row: Row) -> dict[str, Any]:
    """A record under the names of its columns in `raw/`; another row as it is."""
    if isinstance(row, UnreadableRecord):
        return {"unreadable": row}
    return {
        "record_id": row.record_id,
        "record_version": row.record_version,
        "source": row.source,
        "source_url": row.source_url,
        "occurred_at": row.occurred_at,
        "text": row.text,
        **{f"attr_{name}": value for name, value in row.attributes.items()},
        **({"unreadable_values": row.unreadable_values} if row.unreadable_values else {}),
    }


def _unreadable(fields: dict[str, Any]) -> UnreadableRecord:
    if fields["occurred_at"] is not None:
        fields["occurred_at"] = datetime.fromisoformat(fields["occurred_at"])
    return UnreadableRecord(**fields)
