"""From the columns of a row to the parts of a record: id, text, time and attributes."""

import functools
import json
import logging
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from include.sources.record_id import MAX_ID_CHARACTERS, as_id
from include.text.clean import NO_VALUES
from include.text.columns import column_name

log = logging.getLogger(__name__)

Attribute = str | int | float | bool | None
# A text, and the names within its column that lead to it, to the text without personal data.
Redact = Callable[[str, str], str]

IDS = ("id", "record_id")
OWN_COLUMNS = frozenset(
    {"id", "record_id", "text", "turns", "created_at", "occurred_at", "record_version", "source_url"}
)
# What a source may say about the last change of a record, the first one that it says.
CHANGED_COLUMNS = ("changed_at", "updated_at")
# Epoch seconds reach the first in March 1973 and the second in the year 5138; what is above counts milliseconds,
# microseconds or nanoseconds.
SMALLEST_EPOCH = 100_000_000
LARGEST_EPOCH_SECONDS = 100_000_000_000
LARGEST_EPOCH = LARGEST_EPOCH_SECONDS * 1_000_000_000
# No customer wrote before 1990: what would be milliseconds of then are the seconds of a "never" such as the year 9999.
EARLIEST_OF_FINER_COUNTS = 631_152_000
# A call of 312.4 seconds took 312; a rating of 4.5 is not 5.
SMALLEST_ROUNDED = 100
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d(?:[.,]\d+)?)")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,(?:\d{1,2}|\d{4,})")
_NOTHING = {"", "-", *map(str.casefold, NO_VALUES)}
_TRUTH = {"true": True, "t": True, "yes": True, "y": True, "1": True}
_TRUTH |= {"false": False, "f": False, "no": False, "n": False, "0": False}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def named_columns(row: Mapping[str, Any], known: Collection[str] = OWN_COLUMNS) -> dict[str, Any]:
    """The row under names of [a-z0-9_]: `Created At` is `created_at`, and no two columns share a name.

    Args:
        known: columns that are also meant where their name is written with humps, as `createdAt` and `customerName`.
    """
    columns: dict[str, Any] = {}
    for key, value in row.items():
        name = column_name(key)
        if key != name and (spelt := column_name(_HUMP.sub("_", key))) in known and spelt not in row:
            name = spelt
        while name in columns:
            name += "_"
        columns[name] = value
    return columns


def changed_at(row: Mapping[str, Any], latest: datetime, zone: tzinfo = UTC) -> datetime | None:
    """When a row says that its record was last changed, UTC; None if it does not say, or says no time.

    Args:
        row: under the names that its file gives it.
        latest: UTC; a later time is none.
        zone: of times without one.
    """
    given = {name: key for key in row if (name := spelt_name(key[:MAX_ID_CHARACTERS])) in CHANGED_COLUMNS}
    for name in CHANGED_COLUMNS:
        moment = moment_of(row[given[name]], zone) if name in given else None
        if moment is not None and moment <= latest:
            return moment
    return None


@functools.lru_cache(maxsize=4_096)
def spelt_name(key: str) -> str:
    """A name as `column_name` gives it, `createdAt` as `created_at`."""
    return column_name(_HUMP.sub("_", key))


def id_of(columns: Mapping[str, Any]) -> str | None:
    """`id` or else `record_id`, as text; None if there is neither."""
    return next(filter(None, (as_id(columns.get(name)) for name in ("id", "record_id"))), None)


def nested_texts(columns: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of the columns under the names that lead to it: `customer_name` for `{"customer": {"name": ...}}`."""
    waiting: list[tuple[str, Any]] = list(columns.items())
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{path}_{spelt_name(str(key)[:MAX_ID_CHARACTERS])}", item) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(path, item) for item in value]
        elif isinstance(value, str):
            yield path, value


def time_of(columns: Mapping[str, Any], zone: tzinfo = UTC) -> datetime | None:
    """`created_at` or else `occurred_at`, in UTC; None if neither is given.

    ISO 8601, a date, a number of seconds, milli-, micro- or nanoseconds since 1970.

    Args:
        zone: of times and dates that name none.

    Raises:
        ValueError: it is given, and no time.
    """
    for name in ("created_at", "occurred_at"):
        value = columns.get(name)
        if value is None or (isinstance(value, str) and (not value.strip() or value.strip() in NO_VALUES)):
            continue
        if isinstance(value, float) and math.isnan(value):
            continue
        try:
            return _as_time(value, zone)
        except (ValueError, OverflowError, OSError, TypeError, AttributeError) as error:
            # Without the value: the message is stored, and the value is whatever somebody wrote there.
            way_out = "times:%d/%m/%Y in NIGHTSHIFT_COLUMNS_<PIPELINE> says how it is written"
            raise ValueError(f"{name} is no time; {way_out}") from error
    return None


def moment_of(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """A time in UTC, written as `time_of` says; None if it is none."""
    try:
        return time_of({"created_at": value}, zone)
    except ValueError:
        return None


def _as_time(value: Any, zone: tzinfo) -> datetime:
    if isinstance(value, str):
        value = value.strip()
        if re.fullmatch(r"\d{9,19}(?:\.\d*)?", value):
            value = float(value)
    elif isinstance(value, Decimal):
        # What `extract(epoch FROM ...)` gives.
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) >= SMALLEST_EPOCH:
            return datetime.fromtimestamp(_seconds(value), UTC)
        # Such as 20261123; any other small number is no time.
        value = str(value)
    if isinstance(value, str):
        value = datetime.fromisoformat(re.sub(r" ?(?:UTC|GMT)$", "+00:00", value))
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone comes below
    if value.tzinfo is None:
        _say_zone(zone)
        value = value.replace(tzinfo=zone)
    return value.astimezone(UTC)


@functools.cache
def _say_zone(zone: tzinfo) -> None:
    log.info("Times without a zone are read as %s. For files NIGHTSHIFT_TIMEZONE says which zone it is.", zone)


def _seconds(epoch: float) -> float:
    if not abs(epoch) < LARGEST_EPOCH:
        raise ValueError("no clock counts that far")
    seconds = epoch
    while abs(seconds) >= LARGEST_EPOCH_SECONDS:
        seconds /= 1_000
    if seconds != epoch and seconds < EARLIEST_OF_FINER_COUNTS:
        raise ValueError("too late for seconds, and too early for anything finer")
    return seconds


def is_given(value: Any) -> bool:
    """Whether a column says anything: null and what programs write instead of it do not."""
    if isinstance(value, str):
        return value.strip().casefold() not in _NOTHING
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def attribute_of(value: Any, kind: type, redact: Redact) -> Attribute:
    """A column's value in its declared type, or as redacted text; null if it does not convert.

    A stray rating must not cost a customer's text its answer, so it is not worth a place in quarantine: it is counted.
    Numbers may be as people write them: `4,5`, `4 / 5` of so many stars, `00:05:12` in seconds.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, str) and value.strip() in NO_VALUES:
        return None
    if kind is str:
        return redacted_text(value, redact)
    try:
        if kind is bool:
            return _TRUTH[str(value).strip().lower().removesuffix(".0")]
        if isinstance(value, bool):
            return None
        value = _plain_number(value) if isinstance(value, str) else value
        if kind is float:
            number = float(value)
            return number if math.isfinite(number) else None
        return _as_int(value)
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _plain_number(written: str) -> str:
    """A number as a computer writes it; what is none, or could be two, stays: 1,234 is a thousand or more than one."""
    if clock := _CLOCK.fullmatch(written.strip()):
        hours, minutes, seconds = clock.groups()
        return str(float(seconds.replace(",", ".")) + 60 * int(minutes) + 3_600 * int(hours))
    number, slash, most = written.partition("/")
    if slash and most.strip().isdecimal():
        written = number
    return written.replace(",", ".") if _DECIMAL_COMMA.fullmatch(written.strip()) else written


def _as_int(value: Any) -> int | None:
    try:
        whole = int(value) if isinstance(value, str | int) else None
    except ValueError:
        whole = None
    if whole is None:
        number = float(value)
        whole = round(number) if number.is_integer() or abs(number) >= SMALLEST_ROUNDED else None
    return whole if whole is not None and -(2**63) <= whole < 2**63 else None


def redacted_text(value: Any, redact: Redact) -> str | None:
    """Any value as text: strings as they are, times in ISO 8601, lists and objects as JSON.

    Args:
        value: of any type that a file can hold.
        redact: applied to every string in the value and the names that lead to it, `_name` for `{"name": ...}`:
            because in JSON a line break before a number is a letter, and a name stands where its key says so.

    Returns:
        The text; None if it is nested more deeply than can be written.
    """
    if not isinstance(value, Mapping | list | tuple):
        return redact(value, "") if isinstance(value, str) else _redacted_scalar(value, redact, "")
    try:
        return as_json(_redacted(value, redact, ""))
    except (ValueError, RecursionError):
        return None


def as_json(value: Any) -> str:
    """Compact JSON, with what JSON does not know as text."""
    return json.dumps(value, default=scalar_text, ensure_ascii=False, separators=(",", ":"))


def canonical(row: Mapping[str, Any]) -> str:
    """A row as text by which it is known again; of one that is nested too deeply the names of its columns."""
    try:
        return as_json(row)
    except (ValueError, RecursionError):
        return ",".join(row)


def _redacted(value: Any, redact: Redact, path: str) -> Any:
    if isinstance(value, str):
        return redact(value, path)
    if isinstance(value, Mapping):
        return {
            redact(str(key), ""): _redacted(item, redact, f"{path}_{spelt_name(str(key)[:MAX_ID_CHARACTERS])}")
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(item, redact, path) for item in value]
    if value is None or isinstance(value, bool):
        return value
    redacted = _redacted_scalar(value, redact, path)
    return value if isinstance(value, int | float) and redacted == scalar_text(value) else redacted


def _redacted_scalar(value: Any, redact: Redact, path: str) -> str:
    text = scalar_text(value)
    # Number columns with gaps come as floats, and 447911123456.0 is a telephone number all the same.
    whole = text.removesuffix(".0") if isinstance(value, float) else text
    redacted = redact(whole, path)
    return text if redacted == whole else redacted


def scalar_text(value: Any) -> str:
    """A value that is no list and no object as text: times in ISO 8601, `true` and `false` as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.isoformat() if isinstance(value, date) else str(value)
