"""The ledger: every paid answer is in it before it counts as done.

Each attempt at a shard appends to a file of its own, so a zombie attempt can do no harm and nobody needs a lock.
Readers merge by key: the first answered line wins over any failure, and a torn line is ignored. On a local
lake each line is handed to the operating system before `append` returns, so a killed process loses nothing that it
acknowledged. Object storage cannot append: there lines are uploaded in segments every `NIGHTSHIFT_LEDGER_FLUSH_SECONDS`
(5 by default), so a kill loses at most the answers of that span.

While the disk is full or the storage is away lines wait in memory, at most `MAX_AHEAD` and those of calls in flight.
"""

import errno
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import IO, Any

import orjson

from include.errors import NightshiftError, RetryLater
from include.lake.effort import NO_EFFORT, UNKNOWN_SERVICE, Effort, Service, Usage
from include.lake.paths import Lake
from include.lake.row_groups import open_file
from include.lake.storage import PATIENCE_SECONDS, storage_error

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
# What a kill may cost while the ledger cannot be written: some cents of a small model, a dollar of a large one. Half of
# it is uploaded without waiting for the time, so that a fast endpoint is not held up.
MAX_AHEAD = 1_000


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The outcome of one question: an answer, or the reason why there is none.

    Args:
        key: answer key.
        answer: as it is stored; None when it failed.
        processed_at: ISO time, UTC.
        error_type, error_message, raw_output: set when it failed.
        reused: whether an earlier run paid for it.
        is_notes: whether it is a step on the way to an answer, whose entry counts the effort too.
        step_of: key of that answer.
        service: of the last request.
        is_unusable: whether it is no outcome, only what was paid for a text before the shard had to stop.
    """

    key: str
    answer: dict[str, Any] | None
    effort: Effort
    processed_at: str
    error_type: str | None = None
    error_message: str | None = None
    raw_output: str | None = None
    reused: bool = False
    is_notes: bool = False
    service: Service = UNKNOWN_SERVICE
    is_unusable: bool = False
    step_of: str | None = None


# A line has the parts of the effort beside the others.
_OWN = tuple(field.name for field in fields(LedgerEntry) if field.name != "effort")
_OF_EFFORT = tuple(field.name for field in fields(Effort))
_NAMES = (*_OWN, *_OF_EFFORT)
_values = attrgetter(*_OWN, *(f"effort.{name}" for name in _OF_EFFORT))


def total_spent(entries: Iterable[LedgerEntry]) -> Effort:
    """What they took together."""
    return sum((entry.effort for entry in entries), NO_EFFORT)


class LedgerWriter:
    """Appends one attempt's entries. Use as a context manager.

    Args:
        lake: where.
        folder: of the ledger in the lake.
        flush_seconds: on object storage, how long an answer may be in memory only.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        lake: Lake,
        folder: str,
        flush_seconds: float = FLUSH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lake, self.folder = lake, folder
        self._attempt = f"{folder}/{uuid.uuid4().hex}"
        self._flush_seconds, self._clock = flush_seconds, clock
        self._file: IO[bytes] | None = None
        self._pending: deque[bytes] = deque()
        # What is being written. A segment that failed is written again as it was: the first upload may still arrive.
        self._segment: list[bytes] = []
        self._segments = 0
        self._flushed_at = clock()
        self._failing_since: float | None = None
        # Flushed by a thread, so that an upload does not hold up the calls.
        self._writing = threading.Lock()
        # Whether each line of a local file is there once, and none is torn.
        self.is_whole = True
        self._is_torn = False

    def __enter__(self) -> "LedgerWriter":
        if self.lake.is_local:
            self.lake.fs.makedirs(self._attempt.rpartition("/")[0], exist_ok=True)
            self._file = open(f"{self._attempt}.jsonl", "ab", buffering=0)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            self._flush(self.lake if error is None else self.lake.hurried)
        except NightshiftError as trouble:
            if error is None:
                raise
            # What ended the shard says more than that its last answers could not be kept.
            log.error("%s", trouble)
        finally:
            if self._file is not None:
                self._file.close()

    def append(self, entry: LedgerEntry) -> None:
        """Write one outcome down. On a local lake with free space it survives a kill once this returns."""
        line = dict(zip(_NAMES, _values(entry), strict=True))
        self._pending.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if self._file is not None and self._failing_since is None:
            # A disk that is full is tried again by the next `flush`.
            with suppress(NightshiftError):
                self.flush()

    @property
    def waiting(self) -> int:
        """Lines that are in memory only."""
        return len(self._pending) + len(self._segment)

    @property
    def is_due(self) -> bool:
        """Whether lines would wait for longer than they may if they were not uploaded before the next look."""
        since = self._clock() - self._flushed_at
        if self._failing_since is not None:
            return self.waiting > 0 and since >= self.look_seconds
        is_late = since >= self._flush_seconds - self.look_seconds
        return self.waiting >= MAX_AHEAD / 2 or (self.waiting > 0 and is_late)

    @property
    def is_full(self) -> bool:
        """Whether so many lines are in memory only that no text may be begun."""
        return self.waiting >= MAX_AHEAD

    @property
    def has_failed(self) -> bool:
        """Whether it could not be written for longer than the storage's patience."""
        return self._failing_since is not None and self._clock() - self._failing_since >= PATIENCE_SECONDS

    @property
    def look_seconds(self) -> float:
        """How often to look whether lines are due."""
        return min(self._flush_seconds / 5, 1.0)

    def flush(self) -> None:
        """Write what waits, in one try.

        Raises:
            RetryLater: the disk is full or the object storage is away; what waits is kept for the next call.
            ConfigurationError: the storage refuses; what waits is kept too.
        """
        self._flush(self.lake.hurried)

    def _flush(self, lake: Lake) -> None:
        with self._writing:
            self._flushed_at = self._clock()
            while self.waiting:
                if not self._segment:
                    self._segment = [self._pending.popleft() for _ in range(len(self._pending))]
                try:
                    self._write(lake, b"".join(self._segment))
                except Exception as error:  # whatever it is, what was paid for is kept
                    self.is_whole = False
                    if self._failing_since is None:
                        self._failing_since = self._clock()
                    place = self.lake.uri(self._attempt)
                    trouble = storage_error(error, place) or RetryLater(f"{place} cannot be written ({error!r}).")
                    kept = f"{self.waiting} outcomes that are paid for are in memory only."
                    raise type(trouble)(f"{trouble} {kept}") from error
                self._segment = []
            self._failing_since = None

    def _write(self, lake: Lake, lines: bytes) -> None:
        if self._file is None:
            lake.fs.pipe_file(f"{self._attempt}-{self._segments:06d}.jsonl", lines)
            self._segments += 1
            return
        # What a full disk has torn ends here, so that it takes no whole line with it.
        block = b"\n" * self._is_torn + lines
        self._is_torn = True
        if self._file.write(block) < len(block):
            raise OSError(errno.ENOSPC, "No space left on device")
        self._is_torn = False


def ledger_files(lake: Lake, folder: str) -> list[str]:
    """Files below a ledger folder, one or more of each attempt."""
    lake.fs.invalidate_cache(folder)
    return [path for path in lake.below(folder) if path.endswith(".jsonl")]


def scan_ledger(lake: Lake, folder: str) -> Iterator[LedgerEntry]:
    """Every line below a ledger folder, attempt by attempt; a key may come more than once."""
    for path in ledger_files(lake, folder):
        with open_file(lake, path) as file:
            for line in file:
                try:
                    values = orjson.loads(line)
                    usage, service = Usage(**values.pop("usage")), Service(**values.pop("service", {}))
                    effort = Effort(usage, *[values.pop(name) for name in _OF_EFFORT[1:]])
                    yield LedgerEntry(effort=effort, service=service, **values)
                except (ValueError, TypeError, KeyError, AttributeError):
                    # Torn by a kill in the middle of the write: it was never acknowledged.
                    continue


def read_ledger(lake: Lake, folder: str, keys: Collection[str] | None = None) -> dict[str, LedgerEntry]:
    """The outcome of each question below a ledger folder, by key.

    Args:
        keys: only these; None: all.
    """
    merged: dict[str, LedgerEntry] = {}
    for entry in scan_ledger(lake, folder):
        if not entry.is_unusable and (keys is None or entry.key in keys):
            known = merged.get(entry.key)
            if known is None or (known.answer is None and entry.answer is not None):
                merged[entry.key] = entry
    return merged
