"""One row of a file before anything is known about its columns, and how much of one is read."""

from dataclasses import dataclass
from typing import Any

# No customer text is this long; a line that is comes from a broken or hostile file, and is not read whole.
MAX_LINE_BYTES = 16 * 1024 * 1024
# The lake has a column for each.
MAX_COLUMNS = 300


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no mapping of columns to values.

    Args:
        error_type: as in `UnreadableRecord`.
        error_message: one line, without the place.
        raw: the row as it stands in the file, or its head; not redacted.
    """

    error_type: str
    error_message: str
    raw: bytes = b""


# (line or row number from 1, values by column)
Row = tuple[int, dict[str, Any] | BadRow]
