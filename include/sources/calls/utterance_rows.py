"""Tables with a row for each utterance: the rows of one call are put together to one with its turns."""

import functools
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from include.errors import ConfigurationError
from include.sources.calls import own
from include.sources.fields import CHANGED_COLUMNS, named_columns
from include.sources.row import MAX_COLUMNS, MAX_LINE_BYTES, BadRow, Row
from include.sources.transcript import seconds
from include.sources.turn_names import CLOCKS, ENDS, SPEAKER_MARKS, WORDS, under

# Of a table with one of them a call has many rows; `author` and `name` have tables of reviews too.
SPEAKERS = ("role", *SPEAKER_MARKS, "participant", "sender")
ORDERS = ("turn", "turn_index", "turn_number", "turn_id", "utterance_index", "sequence", "seq", "position")
_TOLD = frozenset((*SPEAKERS, *WORDS, *ORDERS, *CLOCKS, *ENDS))


def calls_of(rows: Iterator[Row], file: str) -> Iterator[Row]:
    """The rows of a file; where each is an utterance, one for each call instead, with the number of its first.

    Columns that differ from row to row of a call are lists, in the order of its turns.

    Args:
        file: its name, for messages.

    Raises:
        ConfigurationError: the rows of a call do not stand together, or are too many.
    """
    done: set[str] = set()
    call: str | None = None

    def key(numbered: Row) -> str | None:
        """The call, also of a row that cannot be read and stands in it; None of rows of another kind."""
        nonlocal call
        call = call if isinstance(numbered[1], BadRow) else _call(numbered[1])
        return call

    for of_call, group in groupby(rows, key=key):
        if of_call is None:
            yield from group
            continue
        held: list[dict[str, Any]] = []
        size = first = 0
        for number, row in group:
            if isinstance(row, BadRow):
                yield number, row
                continue
            first, size = first or number, size + len(str(row))
            held.append(row)
            if size > MAX_LINE_BYTES:
                raise ConfigurationError(f"{file}#L{first}: its call has more than {MAX_LINE_BYTES:,} characters.")
        if of_call in done and (len(held) > 1 or _kind(tuple(held[0]))[1]):
            raise ConfigurationError(
                f"{file}#L{first}: the rows of this call do not stand together, and each is one utterance. Sort the "
                "file by the id, within a call by time."
            )
        done.add(of_call)
        yield first, held[0] if len(held) == 1 else _together(held)


def _call(row: dict[str, Any]) -> str | None:
    name, _ = _kind(tuple(row)) if len(row) <= MAX_COLUMNS else (None, False)
    return None if name is None or row[name] in (None, "") else str(row[name])


@functools.lru_cache(maxsize=1_024)
def _kind(columns: tuple[str, ...]) -> tuple[str | None, bool]:
    """The column of the id, None if rows are records or versions of them; and whether each is surely an utterance."""
    called = named_columns(dict(zip(columns, columns, strict=True)))
    is_record = not {"turns", "record_version", *CHANGED_COLUMNS}.isdisjoint(called)
    is_spoken = not is_record and under(called, SPEAKERS) and under(called, WORDS)
    return called.get("id") if is_spoken else None, under(called, (*ORDERS, *SPEAKER_MARKS)) is not None


def _together(rows: list[dict[str, Any]]) -> dict[str, Any]:
    named = [named_columns(row) for row in rows]
    if all(seconds(under(row, ORDERS)) is not None for row in named):
        named.sort(key=lambda row: seconds(under(row, ORDERS)) or 0.0)
    others: dict[str, Any] = {}
    for name in named[0]:
        values = [row.get(name) for row in named]
        if all(value == values[0] for value in values):
            others[name] = values[0]
        elif name not in _TOLD:
            others[name] = values
    turns = [{name: "" if value is None else str(value) for name, value in row.items()} for row in named]
    return own.transcript({"turns": turns}).row() | others
