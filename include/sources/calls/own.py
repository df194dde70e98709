"""Our own JSON, and that of people who give turns and their parts usual names."""

from typing import Any

from include.sources.calls.layout import in_order, listed, moment, offset, others, said
from include.sources.transcript import Transcript, Turn
from include.sources.turn_names import CLOCKS, ENDS, LISTS, as_turns, turn_parts, under

NAME = "our own (turns with role and text)"
MARKS = ("|".join(LISTS),)


def transcript(document: Any) -> Transcript:
    """Its turns as they are, in the order of their times."""
    name = next((name for name in LISTS if isinstance(document.get(name), list)), LISTS[0])
    given = as_turns(listed(document[name]))
    parts = [turn_parts(turn) for turn in given]
    times = [(under(turn, CLOCKS), under(turn, ENDS)) for turn in given]
    clocks = [clock for both in times for clock in both if clock is not None]
    begin = min(filter(None, map(moment, clocks)), default=None)
    per_second = 1 if begin else _units(clocks, sum(len(words) for _, words in parts))
    turns = [
        Turn(speaker, said(words), offset(clock, begin, per_second), offset(end, begin, per_second))
        for (speaker, words), (clock, end) in zip(parts, times, strict=True)
    ]
    columns = others(document, name, "text")
    if not (columns.get("created_at") or columns.get("occurred_at")):
        columns["created_at"] = begin
    return Transcript(tuple(turn for turn in in_order(turns) if turn.text), columns=columns)


def _units(clocks: list[Any], characters: int) -> int:
    """How many units of the clocks make a second: nobody needs a second for each character, or two."""
    is_fine = all(isinstance(clock, int) for clock in clocks)
    return 1_000 if is_fine and max(clocks, default=0) > max(1_000, 2 * characters) else 1
