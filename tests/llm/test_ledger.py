"""The ledger survives what a crash leaves behind."""

from dataclasses import replace
from pathlib import Path

import pytest

from include.lake.paths import Lake, open_lake
from include.llm.ledger import LedgerEntry, LedgerWriter, read_ledger
from include.llm.usage import Usage


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
        error_message=None,
        raw_output=None,
        usage=Usage(10, 0, 5),
        cost_usd=0.1,
        attempts=1,
        latency_ms=7,
        requests=1,
        retries=0,
        rate_limited=0,
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
