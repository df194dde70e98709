"""What is known of all themes: `themes/themes.parquet`, derived from events and items, and replaced in one step.

The pool `themes` has one slot, so one task writes at a time. What it has made of a run lies in `_next.parquet` until
the run's items are in place: a try that ends before has not happened, one that ends after is finished by the next.
"""

import json
import posixpath
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.row_groups import file_schema
from include.lake.schemas import UTC_TIME
from include.lake.write import move_into_place, write_table
from include.themes.collection import Middle, Themes
from include.themes.embedding import DIMENSIONS
from include.themes.grouping import Centers
from include.themes.items import LOOSE_SCHEMA
from include.themes.rebuild import rebuild
from include.themes.theme import Event, Theme, events_table

_VECTOR = pa.list_(pa.float64(), DIMENSIONS)
_THEMES_SCHEMA = pa.schema(
    [
        pa.field("theme_id", pa.string(), nullable=False),
        *[pa.field(name, pa.string()) for name in ("name", "status", "into_theme_id")],
        pa.field("created_at", UTC_TIME, nullable=False),
        pa.field("items", pa.map_(pa.string(), pa.int64())),
        pa.field("first_seen", pa.date32()),
        pa.field("last_seen", pa.date32()),
        pa.field("status_at", UTC_TIME),
        pa.field("weight", pa.int64(), nullable=False),
        pa.field("vector_sum", _VECTOR, nullable=False),
    ]
)
# Notes of the file itself: which grouping it is, which files of events it holds, vectors of pipelines, loose items.
_GROUPING, _EVENTS, _MIDDLES, _LOOSE = b"grouping", b"events", b"middles", b"loose"


def read_themes(lake: Lake) -> Themes:
    """The themes as they are now, with all events that are in the lake.

    Raises:
        RetryLater: the lake cannot be read.
    """
    path = lake.themes("themes.parquet")
    found = _read(lake, path) if (is_there := lake.has(path)) else Themes()
    new = [
        path for path in lake.find(lake.themes("events"), "*.parquet") if posixpath.basename(path) not in found.folded
    ]
    rows = [row for path in new for row in read_table(lake, path).drop_columns("event_id").to_pylist()]
    found.fold([Event(**row) for row in rows])
    found.folded |= {posixpath.basename(path) for path in new}
    if found.themes and not is_there:
        rebuild(lake, found)
    return found


def recover(lake: Lake) -> None:
    """Finish what a try has left half done, or forget it. Only for the one writer."""
    staged = lake.themes("_next.parquet")
    if not lake.has(staged):
        return
    notes = file_schema(lake, staged).metadata
    grouping, _, items = notes[_GROUPING].decode().partition(" ")
    path = lake.root + items
    if lake.has(path) and (file_schema(lake, path).metadata or {}).get(_GROUPING, b"").decode() == grouping:
        move_into_place(lake, staged, lake.themes("themes.parquet"))
    with suppress(FileNotFoundError):
        lake.fs.rm_file(staged)


def refresh(lake: Lake) -> None:
    """Bring `themes.parquet` up to the events, for who reads it alone. Not while a run is written down.

    A run that has begun to group takes the events in with the next one; all who call `read_themes` see them at once.

    Raises:
        RetryLater: the lake cannot be read or written.
    """
    path = lake.themes("themes.parquet")
    if lake.has(path) and not lake.has(lake.themes("_next.parquet")):
        grouping = (file_schema(lake, path).metadata or {})[_GROUPING].decode()
        write_table(lake, path, _table(read_themes(lake), grouping))


def commit(lake: Lake, themes: Themes, events: Sequence[Event], path: str, items: pa.Table) -> None:
    """Write what a run has changed: events, its items at `path`, then the themes.

    Raises:
        RetryLater: the lake cannot be written; the next try begins where this one did, or finishes it.
    """
    grouping, staged = uuid.uuid4().hex, lake.themes("_next.parquet")
    themes.folded |= {f"{event.event_id}.parquet" for event in events[:1]}
    write_table(lake, staged, _table(themes, f"{grouping} {path.removeprefix(lake.root)}"))
    write_events(lake, events)
    write_table(lake, path, items.replace_schema_metadata({**(items.schema.metadata or {}), _GROUPING: grouping}))
    move_into_place(lake, staged, lake.themes("themes.parquet"))
    with suppress(FileNotFoundError):
        lake.fs.rm_file(staged)


def write_events(lake: Lake, events: Sequence[Event]) -> None:
    """Append events, as one file that has the name of the first.

    Raises:
        RetryLater: the lake cannot be written.
    """
    if events:
        write_table(lake, lake.themes("events", f"{events[0].event_id}.parquet"), events_table(events))


def _table(themes: Themes, grouping: str) -> pa.Table:
    rows = [
        asdict(theme) | {"items": sorted((+theme.items).items()), "weight": int(weight), "vector_sum": vector_sum}
        for theme, weight, vector_sum in zip(
            themes.themes.values(), themes.centers.weights, themes.centers.sums, strict=True
        )
    ]
    middles = {name: [middle.count, *middle.vector_sum] for name, middle in themes.middles.items()}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, LOOSE_SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(themes.loose)
    notes = {
        _GROUPING: grouping,
        _EVENTS: json.dumps(sorted(themes.folded)),
        _MIDDLES: json.dumps(middles),
        _LOOSE: sink.getvalue().to_pybytes(),
    }
    return pa.Table.from_pylist(rows, schema=_THEMES_SCHEMA).replace_schema_metadata(notes)


def _read(lake: Lake, path: str) -> Themes:
    table = read_table(lake, path)
    notes, rows = table.schema.metadata, table.drop_columns(["weight", "vector_sum"]).to_pylist()
    sums = table["vector_sum"].combine_chunks().values.to_numpy().reshape(-1, DIMENSIONS)
    middles = json.loads(notes[_MIDDLES]).items()
    return Themes(
        themes={row["theme_id"]: Theme(**{**row, "items": Counter(dict(row["items"]))}) for row in rows},
        centers=Centers(sums.copy(), table["weight"].to_numpy().astype(np.float64)),
        middles={name: Middle(np.array(numbers[1:]), numbers[0]) for name, numbers in middles},
        loose=pa.ipc.open_file(notes[_LOOSE]).read_all(),
        folded=set(json.loads(notes[_EVENTS])),
    )
