"""What a pull brought is read back as it was, and lies in files only where a retry or the memory needs it."""

import base64
import random
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from include.lake.raw_records import microseconds, raw_schema
from include.lake.schemas import UTC_TIME
from include.sources.record import Record, UnreadableRecord
from include.stages.pull_spool import HELD_BYTES, PullSpool
from include.stages.work_files import WorkFiles
from tests.stages.running import Deployment

MOMENT = datetime(2026, 11, 20, 3, 4, 5, 678901, tzinfo=UTC)
TYPES = {"rating": int, "share": float, "is_paid": bool}


@pytest.fixture
def work(tmp_path: Path) -> WorkFiles:
    """Of a run that has pulled nothing yet."""
    deployment = Deployment(tmp_path, "http://127.0.0.1:1/v1")
    deployment.write_source([])
    return WorkFiles(deployment.lake, deployment.settle())


def record(number: int, text: str = "It crashes.", **attributes: str | int | float | bool | None) -> Record:
    """A record with these attributes."""
    return Record(f"r-{number}", "1", "tests", None, MOMENT - timedelta(days=number), text, attributes)


def files(work: WorkFiles) -> list[Path]:
    """What the pull has written."""
    return sorted(Path(work.path("pulled")).glob("*"))


def test_records_are_read_back_as_they_were_whatever_their_attributes_and_length(work: WorkFiles) -> None:
    rows: list[Record | UnreadableRecord] = [
        record(0, rating=-(2**63), share=0.1 + 0.2, is_paid=True, note="2026-11-20T03:00:00Z"),
        UnreadableRecord("x", "2", "tests", MOMENT, "bad_timestamp", "x: created_at is no time", '{"id": "x"}'),
        record(1, 'A "quote", a \\ and a tab\t\n\u2028 😀 ' + "long " * 500_000, share=5e-324),
        UnreadableRecord("y", "3", "tests", None, "not_json", "y: no JSON", "y"),
        record(2, rating=2**63 - 1, share=1e308, is_paid=False, other=""),
    ]
    pulled = PullSpool(work)
    in_delhi = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    for row in rows:
        pulled.add(row, in_delhi)
    pulled.finish()
    schema = raw_schema(TYPES, pulled.attributes)
    read = [row for table in pulled.records(np.ones(5, dtype=np.bool_), schema) for row in table.to_pylist()]
    for row, was in zip(read, rows[::2], strict=True):
        assert isinstance(was, Record)
        attributes = {name: was.attributes.get(name.removeprefix("attr_")) for name in row if name.startswith("attr_")}
        of_no_column = ("attributes", "is_dated", "unreadable_values")
        expected = {name: value for name, value in asdict(was).items() if name not in of_no_column}
        assert row == {**expected, "changed_at": MOMENT, "redaction_version": None, **attributes}
    assert [row for part in pulled.unreadable(np.ones(5, dtype=np.bool_)) for row in part] == rows[1::2]
    only = np.array([False, False, True, True, False])
    assert [table["record_id"].to_pylist() for table in pulled.records(only, schema)] == [["r-1"]]
    assert [[row.record_id for row in part] for part in pulled.unreadable(only)] == [["y"]]
    assert pulled.changed_at.tolist() == [pa.scalar(MOMENT, UTC_TIME).value] * 5


def test_a_pull_without_checkpoints_writes_no_text_before_the_lakes_tables(work: WorkFiles) -> None:
    pulled = PullSpool(work)
    for number in range(1_000):
        pulled.add(record(number), MOMENT)
    pulled.finish()
    assert files(work) == []
    assert sum(table.num_rows for table in pulled.records(np.ones(1_000, dtype=np.bool_), raw_schema({}))) == 1_000


def test_what_does_not_fit_into_memory_is_written_down_and_goes_with_the_pull(work: WorkFiles) -> None:
    pulled, chance = PullSpool(work), random.Random(7)
    texts = [base64.b64encode(chance.randbytes(1_500_000)).decode() for _ in range(15)]
    assert sum(map(len, texts)) > 1.5 * HELD_BYTES
    for number, text in enumerate(texts):
        pulled.add(record(number, text), MOMENT)
    pulled.finish()
    assert files(work)
    read = [text for table in pulled.records(np.ones(15, dtype=np.bool_), raw_schema({})) for text in table["text"]]
    assert [text.as_py() for text in read] == texts
    pulled.forget()
    assert files(work) == []


def test_a_retry_begins_with_what_a_checkpoint_followed(work: WorkFiles) -> None:
    first = PullSpool(work)
    unreadable = UnreadableRecord("x", "2", "tests", None, "not_json", "x: no JSON", "x")
    for row in (replace(record(0, channel="mail"), unreadable_values=("rating",)), unreadable):
        first.add(row, MOMENT)
    first.outside_window = 3
    first.commit({"page": 1}, MOMENT - timedelta(days=1))
    first.add(record(1), MOMENT)
    retry = PullSpool(work)
    assert (retry.resume, retry.window_start, retry.outside_window) == ({"page": 1}, MOMENT - timedelta(days=1), 3)
    assert (retry.attributes, retry.is_record.tolist()) == ({"channel"}, [True, False])
    assert retry.unreadable_values(np.array([True, True])) == {"rating": 1}
    assert retry.unreadable_values(np.array([False, True])) == {}
    assert retry.versions.tolist() == first.versions.tolist()[:2]
    assert retry.changed_at.tolist() == [microseconds(MOMENT)] * 2
    schema = raw_schema({}, retry.attributes)
    assert [t["attr_channel"].to_pylist() for t in retry.records(np.ones(2, dtype=np.bool_), schema)] == [["mail"]]
    assert list(retry.unreadable(np.ones(2, dtype=np.bool_))) == [[unreadable]]
