"""JSON that no known program writes, read by names that a person gives."""

import functools
from dataclasses import replace
from typing import Any

from include.sources.calls import own
from include.sources.columns import ColumnMapping, columns_setting
from include.sources.transcript import NotWhole, Transcript, conversation

EXAMPLE = f"{columns_setting('<pipeline>')}='turns=results.segments,speaker=who,text=words,at=start'"
# The file itself is the list.
ALL = "."
_OF_TURN = {"speaker": "role", "text": "text", "at": "at", "end": "end"}


def mapped(document: Any, mapping: ColumnMapping) -> Transcript | None:
    """The call where its turns stand at the path that is named; None where nothing does, or no path is named.

    Args:
        document: parsed JSON.
        mapping: `turns` is the path of the list, `.` if the document is the list. `text`, `speaker`, `at` and `end` are
            paths within a turn, all others within the document, of columns: `id`, `created_at`.

    Raises:
        NotWhole: a turn has no text under the name.
    """
    if all(pair.target != "turns" for pair in mapping.pairs):
        return None
    of_call, of_turn = _parts(mapping)
    call = of_call.row(document if isinstance(document, dict) else {ALL: document})
    items = call.get("turns")
    if not isinstance(items, list):
        return None
    # It says the same once more.
    call.pop("text_", None)
    try:
        found = own.transcript(call | {"turns": [of_turn.row(item) for item in items]})
    except (TypeError, ValueError, AttributeError) as error:
        raise NotWhole(f"a turn is not as {mapping.setting} says: {error}") from error
    return replace(found, turns=conversation(found.turns))


@functools.lru_cache(maxsize=16)
def _parts(mapping: ColumnMapping) -> tuple[ColumnMapping, ColumnMapping]:
    """What is said of the call, and what of each turn."""
    of_turn = [replace(pair, target=_OF_TURN[pair.target]) for pair in mapping.pairs if pair.target in _OF_TURN]
    of_call = [pair for pair in mapping.pairs if pair.target not in _OF_TURN]
    return replace(mapping, pairs=tuple(of_call)), replace(mapping, pairs=tuple(of_turn))
