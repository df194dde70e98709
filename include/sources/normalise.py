"""Turn a row of a file into a record: cleaned, redacted and checked."""

import functools
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from include.privacy.customer_key import CustomerKeys
from include.privacy.policy import RedactionPolicy
from include.privacy.redact import Redactor, redact_name
from include.sources.columns import columns_setting, shown_columns
from include.sources.fields import (
    OWN_COLUMNS,
    Attribute,
    Redact,
    as_json,
    attribute_of,
    canonical,
    id_of,
    is_given,
    named_columns,
    nested_texts,
    redacted_text,
    scalar_text,
    time_of,
)
from include.sources.markup import plain_text
from include.sources.record import Record, UnreadableRecord
from include.sources.record_id import damage
from include.sources.row import MAX_COLUMNS, BadRow
from include.sources.turn_names import text_of, with_turns
from include.text.address import without_signature
from include.text.clean import clean_text
from include.text.columns import column_name, content_version

MAX_TEXT_CHARACTERS = 1_000_000
# Clocks differ; a text from the day after tomorrow was not written by a customer.
FUTURE_ALLOWED = timedelta(days=2)
RAW_CHARACTERS = 2_000
SHOWN_COLUMNS = 30
# More is redacted than is kept, so that what is cut in two at the end of it lies behind what is kept.
RAW_READ_CHARACTERS = 64 * 1024
MAX_VERSION_CHARACTERS = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([nrtbf])|([\"\\/]))")


def now() -> datetime:
    """The present in UTC."""
    return datetime.now(UTC)


@dataclass
class Normaliser:
    """What turns the rows of one reading into records. A row that cannot become one never stops the rest.

    Args:
        source: pipeline name.
        attributes: types of the attributes that have one; all others are kept as text, lists and objects as JSON.
        pulled_at: UTC; when a record without a time is taken to have occurred.
        max_text_characters: a longer text or attribute is unreadable, as `too_large`.
        clock: the present in UTC. A time more than two days ahead of both it and `pulled_at` is no time: a backfill
            reads, and leaves to other windows, what was written after its own.
        redaction: what is taken out of texts, attributes and addresses.
        zone: of times that name none.
        environ: gives the secret of the customer keys.
    """

    source: str
    attributes: Mapping[str, type]
    pulled_at: datetime
    max_text_characters: int = MAX_TEXT_CHARACTERS
    clock: Callable[[], datetime] = now
    redaction: RedactionPolicy = field(default_factory=RedactionPolicy)
    zone: tzinfo = UTC
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def __post_init__(self) -> None:
        self._latest = max(self.pulled_at, self.clock()) + FUTURE_ALLOWED
        self._customer_keys = CustomerKeys.of_environ(self.environ)

    def record(self, row: Mapping[str, Any] | BadRow, place: str) -> Record | UnreadableRecord:
        """One row as a record, or as an unreadable one that says why.

        Args:
            row: as it was read.
            place: `<file name>#L<line>`, the id of a row without one.
        """
        if isinstance(row, BadRow):
            return self._bad_row(row, redact_name(place))
        if len(row) > MAX_COLUMNS:
            reason = f"the row has {len(row):,} columns, more than {MAX_COLUMNS}"
            return self._unreadable(row, None, place, "too_large", reason)
        columns = with_turns(named_columns(row, _meant_columns(self.redaction)))
        record_id = id_of(columns)
        try:
            occurred_at, time_error = self._checked_time(columns), ""
        except ValueError as error:
            occurred_at, time_error = None, str(error)
        if record_id is None:
            damaged = damage(columns.get("id")) or damage(columns.get("record_id"))
            cell = "id" if "id" in columns else "record_id" if "record_id" in columns else ""
            empty = f"its {cell} is empty, or neither a text nor a number" if cell else ""
            reason = damaged or empty or f"there is no id or record_id{self._columns_found(row, 'id')}"
            return self._unreadable(row, None, place, "damaged_id" if damaged else "missing_id", reason, occurred_at)
        text, error_type, reason = self._checked_text(columns, row)
        if not text:
            return self._unreadable(row, record_id, place, error_type, reason, occurred_at)
        ids = self.redaction.customer_id_columns
        others = {name: value for name, value in columns.items() if name not in OWN_COLUMNS and name not in ids}
        url = columns.get("source_url")
        for name, value in (("text", text), ("source_url", url), *others.items()):
            size = _characters(value)
            if size > self.max_text_characters:
                reason = f"{name} has {size:,} characters, more than {self.max_text_characters:,}"
                return self._unreadable(row, record_id, place, "too_large", reason, occurred_at)
        if time_error:
            return self._unreadable(row, record_id, place, "bad_timestamp", time_error)
        redactor = Redactor(self.redaction)
        # Whom a column names is then known in the text, where nothing else may say that it is a name.
        for name, named in nested_texts(others):
            if redactor.is_of_a_person(name):
                _clean_redact(redactor, name)(named, "")
        readable = text_of(columns, redactor.speaker)
        if not readable:
            return self._unreadable(row, record_id, place, "empty_text", "there is no text but markup", occurred_at)
        redacted = redactor.redact(readable)
        customer_key = self._customer_keys.of(columns.get(name) for name in ids)
        attributes = self._attributes(others, redactor)
        return Record(
            record_id=record_id,
            record_version=_version(columns.get("record_version")) or content_version(text),
            source=self.source,
            source_url=redactor.redact(clean_text(url), "source_url") or None if isinstance(url, str) else None,
            occurred_at=occurred_at or self.pulled_at,
            text=redacted,
            attributes=attributes | ({"customer_key": customer_key} if customer_key else {}),
            unreadable_values=tuple(name for name in others if attributes[name] is None and is_given(others[name])),
            is_dated=occurred_at is not None,
        )

    def _attributes(self, others: Mapping[str, Any], redactor: Redactor) -> dict[str, Attribute]:
        return {
            name: attribute_of(value, self.attributes.get(name, str), _clean_redact(redactor, name))
            for name, value in others.items()
        }

    def _columns_found(self, row: Mapping[str, Any], missing: str) -> str:
        if not row:
            return ""
        found = shown_columns(tuple(row), SHOWN_COLUMNS, self.redaction)
        return f" among the columns {found}; {columns_setting(self.source)}={missing}=<column> says which it is"

    def _checked_time(self, columns: Mapping[str, Any]) -> datetime | None:
        occurred_at = time_of(columns, self.zone)
        if occurred_at is not None and not EPOCH <= occurred_at <= self._latest:
            raise ValueError("the time lies before 1970 or in the future")
        return occurred_at

    def _checked_text(self, columns: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[str, str, str]:
        """The text, or without one the type of error and the reason."""
        try:
            text = text_of(columns)
        except ValueError as error:
            return "", "unreadable", str(error)
        if not text and isinstance(columns.get("text"), int | float | date):
            return "", "empty_text", "text is a number or a time and no text: export its column as text"
        found = "" if text or {"text", "turns"} & columns.keys() else self._columns_found(row, "text")
        return text, "empty_text", f"there is no text{found}"

    def _bad_row(self, row: BadRow, place: str) -> UnreadableRecord:
        head = without_signature(_without_escapes(row.raw[: 4 * RAW_READ_CHARACTERS].decode("utf-8", "replace")))
        return UnreadableRecord(
            record_id=place,
            record_version=content_version(row.raw),
            source=self.source,
            occurred_at=None,
            error_type=row.error_type,
            error_message=f"{place}: {row.error_message}",
            raw=Redactor(self.redaction).redact(plain_text(head))[:RAW_CHARACTERS],
        )

    def _unreadable(
        self,
        row: Mapping[str, Any],
        record_id: str | None,
        place: str,
        error_type: str,
        reason: str,
        occurred_at: datetime | None = None,
    ) -> UnreadableRecord:
        place = redact_name(place)
        return UnreadableRecord(
            record_id=record_id or place,
            record_version=content_version(canonical(row)),
            source=self.source,
            occurred_at=occurred_at,
            error_type=error_type,
            error_message=f"{place}: {reason}",
            raw=json.dumps(self._head(row), ensure_ascii=False)[:RAW_CHARACTERS],
        )

    def _head(self, row: Mapping[str, Any]) -> dict[str, str | None]:
        """The first columns of a row, redacted: no more of a huge one than is kept."""
        redactor = Redactor(self.redaction)
        head: dict[str, str | None] = {}
        size = 0
        for key, value in row.items():
            name = column_name(key)
            if value is None or name in self.redaction.customer_id_columns:
                continue
            text = redacted_text(_beginning(value), _clean_redact(redactor, name))
            head[_clean_redact(redactor, "")(key, "")[:100]] = text
            size += len(text or "")
            if size > RAW_CHARACTERS:
                break
        return head


def _characters(value: Any) -> int:
    if isinstance(value, Mapping | list | tuple):
        try:
            return len(as_json(value))
        except (ValueError, RecursionError):
            # It becomes null.
            return 0
    return len(value) if isinstance(value, str) else 0


def _beginning(value: Any) -> Any:
    """As much of a value as is redacted to keep less of it."""
    if _characters(value) <= RAW_READ_CHARACTERS:
        return value
    return value[:RAW_READ_CHARACTERS] if isinstance(value, str) else _without_escapes(as_json(value))


def _without_escapes(json_text: str) -> str:
    """The beginning of JSON that is cut or torn, as plain text: behind an escape personal data hides from its rule."""
    return clean_text(_JSON_ESCAPE.sub(_unescaped, json_text[:RAW_READ_CHARACTERS]))


def _clean_redact(redactor: Redactor, name: str) -> Redact:
    return lambda text, path: redactor.redact(plain_text(clean_text(text)), f"{name}{path}")


@functools.cache
def _meant_columns(redaction: RedactionPolicy) -> frozenset[str]:
    return frozenset((*OWN_COLUMNS, *redaction.person_columns, *redaction.customer_id_columns))


def _version(given: Any) -> str | None:
    if given is None or isinstance(given, Mapping | list | tuple):
        return None
    return clean_text(scalar_text(given))[:MAX_VERSION_CHARACTERS] or None


def _unescaped(escape: re.Match[str]) -> str:
    code, space, character = escape.groups()
    return chr(int(code, 16)) if code else " " if space else character
