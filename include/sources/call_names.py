"""What the name of a transcript's file says of the call: its id and its day."""

import re
from datetime import UTC, datetime, timedelta

from include.privacy.redact import redact_name
from include.sources.clean import clean_text

# A day that lies further ahead of the upload is no day on which the call was held.
CLOCKS_DIFFER = timedelta(days=1)
# `2026/11/23/`, `dt=2026-11-23`, `2026-11-23T10:11:12Z`. Eight digits in a row may be anything, unless a time follows.
_DAY = re.compile(
    r"(?<!\d)(20\d\d)(?:([-_/])(\d\d)\2(\d\d)|(\d\d)(\d\d)(?=T\d))(?:[T_ ](\d\d)[:_-]?(\d\d)(?:[:_-]?(\d\d))?Z?)?(?!\d)"
)


def call_id(name: str, version: str) -> str:
    """The id of a call.

    Args:
        name: of its file, below the prefix and without the ending.
        version: hash of its words.

    Returns:
        The name; with personal data in it redacted and the version behind it, because two callers' numbers leave the
        same placeholder, and a hash of the number itself could be turned back by trying all numbers.
    """
    redacted = redact_name(name)
    return redacted if redacted == clean_text(name) else f"{redacted}-{version}"


def call_time(name: str, modified: datetime | None) -> datetime | None:
    """When the call took place: the day, or time, that the name gives if it gives one only, else `modified` (UTC)."""
    times = [moment for found in _DAY.finditer(name) if (moment := _moment(found)) is not None]
    is_clear = len({moment.date() for moment in times}) == 1
    if not is_clear or (modified is not None and max(times) > modified + CLOCKS_DIFFER):
        return modified
    return max(times)


def _moment(found: re.Match[str]) -> datetime | None:
    year, _, *rest = found.groups()
    month, day = (value for value in rest[:4] if value is not None)
    hour, minute, second = (int(value or 0) for value in rest[4:])
    try:
        return datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
