"""What the name of a transcript's file says of the call: its id and its day."""

import re
from datetime import UTC, datetime, timedelta

from include.privacy.customer_key import CustomerKeys
from include.privacy.redact import redact_name
from include.text.clean import clean_text

# Of 64 bits: that two of a million files share one is less likely than one in ten million.
KEY_CHARACTERS = 16
# A day that lies further ahead of the upload is no day on which the call was held.
CLOCKS_DIFFER = timedelta(days=1)
# `2026/11/23/`, `dt=2026-11-23`, `2026-11-23T10:11:12Z`, and of Zoom and Teams `GMT20261123-101112`, `20261123_101112`.
# Eight digits in a row may be anything, unless a time follows.
_DAY = re.compile(
    r"(?<!\d)(20\d\d)(?:([-_/])(\d\d)\2(\d\d)|(\d\d)(\d\d)(?=T\d|[-_]\d{6}(?!\d)))"
    r"(?:(?:[T_ ]|(?<=\d{8})-)(\d\d)[:._-]?(\d\d)(?:[:._-]?(\d\d))?Z?)?(?!\d)"
)
# As Hive and Spark name folders.
_FOLDERS = re.compile(r"year=(20\d\d)/month=(\d{1,2})/day=(\d{1,2})(?!\d)")


def call_id(name: str, version: str, keys: CustomerKeys) -> str:
    """The id of a call.

    Args:
        name: of its file, below the prefix and without the ending.
        version: hash of its words.
        keys: of the deployment.

    Returns:
        The name; with personal data in it redacted and a key of it behind, because two callers' numbers leave the same
        placeholder. Without a secret for keys the version stands there, for a bare hash of the number could be turned
        back by trying all numbers: then other words are another call, and the same words are the same call.
    """
    redacted = redact_name(name)
    return redacted if redacted == clean_text(name) else f"{redacted}-{_key(name, keys) or version}"


def file_place(name: str, keys: CustomerKeys) -> str:
    """A file's name as messages and quarantine may have it: redacted, and with a key where files have to be told apart.

    Args:
        name: of the file, below the prefix.
        keys: of the deployment.
    """
    redacted = redact_name(name)
    key = None if redacted == clean_text(name) else _key(name, keys)
    return f"{redacted}-{key}" if key else redacted


def _key(name: str, keys: CustomerKeys) -> str | None:
    # Not of the name alone: a name that is a customer's number must not have that customer's key.
    key = keys.of([f"file {name}"]) if keys.secret else None
    return key and key[:KEY_CHARACTERS]


def call_time(name: str, modified: datetime | None) -> datetime | None:
    """When the call took place: the day, or time, that the name gives if it gives one only, else `modified` (UTC)."""
    name = _FOLDERS.sub(lambda found: "{}-{:0>2}-{:0>2}".format(*found.groups()), name)
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
