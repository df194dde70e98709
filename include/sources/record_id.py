"""The id of a record, in the one form that it has however a file writes it."""

import math
import re
from collections.abc import Mapping
from typing import Any

from include.text.clean import NO_VALUES, clean_text, is_blank
from include.text.columns import content_version

MAX_ID_CHARACTERS = 200
# A column of numbers with gaps is one of floats, and pandas, Excel and R write `12345.0` for its 12345.
_WHOLE = re.compile(r"(-?\d+)\.0")
# As spreadsheets show a number of twelve digits and more. The plus is in no id that somebody gave.
_ROUNDED = re.compile(r"-?\d(?:[.,]\d+)?[eE]\+\d{2,3}")
# From here on floats leave whole numbers out, so that two ids become one.
FIRST_INEXACT_FLOAT = 2**53
_NO_IDS = frozenset(value.casefold() for value in NO_VALUES)


def as_id(given: Any) -> str | None:
    """A value as an id; None if it is none, or one that `damage` tells of."""
    if given in (None, math.inf, -math.inf) or isinstance(given, bool | Mapping | list | tuple) or damage(given):
        return None
    record_id = " ".join(clean_text(str(given)).split())
    if is_blank(record_id) or record_id.casefold() in _NO_IDS:
        return None
    if whole := _WHOLE.fullmatch(record_id):
        return whole[1]
    if len(record_id) > MAX_ID_CHARACTERS:
        record_id = f"{record_id[: MAX_ID_CHARACTERS - 13]}-{content_version(record_id)}"
    return record_id


def damage(given: Any) -> str | None:
    """Why a value was an id once and is none any more, with the way out; None if it is not so."""
    if isinstance(given, float):
        is_damaged = FIRST_INEXACT_FLOAT <= abs(given) < math.inf
    else:
        is_damaged = isinstance(given, str) and _ROUNDED.fullmatch(given.strip()) is not None
    if not is_damaged:
        return None
    return (
        f"the id {str(given).strip()} is a long number that a spreadsheet or a column of decimals has rounded: its "
        "last digits are gone, and other records have the same. Export it anew, with the column of ids as text"
    )
