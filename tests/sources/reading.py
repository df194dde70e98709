"""Read files that a test writes, as a pipeline named `demo`."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.sources.columns import ColumnMapping
from include.sources.files.files import Files
from include.sources.normalise import MAX_TEXT_CHARACTERS, Normaliser
from include.sources.record import Record, UnreadableRecord
from include.sources.source import SourceRow, Window

PULLED_AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def read_files(
    location: str,
    *,
    source: str,
    attributes: Mapping[str, type],
    pulled_at: datetime,
    max_text_characters: int = MAX_TEXT_CHARACTERS,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    columns: str = "",
) -> Iterator[Record | UnreadableRecord]:
    """Records of all files at a location, read and normalised as a run does it.

    Args:
        columns: what NIGHTSHIFT_COLUMNS_DEMO says.
    """
    setting = f"NIGHTSHIFT_COLUMNS_{source.upper()}"
    normaliser = Normaliser(source, attributes, pulled_at, max_text_characters, clock)
    files = Files(location, f"NIGHTSHIFT_SOURCE_{source.upper()}", mapping=ColumnMapping.of(setting, columns))
    for item in files.pull(Window(None, pulled_at), None):
        if isinstance(item, SourceRow):
            yield normaliser.record(item.row, item.place)


def read_all(
    location: Path | str,
    attributes: Mapping[str, type] | None = None,
    max_text_characters: int = MAX_TEXT_CHARACTERS,
    pulled_at: datetime = PULLED_AT,
    now: datetime = PULLED_AT,
    columns: str = "",
) -> list[Record | UnreadableRecord]:
    """Everything at a location."""
    return list(
        read_files(
            str(location),
            source="demo",
            attributes=attributes or {},
            pulled_at=pulled_at,
            max_text_characters=max_text_characters,
            clock=lambda: now,
            columns=columns,
        )
    )


def read_lines(folder: Path, *lines: bytes | Mapping[str, Any], **options: Any) -> list[Record | UnreadableRecord]:
    """Everything in a JSONL file `rows.jsonl` of these lines."""
    path = folder / "rows.jsonl"
    path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return read_all(path, **options)


def read_record(folder: Path, row: Mapping[str, Any], **options: Any) -> Record:
    """The record that one row becomes; `id` and `text` are filled in where the row has none."""
    (record,) = read_lines(folder, {"id": "1", "text": "Parcel is late", **row}, **options)
    assert isinstance(record, Record), record
    return record


def read_unreadable(folder: Path, line: bytes | Mapping[str, Any], **options: Any) -> UnreadableRecord:
    """What one row becomes that is no record, between two good ones that must not suffer from it."""
    before, unreadable, after = read_lines(
        folder, {"id": "before", "text": "Good"}, line, {"id": "after", "text": "Good"}, **options
    )
    assert isinstance(before, Record) and before.record_id == "before"
    assert isinstance(after, Record) and after.record_id == "after"
    assert isinstance(unreadable, UnreadableRecord), unreadable
    return unreadable


def ids(rows: list[Record | UnreadableRecord]) -> list[str]:
    """Record ids in the order of reading."""
    return [row.record_id for row in rows]


def reasons(rows: list[Record | UnreadableRecord]) -> list[str]:
    """`record`, or why there is none, in the order of reading."""
    return [row.error_type if isinstance(row, UnreadableRecord) else "record" for row in rows]
