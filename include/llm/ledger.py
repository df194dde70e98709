"""The ledger: every paid answer is in it before it counts as done.

Each attempt at a shard appends to a file of its own, so a zombie attempt can do no harm and nobody needs a lock.
Readers merge by key: the first answered line wins over any failure, and a torn last line is ignored. On a local
lake each line is flushed to the operating system before `append` returns, so a killed process loses nothing that it
acknowledged. Object storage cannot append: there lines are uploaded in segments every `SEGMENT_SECONDS`, so a kill
loses at most the answers of that span.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any

from include.lake.paths import Lake
from include.llm.usage import Usage

# What a crash may cost on object storage, in seconds of answers.
SEGMENT_SECONDS = 5.0


@dataclass(frozen=True)
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


class LedgerWriter:
    """Appends one attempt's entries. Use as a context manager.

    Args:
        lake: where.
        folder: of the ledger in the lake.
        clock: seconds, for tests.
    """

    def __init__(self, lake: Lake, folder: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._lake = lake
        self._attempt = f"{folder}/{uuid.uuid4().hex}"
        self._clock = clock
        self._file: IO[bytes] | None = None
        self._pending: list[bytes] = []
        self._segments = 0
        self._flushed_at = clock()

    def __enter__(self) -> "LedgerWriter":
        if self._lake.is_local:
            self._lake.fs.makedirs(self._attempt.rpartition("/")[0], exist_ok=True)
            self._file = open(f"{self._attempt}.jsonl", "ab")
        return self

    def __exit__(self, *_: object) -> None:
        self._upload()
        if self._file is not None:
            self._file.close()

    def append(self, entry: LedgerEntry) -> None:
        """Write one outcome down. On a local lake it survives a kill once this returns."""
        line = json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if self._file is not None:
            self._file.write(line)
            self._file.flush()
            return
        self._pending.append(line)
        if self._clock() - self._flushed_at >= SEGMENT_SECONDS:
            self._upload()

    def _upload(self) -> None:
        if self._pending:
            self._lake.fs.pipe_file(f"{self._attempt}-{self._segments:06d}.jsonl", b"".join(self._pending))
            self._segments += 1
            self._pending.clear()
        self._flushed_at = self._clock()


def read_ledger(lake: Lake, folder: str) -> dict[str, LedgerEntry]:
    """All outcomes below a ledger folder, by key."""
    lake.fs.invalidate_cache(folder)
    merged: dict[str, LedgerEntry] = {}
    for path in sorted(path for path in lake.fs.find(folder) if path.endswith(".jsonl")):
        for entry in _entries(lake, path):
            known = merged.get(entry.key)
            if known is None or (known.answer is None and entry.answer is not None):
                merged[entry.key] = entry
    return merged


def _entries(lake: Lake, path: str) -> Iterator[LedgerEntry]:
    with lake.fs.open(path, "rb") as file:
        for line in file:
            try:
                fields = json.loads(line)
                usage = Usage(**fields.pop("usage"))
                yield LedgerEntry(usage=usage, **fields)
            except (ValueError, TypeError, KeyError):
                # Torn by a kill in the middle of the write: it was never acknowledged.
                continue
