"""The ledger survives what a crash leaves behind."""

import errno
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from fsspec.implementations.memory import MemoryFileSystem

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.lake.effort import Effort, Usage
from include.lake.paths import Lake, open_lake
from include.lake.storage import PATIENCE_SECONDS, Storage
from include.llm.ledger import MAX_AHEAD, LedgerEntry, LedgerWriter, read_ledger


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in a folder."""
    return open_lake(str(tmp_path))


def entry(key: str, answer: dict[str, str] | None) -> LedgerEntry:
    """An outcome that cost something."""
    return LedgerEntry(
        key=key,
        answer=answer,
        error_type=None if answer else "not_json",
        effort=Effort(Usage(10, 0, 5), 0.1, attempts=1, latency_ms=7, requests=1),
        processed_at="2026-11-23T00:00:00+00:00",
    )


def test_what_was_appended_is_on_disk_before_the_writer_closes(lake: Lake) -> None:
    with LedgerWriter(lake, f"{lake.root}/ledger") as ledger:
        ledger.append(entry("a", {"x": "1"}))
        assert read_ledger(lake, f"{lake.root}/ledger") == {"a": entry("a", {"x": "1"})}


def test_a_torn_last_line_is_ignored(lake: Lake, tmp_path: Path) -> None:
    with LedgerWriter(lake, f"{lake.root}/ledger") as ledger:
        ledger.append(entry("a", {"x": "1"}))
        ledger.append(entry("b", {"x": "2"}))
    (path,) = (tmp_path / "ledger").iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert list(read_ledger(lake, f"{lake.root}/ledger")) == ["a"]


def test_two_attempts_write_apart_and_an_answer_beats_a_failure(lake: Lake) -> None:
    for answer in (None, {"x": "1"}, None):
        with LedgerWriter(lake, f"{lake.root}/ledger") as ledger:
            ledger.append(entry("a", answer))
    assert read_ledger(lake, f"{lake.root}/ledger")["a"].answer == {"x": "1"}


def test_a_line_has_the_keys_of_the_version_before(lake: Lake, tmp_path: Path) -> None:
    before = {
        "key": "a", "answer": {"x": "1"}, "error_type": None, "error_message": None, "raw_output": None,
        "usage": {
            "prompt_tokens": 10, "cached_tokens": 0, "completion_tokens": 5, "reasoning_tokens": 0,
            "cache_write_tokens": 0,
        },
        "cost_usd": 0.1, "attempts": 1, "latency_ms": 7, "requests": 1, "retries": 0, "rate_limited": 0,
        "processed_at": "2026-11-23T00:00:00+00:00", "reused": False, "is_notes": False,
        "service": {"mode": None, "service_tier": None, "endpoint": None, "dialect": None},
        "is_unusable": False, "step_of": None,
    }  # fmt: skip
    with LedgerWriter(lake, f"{lake.root}/ledger") as ledger:
        ledger.append(entry("a", {"x": "1"}))
    (path,) = (tmp_path / "ledger").iterdir()
    assert json.loads(path.read_bytes()) == before
    path.write_bytes(json.dumps(before).encode())
    assert read_ledger(lake, f"{lake.root}/ledger") == {"a": entry("a", {"x": "1"})}


def test_a_text_with_line_separators_stays_one_line(lake: Lake) -> None:
    odd = {"x": "one\u2028two\u0085three\nfour"}
    with LedgerWriter(lake, f"{lake.root}/ledger") as ledger:
        ledger.append(entry("a", odd))
    assert read_ledger(lake, f"{lake.root}/ledger")["a"].answer == odd


def test_on_object_storage_answers_are_uploaded_in_segments() -> None:
    lake = open_lake("memory://segments")
    now = 0.0
    with LedgerWriter(lake, f"{lake.root}/ledger", flush_seconds=7.0, clock=lambda: now) as ledger:
        ledger.append(entry("a", {"x": "1"}))
        assert not ledger.is_due
        assert read_ledger(lake, f"{lake.root}/ledger") == {}
        ledger.append(replace(entry("b", {"x": "2"})))
        now = 7.0
        assert ledger.is_due
        ledger.flush()
        assert set(read_ledger(lake, f"{lake.root}/ledger")) == {"a", "b"}
        ledger.append(entry("c", {"x": "3"}))
    assert set(read_ledger(lake, f"{lake.root}/ledger")) == {"a", "b", "c"}


class Bucket(MemoryFileSystem):
    """A storage that takes some uploads only."""

    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[Exception] = []
        self.uploads: list[tuple[str, bytes]] = []

    def pipe_file(self, path: str, value: bytes, **kwargs: Any) -> None:
        """As a library does it, or fails to."""
        self.uploads.append((path, value))
        if self.refusals:
            raise self.refusals.pop(0)
        super().pipe_file(path, value, **kwargs)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """One that takes everything."""
    MemoryFileSystem.store.clear()
    yield Bucket()
    MemoryFileSystem.store.clear()


@pytest.mark.parametrize(
    ("refusal", "raised"),
    [
        (EndpointConnectionError(endpoint_url="http://x"), RetryLater),
        (ReadTimeoutError(endpoint_url="http://x"), RetryLater),
        (OSError(errno.EIO, "broken"), RetryLater),
        (RuntimeError("Session is closed"), RetryLater),
        (ValueError("what nobody thought of"), RetryLater),
        (PermissionError("no"), ConfigurationError),
    ],
    ids=repr,
)
def test_an_upload_that_fails_drops_nothing(bucket: Bucket, refusal: Exception, raised: type[NightshiftError]) -> None:
    lake = Lake(Storage(bucket), "/lake")
    bucket.refusals = [refusal]
    with LedgerWriter(lake, "/lake/ledger") as ledger:
        ledger.append(entry("a", {"x": "1"}))
        ledger.append(entry("b", None))
        with pytest.raises(raised, match="2 outcomes that are paid for are in memory only"):
            ledger.flush()
        assert ledger.waiting == 2
        ledger.append(entry("c", {"x": "3"}))
        ledger.flush()
        assert ledger.waiting == 0
        assert set(read_ledger(lake, "/lake/ledger")) == {"a", "b", "c"}
    # The first upload may yet arrive, late: it holds what its second try held.
    (first, lost), (second, kept), _ = bucket.uploads
    assert (first, lost) == (second, kept)


def test_what_ended_a_shard_is_not_hidden_by_a_ledger_that_cannot_be_written(
    bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.refusals = [EndpointConnectionError(endpoint_url="http://x")]

    def end() -> None:
        with LedgerWriter(Lake(Storage(bucket), "/lake"), "/lake/ledger") as ledger:
            ledger.append(entry("a", {"x": "1"}))
            raise NightshiftError("The key is refused.")

    with pytest.raises(NightshiftError, match="The key is refused"):
        end()
    assert "1 outcomes that are paid for are in memory only" in caplog.text


def test_it_is_due_by_its_time_by_its_size_and_after_a_failure_soon(bucket: Bucket) -> None:
    now = 0.0
    with LedgerWriter(Lake(Storage(bucket), "/lake"), "/lake/ledger", flush_seconds=5.0, clock=lambda: now) as ledger:
        for number in range(MAX_AHEAD // 2):
            assert not ledger.is_due
            ledger.append(entry(str(number), None))
        assert ledger.is_due
        bucket.refusals = [EndpointConnectionError(endpoint_url="http://x")] * 2
        with pytest.raises(RetryLater):
            ledger.flush()
        assert not ledger.is_due
        now = ledger.look_seconds
        assert ledger.is_due
        assert not ledger.is_full
        for number in range(MAX_AHEAD // 2):
            ledger.append(entry(f"more-{number}", None))
        assert ledger.is_full
        now = PATIENCE_SECONDS - 1
        assert not ledger.has_failed
        now = PATIENCE_SECONDS
        assert ledger.has_failed
        with pytest.raises(RetryLater):
            ledger.flush()
        ledger.flush()
        assert not ledger.has_failed
        assert not ledger.is_full


@contextmanager
def no_space_after(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes: what of a write has room is written, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 1, 50, 10_000])
def test_a_full_disk_throws_no_answer_away_and_tears_no_second_line(lake: Lake, tmp_path: Path, room: int) -> None:
    with LedgerWriter(lake, f"{lake.root}/ledger") as ledger:
        ledger.append(entry("a", {"x": "1"}))
        (path,) = (tmp_path / "ledger").iterdir()
        with no_space_after(path.stat().st_size + room):
            for number in range(50):
                ledger.append(entry(f"full-{number}", {"x": "y" * 300}))
            assert 0 < ledger.waiting <= 50
            with pytest.raises(RetryLater, match=f"{ledger.waiting} outcomes that are paid for are in memory only"):
                ledger.flush()
        ledger.append(entry("z", {"x": "2"}))
        ledger.flush()
        assert ledger.waiting == 0
        assert not ledger.is_whole
        ledger.append(entry("last", {"x": "3"}))
    assert set(read_ledger(lake, f"{lake.root}/ledger")) == {"a", *(f"full-{n}" for n in range(50)), "z", "last"}
