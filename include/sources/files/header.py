"""The columns of a table in a file, whatever names they were given: none is lost, and none takes another's place."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from include.sources.fields import IDS, OWN_COLUMNS
from include.text.columns import column_name

# Reports put their title and the day above the table. The names of the columns stand in one of the first lines.
LINES_BEFORE_HEADER = 20
WITH_ID = 2 * LINES_BEFORE_HEADER


@dataclass(frozen=True, slots=True)
class Header:
    """Names of columns, each once.

    Args:
        names: as given; a name that was given before gets a number (`Comment`, `Comment_2`), a missing one its place.
        texts: the columns that were all called `text`; empty where there is at most one.
        own: columns without which a row is no record, or another one: ids, texts and times.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    own: frozenset[str]

    @property
    def ambiguity(self) -> str | None:
        """Why no row can be told from another: as after a join, two columns claim to be the id."""
        for name in ("id", "record_id"):
            if f"{name}_2" in self.own:
                return f"the file has two columns {name!r}, and which one counts cannot be told"
        return None

    @classmethod
    def of(cls, given: Sequence[str], own_names: Collection[str] = OWN_COLUMNS) -> "Header":
        """The header of a file whose first line, or schema, gives these names.

        Args:
            own_names: of columns without which a row is no record, or another one.
        """
        names: list[str] = []
        texts: list[str] = []
        own: set[str] = set()
        times, used, numbers = Counter(given), set[str](), dict[str, int]()
        for place, original in enumerate(given, 1):
            name = stem = original or f"column_{place}"
            # Each number is tried once, for a header may have a hundred thousand names.
            number = numbers.get(stem, 1)
            while name in used or (number > 1 and times[name] == 1):
                number += 1
                name = f"{stem}_{number}"
            numbers[stem] = number
            used.add(name)
            names.append(name)
            if column_name(stem) == "text":
                texts.append(name)
            if column_name(stem) in own_names:
                own.add(name)
        return cls(tuple(names), tuple(texts) if len(texts) > 1 else (), frozenset(own))

    def row(self, values: Iterable[Any]) -> dict[str, Any]:
        """One row by column; texts that stand in several columns of that name become one, a line each."""
        row = dict(zip(self.names, values, strict=False))
        if self.texts:
            # Each once: a table that was joined with itself says everything twice.
            said = dict.fromkeys(value for name in self.texts if isinstance(value := row.pop(name, None), str))
            row[self.texts[0]] = "\n".join(text for text in said if text.strip()) or None
        return row


def place_of_header(rows: Sequence[Sequence[Any]], id_names: Collection[str] = IDS) -> tuple[int, int]:
    """How much says that these first rows are a table, and which of them names the columns.

    That is the first with an id among its names, which says more than any number of rows does. Without one, as much as
    there are rows as wide as most; what stands above is a title only if it is at most half as wide, so that no row is
    ever taken for the names.

    Args:
        rows: up to `LINES_BEFORE_HEADER`.
        id_names: of columns, as `column_name` gives them.
    """
    widths = [width_of(cells) for cells in rows]
    for place, cells in enumerate(rows):
        # A title has fewer cells than the table; a row may have the cell `id` too, as the language Indonesian.
        is_widest = widths[place] > max([1, *widths[:place]])
        if is_widest and not set(id_names).isdisjoint(map(column_name, map(str, cells))):
            return WITH_ID - place, place
    tables = Counter(width for width in widths if width > 1)
    if not tables:
        return 0, 0
    ((usual, count),) = tables.most_common(1)
    place = next(place for place, width in enumerate(widths) if width >= usual)
    return count, place if all(2 * width <= usual for width in widths[:place]) else 0


def width_of(cells: Sequence[Any]) -> int:
    """Cells of a row up to the last one that is not empty: programs fill up the lines above a table with empty ones."""
    return next((place for place in range(len(cells), 0, -1) if str(cells[place - 1]).strip()), 0)
