"""What a running shard shows: a line in its task's log, and a small file that `make run` and the pages read."""

import json
import logging
import math
import posixpath
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from include.errors import NightshiftError
from include.lake.paths import Lake
from include.lake.write import write_bytes
from include.llm.call_meter import CallMeter
from include.llm.ledger import LedgerEntry
from include.llm.prices import usd

log = logging.getLogger(__name__)

# Object storage charges for each write.
FILE_EVERY_SECONDS, FILE_EVERY_SECONDS_REMOTE = 2.0, 5.0
LOG_EVERY_SECONDS = 5.0
RATE_SECONDS = 60.0


@dataclass
class ShardProgress:
    """Counts of one shard so far; the fields are those of its file.

    Args:
        total: texts of the shard.
        attempt: number of the task's try.
        phase: `waiting` for the first answer, `asking`, `paused` by the provider or by the storage, `done`, `failed`.
        in_flight: calls that are sent and not answered.
        waiting_for_permit: calls that the rate limit holds back, or the server's own pace.
        at_a_time: how many calls the server seems to answer at a time, where it cannot take more; null where it can.
        waiting_to_retry: calls that failed and are sent again after a while.
        unwritten: outcomes that are in memory only, until the ledger takes them.
        rate_60s: outcomes a second in the last minute.
        rate_limited_60s, failures_60s: 429s, and other calls without an answer, of the last minute.
        last_error: the last of these in one sentence, or why the ledger cannot be written.
        paused_until: ISO time, UTC; null while nobody has to wait for it.
        tokens, cost_usd: of these, and of what was paid for none; the cost is None when the price is unknown.
        seconds_left_low, seconds_left_high: from what the last minute did; null when it did nothing.
    """

    shard: int
    total: int
    attempt: int = 1
    phase: str = "waiting"
    done: int = 0
    failed: int = 0
    in_flight: int = 0
    waiting_for_permit: int = 0
    at_a_time: int | None = None
    waiting_to_retry: int = 0
    unwritten: int = 0
    rate_60s: float = 0.0
    rate_limited_60s: int = 0
    failures_60s: int = 0
    last_error: str | None = None
    paused_until: str | None = None
    tokens: int = 0
    cost_usd: float | None = 0.0
    seconds_left_low: float | None = None
    seconds_left_high: float | None = None
    updated_at: str = ""

    def count(self, entry: LedgerEntry) -> None:
        """Add one outcome, or what was paid for none."""
        self.done += not entry.is_unusable
        self.failed += entry.answer is None and not entry.is_unusable
        self.tokens += entry.effort.usage.total
        cost_usd = entry.effort.cost_usd
        self.cost_usd = None if self.cost_usd is None or cost_usd is None else self.cost_usd + cost_usd

    def show(
        self,
        meter: CallMeter,
        pause_seconds: float,
        at_a_time: int | None,
        unwritten: int,
        ledger_trouble: str | None,
        is_held: bool,
    ) -> None:
        """Take in what the calls and the ledger are doing at this moment.

        Args:
            pause_seconds: how long the provider lets nobody go.
            at_a_time: how many calls it answers at a time, where others wait for that.
            unwritten: outcomes in memory only.
            ledger_trouble: why the ledger cannot be written; None while it can.
            is_held: whether no call is sent because so much is in memory only.
        """
        self.in_flight, self.waiting_for_permit = meter.in_flight, meter.waiting_for_permit
        self.waiting_to_retry, self.at_a_time = meter.waiting_to_retry, at_a_time
        self.rate_limited_60s, self.failures_60s = meter.rate_limited_60s, meter.failures_60s
        self.unwritten, self.last_error = unwritten, ledger_trouble or meter.last_error
        is_paused = pause_seconds >= 1
        now = datetime.now(UTC)
        self.paused_until = (now + timedelta(seconds=pause_seconds)).isoformat() if is_paused else None
        if is_paused or is_held:
            self.phase = "paused"
        elif self.phase != "waiting" or self.in_flight:
            self.phase = "asking"


def earlier_attempts(lake: Lake, path: str) -> int:
    """How often a shard was tried before, from the file that the last try left.

    Raises:
        RetryLater: the lake cannot be read.
    """
    try:
        return int(json.loads(lake.fs.cat_file(path))["attempt"])
    except (FileNotFoundError, ValueError, KeyError):
        return 0


def spent_by_shards(lake: Lake, path: str) -> dict[str, float]:
    """USD by number of the shard, from the files beside the one of this shard; those that cannot be read are left out.

    A little less than what was spent: a file is a few seconds old.
    """
    try:
        files = lake.fs.ls(posixpath.dirname(path), detail=False)
    except (OSError, NightshiftError):
        return {}
    spent = {}
    for file in files:
        with suppress(OSError, NightshiftError, ValueError, KeyError, TypeError):
            shown = json.loads(lake.fs.cat_file(file))
            spent[str(shown["shard"])] = float(shown["cost_usd"])
    return spent


class ProgressReporter:
    """Writes a shard's progress now and then; called often, it mostly does nothing.

    Args:
        path: of the JSON file in the lake.
        clock: seconds, for tests.
    """

    def __init__(
        self, lake: Lake, path: str, progress: ShardProgress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lake, self._path, self._progress, self._clock = lake.hurried, path, progress, clock
        self._file_every = FILE_EVERY_SECONDS if lake.is_local else FILE_EVERY_SECONDS_REMOTE
        # (time, outcomes by then), a minute back.
        self._samples = deque([(clock(), progress.done)])
        self._filed_at = self._logged_at = float("-inf")
        self._is_lost = False
        # One file at a time: a slow one must not replace the last one.
        self._writing = threading.Lock()

    def log_line(self, final: bool = False) -> None:
        """Log a line if it is time, or if this is the end."""
        now = self._clock()
        self._measure(now)
        if final or now - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = now
            log.info("shard %d: %s", self._progress.shard, self._line())

    def write_file(self, final: bool = False) -> None:
        """Write the file if it is time, or if this is the end. A file that cannot be written ends nothing."""
        with self._writing:
            if not final and (self._clock() - self._filed_at < self._file_every or self._progress.phase in _ENDED):
                return
            self._filed_at = self._clock()
            self._progress.updated_at = datetime.now(UTC).isoformat()
            try:
                write_bytes(self._lake, self._path, json.dumps(asdict(self._progress)).encode())
                self._is_lost = False
            except Exception as error:  # whatever it is, paid calls go on
                if not self._is_lost:
                    log.warning("The progress of shard %d cannot be shown: %s", self._progress.shard, error)
                self._is_lost = True

    def finish(self, phase: str) -> None:
        """Show the end of the shard.

        Args:
            phase: `done` or `failed`.
        """
        self._progress.phase = phase
        self.log_line(final=True)
        self.write_file(final=True)

    def _measure(self, now: float) -> None:
        progress = self._progress
        self._samples.append((now, progress.done))
        while self._samples[1][0] <= now - RATE_SECONDS:
            self._samples.popleft()
        began, before = self._samples[0]
        outcomes, seconds = progress.done - before, max(now - began, 1e-9)
        progress.rate_60s = round(outcomes / seconds, 2)
        # Two standard deviations of a count, and at least a tenth, because the pace changes too.
        margin = max(2 * math.sqrt(outcomes), outcomes / 10)
        left = (progress.total - progress.done) * seconds
        progress.seconds_left_low = round(left / (outcomes + margin), 1) if outcomes else None
        progress.seconds_left_high = round(left / (outcomes - margin), 1) if outcomes > margin else None

    def _line(self) -> str:
        p = self._progress
        low, high = p.seconds_left_low, p.seconds_left_high
        crowded = f"the server answers {p.at_a_time} at a time: {p.in_flight} in flight"
        left = "time left unknown" if low is None else f"{low:.0f} s left or more"
        parts = [
            f"{p.done} of {p.total} done ({p.failed} failed)",
            f"{p.in_flight} in flight" if p.at_a_time is None else crowded,
            f"{p.waiting_for_permit} wait for the rate limit" if p.waiting_for_permit and p.at_a_time is None else "",
            f"{p.waiting_to_retry} wait to be asked again" if p.waiting_to_retry else "",
            f"{p.rate_60s:g}/s",
            f"in the last minute {p.rate_limited_60s} x 429 and {p.failures_60s} failures",
            f"{p.tokens:,} tokens",
            f"cost {usd(p.cost_usd)}",
            left if low is None or high is None else f"{low:.0f} to {high:.0f} s left",
            f"the provider lets nobody go until {p.paused_until[:19]}Z" if p.paused_until else "",
            f"waits for the ledger, {p.unwritten} outcomes are in memory only" if p.unwritten and p.last_error else "",
            f"last error: {p.last_error}" if p.last_error else "",
        ]
        return ", ".join(part for part in parts if part)


_ENDED = ("done", "failed")
