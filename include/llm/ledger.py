"""The ledger: every paid answer is in it before it counts as done.

Each attempt at a shard appends to a file of its own, so a zombie attempt can do no harm and nobody needs a lock.
Readers merge by key: the first answered line wins over any failure, and a torn last line is ignored. On a local
lake each line is handed to the operating system before `append` returns, so a killed process loses nothing that it
acknowledged. Object storage cannot append: there lines are uploaded in segments every `NIGHTSHIFT_LEDGER_FLUSH_SECONDS`
(5 by default), so a kill loses at most the answers of that span.
"""

import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import IO, Any

import orjson

from include.errors import RetryLater
from include.lake.paths import Lake
from include.llm.usage import USAGE_COLUMNS, Usage

FLUSH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Service:
    """Who answered, and on which terms; null where it is not known.

    Args:
        mode: `online`.
        service_tier: as the response says that it is billed.
        endpoint: host[:port].
        dialect: how the endpoint is spoken to, in short.
    """

    mode: str | None = None
    service_tier: str | None = None
    endpoint: str | None = None
    dialect: str | None = None


# As columns of the lake, too.
SERVICE_COLUMNS = tuple(field.name for field in fields(Service))
SPENT_COLUMNS = (*USAGE_COLUMNS, "requests", "retries", "rate_limited", "cost_usd")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The outcome of one question: an answer, or the reason why there is none.

    Args:
        key: answer key.
        answer: as it is stored; None when it failed.
        error_type, error_message, raw_output: set when it failed.
        cost_usd: None when the price is unknown.
        attempts: times that the model was asked, re-asks included.
        requests, retries, rate_limited: calls that reached the provider, of these repeated ones, and 429s.
        processed_at: ISO time, UTC.
        reused: whether an earlier run paid for it.
        is_notes: whether it is a step on the way to an answer, whose entry counts the effort too.
        service: of the last request.
        is_unusable: whether it is no outcome, only what was paid for a text before the shard had to stop.
    """

    key: str
    answer: dict[str, Any] | None
    error_type: str | None
    error_message: str | None
    raw_output: str | None
    usage: Usage
    cost_usd: float | None
    attempts: int
    latency_ms: int
    requests: int
    retries: int
    rate_limited: int
    processed_at: str
    reused: bool = False
    is_notes: bool = False
    service: Service = Service()
    is_unusable: bool = False


def total_spent(entries: Iterable[LedgerEntry]) -> dict[str, Any]:
    """Tokens, calls and cost by the names of their columns in `runs/`; the cost is None when any is unknown."""
    total: dict[str, Any] = dict.fromkeys(SPENT_COLUMNS, 0)
    for entry in entries:
        for name in SPENT_COLUMNS:
            count = getattr(entry.usage if name in USAGE_COLUMNS else entry, name)
            total[name] = None if total[name] is None or count is None else total[name] + count
    return total


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
        self._lake = lake
        self._attempt = f"{folder}/{uuid.uuid4().hex}"
        self._flush_seconds, self._clock = flush_seconds, clock
        self._file: IO[bytes] | None = None
        self._pending: list[bytes] = []
        self._segments = 0
        self._flushed_at = clock()
        # Flushed by a thread, so that an upload does not hold up the calls.
        self._uploading = threading.Lock()

    def __enter__(self) -> "LedgerWriter":
        if self._lake.is_local:
            self._lake.fs.makedirs(self._attempt.rpartition("/")[0], exist_ok=True)
            self._file = open(f"{self._attempt}.jsonl", "ab", buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()

    def append(self, entry: LedgerEntry) -> None:
        """Write one outcome down. On a local lake it survives a kill once this returns."""
        line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        if self._file is not None:
            self._file.write(line)
        else:
            self._pending.append(line)

    @property
    def is_due(self) -> bool:
        """Whether lines would wait for longer than they may if they were not uploaded before the next look."""
        return bool(self._pending) and self._clock() - self._flushed_at >= self._flush_seconds - self.look_seconds

    @property
    def look_seconds(self) -> float:
        """How often to look whether lines are due."""
        return min(self._flush_seconds / 5, 1.0)

    def flush(self) -> None:
        """Upload what waits; on a local lake nothing does.

        Raises:
            RetryLater: the object storage is away; what waits is kept for the next call.
        """
        with self._uploading:
            self._flushed_at = self._clock()
            pending, self._pending = self._pending, []
            if not pending:
                return
            try:
                self._lake.fs.pipe_file(f"{self._attempt}-{self._segments:06d}.jsonl", b"".join(pending))
            except OSError as error:
                self._pending = pending + self._pending
                raise RetryLater(f"{self._lake.uri(self._attempt)} cannot be written ({error}).") from error
            self._segments += 1


def ledger_files(lake: Lake, folder: str) -> list[str]:
    """Files below a ledger folder, one or more of each attempt."""
    lake.fs.invalidate_cache(folder)
    return sorted(path for path in lake.fs.find(folder) if path.endswith(".jsonl"))


def scan_ledger(lake: Lake, folder: str) -> Iterator[LedgerEntry]:
    """Every line below a ledger folder, attempt by attempt; a key may come more than once."""
    for path in ledger_files(lake, folder):
        with lake.fs.open(path, "rb") as file:
            for line in file:
                try:
                    values = orjson.loads(line)
                    usage, service = Usage(**values.pop("usage")), Service(**values.pop("service", {}))
                    yield LedgerEntry(usage=usage, service=service, **values)
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
