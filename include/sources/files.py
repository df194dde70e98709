"""Any JSONL, CSV or Parquet files as a source, on any file system that fsspec knows."""

import json
import math
import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import fsspec

from include.errors import ConfigurationError
from include.settings import source_setting
from include.sources.clean import clean_text
from include.sources.record import Record, UnreadableRecord, content_version
from include.sources.redact import Redactor
from include.sources.rows import BadRow, read_rows

MAX_TEXT_CHARACTERS = 1_000_000
RAW_HEAD_CHARACTERS = 2_000
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".parquet", ".pq", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".csv.gz")
# Clocks differ; a text from the day after tomorrow was not written by a customer.
FUTURE_ALLOWED = timedelta(days=2)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Epoch seconds reach this in the year 5138, epoch milliseconds reached it in 1973.
MILLISECONDS_FROM = 100_000_000_000
_OWN_COLUMNS = frozenset(
    {"id", "record_id", "text", "turns", "created_at", "occurred_at", "record_version", "source_url"}
)

Attribute = str | int | float | bool | None


def read_files(
    location: str, *, source: str, attributes: Mapping[str, type], pulled_at: datetime
) -> Iterator[Record | UnreadableRecord]:
    """Records of all files at a location, redacted and cleaned, one at a time, files in the order of their names.

    Columns: `id` (or `record_id`), `text` (or `turns`: a list of `role` and `text`), `created_at` (or `occurred_at`;
    missing: `pulled_at`), `record_version` (missing: the hash of the text), `source_url`. All others become
    attributes; a declared one that does not convert becomes null rather than cost the customer's text its answer.

    Args:
        location: path, folder, glob or URI.
        source: pipeline name.
        attributes: types of the attributes that have one; all others are kept as text.
        pulled_at: UTC.

    Raises:
        ConfigurationError: there is no file at the location.
    """
    fs, paths = _find_files(location, source)
    for path in paths:
        for number, row in read_rows(fs, path):
            place = f"{posixpath.basename(path)}#L{number}"
            yield _record(row, place, source, attributes, pulled_at)


def _find_files(location: str, source: str) -> tuple[fsspec.AbstractFileSystem, list[str]]:
    try:
        fs, path = fsspec.url_to_fs(location)
        if fs.isdir(path):
            paths = [found for found in fs.find(path) if found.lower().endswith(ENDINGS)]
        elif any(mark in path for mark in "*?["):
            paths = [found for found in fs.glob(path) if found.lower().endswith(ENDINGS)]
        else:
            paths = [path] if fs.exists(path) else []
    except (ValueError, ImportError) as error:
        raise ConfigurationError(f"{source_setting(source)}={location!r} cannot be opened: {error}") from error
    if not paths:
        raise ConfigurationError(
            f"There is no file at {location!r}. Set {source_setting(source)} to a path, folder, glob or URI of "
            f"files that end in {', '.join(ENDINGS)}; an empty file is an empty batch."
        )
    return fs, sorted(paths)


def _record(
    row: dict[str, Any] | BadRow, place: str, source: str, attributes: Mapping[str, type], pulled_at: datetime
) -> Record | UnreadableRecord:
    redactor = Redactor()
    if isinstance(row, BadRow):
        return _unreadable(redactor, place, source, row.error_type, f"{place}: {row.error_message}", row.raw)
    raw = json.dumps(row, default=str, ensure_ascii=True).encode()
    given_id = row.get("id") if row.get("id") not in (None, "") else row.get("record_id")
    if given_id in (None, "") or isinstance(given_id, dict | list | bool):
        return _unreadable(redactor, place, source, "missing_id", f"{place}: there is no id or record_id", raw)
    record_id = clean_text(str(given_id))[:200] or place
    text = _text_of(row)
    if not text:
        return _unreadable(redactor, record_id, source, "empty_text", f"{place}: there is no text", raw)
    if len(text) > MAX_TEXT_CHARACTERS:
        message = f"{place}: the text has {len(text):,} characters, more than {MAX_TEXT_CHARACTERS:,}"
        return _unreadable(redactor, record_id, source, "too_large", message, raw)
    occurred_at = _time_of(row, pulled_at)
    if occurred_at is None:
        message = f"{place}: created_at is no time between 1970 and the day after tomorrow"
        return _unreadable(redactor, record_id, source, "bad_timestamp", message, raw)
    version, url = row.get("record_version"), row.get("source_url")
    return Record(
        record_id=record_id,
        record_version=clean_text(str(version))[:200] if version not in (None, "") else content_version(text),
        source=source,
        source_url=redactor.redact(clean_text(str(url))) if url else None,
        occurred_at=occurred_at,
        text=redactor.redact(text),
        attributes={
            name: _attribute(value, attributes.get(name, str), redactor)
            for name, value in ((_attribute_name(key), value) for key, value in row.items() if key not in _OWN_COLUMNS)
            if name
        },
        is_dated=_written_at(row) is not None,
    )


def _unreadable(
    redactor: Redactor, record_id: str, source: str, error_type: str, message: str, raw: bytes
) -> UnreadableRecord:
    head = clean_text(raw[: 4 * RAW_HEAD_CHARACTERS].decode("utf-8", "replace"))
    return UnreadableRecord(
        record_id=record_id,
        record_version=content_version(raw),
        source=source,
        occurred_at=None,
        error_type=error_type,
        error_message=message,
        raw=redactor.redact(head)[:RAW_HEAD_CHARACTERS],
    )


def _text_of(row: Mapping[str, Any]) -> str:
    turns = row.get("turns")
    if isinstance(turns, str):
        try:
            turns = json.loads(turns)
        except (ValueError, RecursionError):
            turns = None
    if isinstance(turns, list):
        lines = [
            f"{turn.get('role') or 'speaker'}: {turn['text']}"
            for turn in turns
            if isinstance(turn, dict) and isinstance(turn.get("text"), str) and turn["text"].strip()
        ]
        if lines:
            return clean_text("\n".join(lines))
    text = row.get("text")
    return clean_text(text) if isinstance(text, str) else ""


def _time_of(row: Mapping[str, Any], pulled_at: datetime) -> datetime | None:
    value = _written_at(row)
    if value is None:
        return pulled_at
    try:
        moment = _as_time(value)
    except (ValueError, OverflowError, OSError, TypeError):
        return None
    return moment if EPOCH <= moment <= pulled_at + FUTURE_ALLOWED else None


def _written_at(row: Mapping[str, Any]) -> Any:
    return next((row[name] for name in ("created_at", "occurred_at") if row.get(name) not in (None, "")), None)


def _as_time(value: Any) -> datetime:
    if isinstance(value, str) and re.fullmatch(r"\d{9,13}", value):
        value = int(value)
    if isinstance(value, bool):
        raise TypeError("a truth value is no time")
    if isinstance(value, int | float):
        seconds = value / 1_000 if abs(value) >= MILLISECONDS_FROM else value
        return datetime.fromtimestamp(seconds, UTC)
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        moment = datetime.fromisoformat(value.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _attribute_name(key: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", key.lower()).strip("_")[:60]


def _attribute(value: Any, kind: type, redactor: Redactor) -> Attribute:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind is str:
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
        return redactor.redact(clean_text(text))
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[str(value).strip().lower()]
        number = float(value)
        if kind is int:
            return int(number) if number.is_integer() and abs(number) < 2**63 else None
        return number if math.isfinite(number) else None
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
