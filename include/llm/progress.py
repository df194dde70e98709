"""What a running shard shows: a line in its task's log, and a small file that `make run` reads."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from include.lake.paths import Lake
from include.llm.ledger import LedgerEntry

log = logging.getLogger(__name__)

FILE_EVERY_SECONDS = 2.0
LOG_EVERY_SECONDS = 5.0


@dataclass
class ShardProgress:
    """Counts of one shard so far. `cost_usd` is None when the price is unknown."""

    shard: int
    records: int
    done: int = 0
    failed: int = 0
    in_flight: int = 0
    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    records_per_second: float = 0.0
    pause_seconds: float = 0.0
    updated_at: str = ""

    def count(self, entry: LedgerEntry) -> None:
        """Add one outcome, or what was paid for none."""
        self.done += not entry.is_unusable
        self.failed += entry.answer is None and not entry.is_unusable
        self.requests += entry.requests
        self.retries += entry.retries
        self.rate_limited += entry.rate_limited
        self.prompt_tokens += entry.usage.prompt_tokens
        self.cached_tokens += entry.usage.cached_tokens
        self.completion_tokens += entry.usage.completion_tokens
        if self.cost_usd is not None:
            self.cost_usd = None if entry.cost_usd is None else self.cost_usd + entry.cost_usd


class ProgressReporter:
    """Writes a shard's progress now and then; called often, it mostly does nothing.

    Args:
        path: of the JSON file in the lake.
        clock: seconds, for tests.
    """

    def __init__(
        self, lake: Lake, path: str, progress: ShardProgress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lake, self._path, self._progress, self._clock = lake, path, progress, clock
        self._started = clock()
        self._resumed_at = progress.done
        self._filed_at = self._logged_at = float("-inf")

    def tick(self, final: bool = False) -> None:
        """Write the file and the log line if it is time, or if this is the end."""
        now, progress = self._clock(), self._progress
        elapsed = max(now - self._started, 1e-9)
        progress.records_per_second = round((progress.done - self._resumed_at) / elapsed, 2)
        if final or now - self._filed_at >= FILE_EVERY_SECONDS:
            self._filed_at = now
            progress.updated_at = datetime.now(UTC).isoformat()
            self._lake.fs.makedirs(self._path.rpartition("/")[0], exist_ok=True)
            self._lake.fs.pipe_file(self._path, json.dumps(asdict(progress)).encode())
        if final or now - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = now
            log.info("shard %d: %s", progress.shard, self._line())

    def _line(self) -> str:
        p = self._progress
        left = (p.records - p.done) / p.records_per_second if p.records_per_second else None
        return (
            f"{p.done} of {p.records} done ({p.failed} failed), {p.in_flight} in flight, {p.records_per_second:g}/s, "
            f"{p.rate_limited} x 429, {p.retries} retries, {p.prompt_tokens + p.completion_tokens:,} tokens, "
            f"{'cost unknown' if p.cost_usd is None else f'{p.cost_usd:.4f} USD'}, "
            f"{'time left unknown' if left is None else f'{left:.0f} s left'}"
            f"{f', the provider asks to wait {p.pause_seconds:.0f} s' if p.pause_seconds >= 1 else ''}"
        )
