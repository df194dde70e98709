"""Group a run's items: feedback, problems and reasons, by what their English summaries say."""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake
from include.lake.read import read_table
from include.pipelines.definition import Pipeline
from include.themes.collection import Middle, Themes
from include.themes.embedding import Vectors, embed, unit
from include.themes.grouping import Labels, group
from include.themes.items import (
    ITEMS_SCHEMA,
    LATE,
    LOOSE_SCHEMA,
    as_before,
    items_of_run,
    not_among,
    sizes,
    with_themes,
)
from include.themes.state import commit, read_themes, recover
from include.themes.theme import RULE, Event, clean_name, resolve

log = logging.getLogger(__name__)

# Of items without a theme so many may still form one with those of later nights.
MOST_LOOSE = 3_000
# A candidate with so many items is worth a look.
ACTIVE_ITEMS = 10


@dataclass(frozen=True)
class Grouped:
    """What became of a run's items.

    Args:
        counts: theme, never one that was merged into another, to items of this run.
        loose: items in no theme.
        created: themes that are new.
    """

    counts: Mapping[str, int]
    loose: int
    created: Sequence[str]


def group_night(lake: Lake, pipeline: Pipeline, run_date: date, run_key: str, now: datetime | None = None) -> Grouped:
    """Group the items that a run has published; one caller at a time (pool `themes`).

    They join the themes that are there, as do items of earlier nights that were left; what is alike among the rest
    becomes a candidate. The same run again keeps what it was given: only items that have changed are grouped.

    Args:
        now: for tests.

    Raises:
        RetryLater: the lake cannot be read or written.
    """
    recover(lake)
    themes, at, name = read_themes(lake), now or datetime.now(UTC), pipeline.name
    path = lake.theme_items(name, run_date, run_key)
    new = items_of_run(lake, pipeline.report_fields, lake.run_file("results", name, run_date, run_key))
    same = late = ITEMS_SCHEMA.empty_table()
    is_first = not lake.has(path)
    if not is_first:
        before = read_table(lake, path)
        same, new, late = as_before(new, before)
        themes.count(name, sizes(before), run_date, -1)
    pool = not_among(themes.loose, name, new)
    waiting, found = pool.filter(pc.is_null(pool["theme_id"])), pool.filter(pc.is_valid(pool["theme_id"]))
    rows = pa.concat_tables([waiting, new.add_column(0, LOOSE_SCHEMA[0], pa.array([name] * len(new), pa.string()))])
    vectors = _vectors(themes, rows, pipeline, waiting.num_rows if is_first else rows.num_rows)
    labels = group(vectors, themes.centers)
    events = _created(themes, rows, vectors, labels, run_key, at)
    themes.fold(events)
    rows = _in_themes(themes, rows, vectors, labels)

    items = pa.concat_tables([same, rows.slice(waiting.num_rows).select(ITEMS_SCHEMA.names)])
    earlier = rows.slice(0, waiting.num_rows)
    late = pa.concat_tables([late, _keep_loose(themes, name, found, earlier, rows, vectors)])
    written = pa.concat_tables([items, late])
    themes.count(name, sizes(written), run_date)
    grown = _grown(themes, at)
    themes.fold(grown)
    events += grown
    commit(lake, themes, events, path, written.replace_schema_metadata({LATE: str(late.num_rows)}))
    counts: Counter[str] = Counter()
    for theme_id, count in sizes(items).items():
        counts[resolve(themes.themes, theme_id)] += count
    created = [event.theme_id for event in events if event.event == "created"]
    log.info("%d items: %d in %d themes, %d of them new", len(items), counts.total(), len(counts), len(created))
    return Grouped(counts, items["theme_id"].null_count, created)


def _vectors(themes: Themes, rows: pa.Table, pipeline: Pipeline, new_from: int) -> Vectors:
    """What the rows say, less what all of their pipeline do: "the customer" and "the app" make no theme.

    Args:
        pipeline: of the rows from `new_from` on, which tell its middle more.
    """
    if pipeline.name not in themes.middles:
        themes.middles[pipeline.name] = Middle.of_sample(pipeline)
    vectors = embed(rows["summary"].to_pylist())
    themes.middles[pipeline.name].learn(vectors[new_from:])
    pipelines = rows["pipeline"].to_numpy(zero_copy_only=False)
    for name in {*pipelines}:
        # What cannot be read stays zero.
        at = np.flatnonzero((pipelines == name) & vectors.any(axis=1))
        vectors[at] -= themes.middles[name].mean
    return unit(vectors)


def _created(
    themes: Themes, rows: pa.Table, vectors: Vectors, labels: Labels, run_key: str, at: datetime
) -> list[Event]:
    """Events of the themes that are new in `themes.centers`, each named by its most central summary."""
    events: list[Event] = []
    means, taken = themes.centers.means, {*themes.themes}
    for label in range(len(taken), len(means)):
        members = np.flatnonzero(labels == label)
        central = rows.slice(members[np.argmax(vectors[members] @ means[label])], 1).to_pylist()[0]
        theme_id, tries = "", 0
        # A try that is repeated makes the same ids, and no id is ever given twice.
        while not theme_id or theme_id in taken:
            seed = repr((run_key, *central.values(), tries))
            theme_id, tries = f"t_{hashlib.sha256(seed.encode()).hexdigest()[:12]}", tries + 1
        taken.add(theme_id)
        name = clean_name(central["summary"])
        events += [Event(theme_id, "created", RULE, at, status="candidate"), Event(theme_id, "named", RULE, at, name)]
    return events


def _in_themes(themes: Themes, rows: pa.Table, vectors: Vectors, labels: Labels) -> pa.Table:
    ids, joined = list(themes.themes), labels >= 0
    near = np.einsum("ij,ij->i", vectors[joined], themes.centers.means[labels[joined]])
    distances = np.full(len(labels), np.nan)
    distances[joined] = 1 - near
    theme_ids = [resolve(themes.themes, ids[label]) if label >= 0 else None for label in labels]
    return with_themes(rows, pa.array(theme_ids, pa.string()), pa.array(distances, mask=~joined))


def _keep_loose(
    themes: Themes, name: str, found: pa.Table, earlier: pa.Table, rows: pa.Table, vectors: Vectors
) -> pa.Table:
    """Settle what waits for the next runs; returns the items of earlier runs that have a theme now."""
    # What has found its theme with a run of another pipeline is written with the next run of its own.
    found = pa.concat_tables([found, earlier.filter(pc.is_valid(earlier["theme_id"]))])
    is_own = pc.equal(found["pipeline"], name)
    # What cannot be read waits for nothing.
    left = rows.filter(pa.array(vectors.any(axis=1)))
    left = left.filter(pc.is_null(left["theme_id"]))
    left = left.slice(max(left.num_rows - MOST_LOOSE, 0))
    themes.loose = pa.concat_tables([found.filter(pc.invert(is_own)), left])
    return found.filter(is_own).select(ITEMS_SCHEMA.names)


def _grown(themes: Themes, at: datetime) -> list[Event]:
    """Candidates that are themes by now."""
    return [
        Event(theme.theme_id, "status", RULE, at, status="active")
        for theme in themes.themes.values()
        if theme.status == "candidate" and theme.items.total() >= ACTIVE_ITEMS
    ]
