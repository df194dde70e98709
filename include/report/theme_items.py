"""Which theme each piece of feedback is in.

Of the nights before it stands in `_index/<pipeline>/themed.parquet`, so that a report reads one more; there too stands
how many records of the pipeline each theme had, for the reports of the others.
"""

import io
import json
import logging
import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.write import write_table
from include.report.labelled import Labelled, text_column
from include.themes.items import LATE
from include.themes.state import read_themes
from include.themes.theme import Theme, resolve

log = logging.getLogger(__name__)

# As many as are counted, and a day, as a night answers what was written the day before.
_READ = timedelta(days=36)
# Of so many themes it is held what they share and what was said.
_LARGEST = 100
# `file`: of an item its place among the paths that are noted.
_SCHEMA = pa.schema([("file", pa.int32()), ("key", pa.uint64()), ("theme_id", pa.dictionary(pa.int32(), pa.string()))])
_COLUMNS = ["theme_id", "record_id", "record_version", "item_index"]
_PATHS, _COUNTS = b"paths", b"counts"

Keys = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class Elsewhere:
    """A theme in another pipeline.

    Args:
        weeks: records of this week and of the week before; None: it has counted none yet.
        until: end of that week.
        items: all that there ever were.
    """

    pipeline: str
    items: int
    weeks: tuple[int, int] | None = None
    until: date | None = None


class ThemeItems:
    """The themes of one pipeline's records.

    Args:
        themes: all of the lake.
        rows: theme of each item in `_SCHEMA`, by key in order.
        run_keys: by run id.
        is_recorded: whether recorded answers are counted, or those of models.
    """

    def __init__(
        self,
        lake: Lake,
        pipeline: str,
        themes: Mapping[str, Theme],
        rows: pa.Table,
        run_keys: Mapping[str, str],
        is_recorded: bool,
    ) -> None:
        self._is_recorded = is_recorded
        self._lake, self._pipeline, self._rows, self._run_keys = lake, pipeline, rows, run_keys
        self.themes = themes
        known = rows["theme_id"].combine_chunks()
        ids = [resolve(themes, theme_id) if theme_id in themes else None for theme_id in known.dictionary.to_pylist()]
        self._ids = pa.array([*ids, None], pa.string())
        self._keys, self._codes = rows["key"].to_numpy(), known.indices.to_numpy()
        sizes: Counter[str | None] = Counter()
        for theme_id, size in zip(ids, np.bincount(self._codes, minlength=len(ids)).tolist(), strict=True):
            sizes[theme_id] += size
        sizes.pop(None, None)
        self.largest = pa.array([theme_id for theme_id, _ in sizes.most_common(_LARGEST)], pa.string())

    def of(self, rows: pa.Table, said: Labelled) -> pa.Array:
        """Id of the theme of each piece of feedback, null for none.

        What the run of the record's answer has found counts, or else a later one, but not what an earlier one has.
        """
        keys = _keys(rows, said.rows, np.arange(len(said.rows)) - np.searchsorted(said.rows, said.rows))
        runs = text_column(rows, "run_id").fill_null("").dictionary_encode()
        marks = _hashes([self._run_keys.get(run_id, run_id) for run_id in runs.dictionary.to_pylist()])
        codes = self._find(keys ^ marks[runs.indices.to_numpy()][said.rows])
        return self._ids.take(pa.array(np.where(codes < len(self._ids) - 1, codes, self._find(keys))))

    def only_largest(self, theme_ids: pa.Array) -> pa.Array:
        """The same without those of small themes."""
        return pc.if_else(pc.is_in(theme_ids, self.largest), theme_ids, pa.scalar(None, pa.string()))

    def named(self, theme_ids: pa.ChunkedArray) -> pa.Array:
        """Names of themes by id."""
        known = theme_ids.combine_chunks().dictionary_encode()
        names = [self.themes[theme_id].name for theme_id in known.dictionary.to_pylist()]
        return pa.array(names, pa.string()).take(known.indices)

    def _find(self, keys: Keys) -> np.ndarray[Any, np.dtype[np.int64]]:
        at = np.minimum(np.searchsorted(self._keys, keys), max(len(self._keys) - 1, 0))
        none = np.full(len(keys), len(self._ids) - 1)
        return np.where(self._keys[at] == keys, self._codes[at], none) if len(self._keys) else none

    def elsewhere(self) -> dict[str, list[Elsewhere]]:
        """By theme the other pipelines that it is in, each with its own counts."""
        names = {name for theme in self.themes.values() for name in +theme.items} - {self._pipeline}
        found: dict[str, list[Elsewhere]] = {theme_id: [] for theme_id in self.themes}
        for name in sorted(names):
            told = json.loads(_notes(_held(self._lake, name)).get(_COUNTS, "{}"))
            until, weeks = None, Counter[tuple[str, int]]()
            # Recorded answers and those of models are never counted together.
            if told.get("is_recorded") == self._is_recorded:
                until = date.fromisoformat(told["until"])
                for theme_id, counts in told["weeks"].items():
                    if theme_id in self.themes:
                        weeks.update({(resolve(self.themes, theme_id), week): n for week, n in enumerate(counts)})
            for theme_id, theme in self.themes.items():
                if theme.items[name] > 0:
                    of = (weeks[theme_id, 0], weeks[theme_id, 1]) if until else None
                    found[theme_id].append(Elsewhere(name, theme.items[name], of, until))
        return found

    def keep(self, weeks: Mapping[str, Sequence[int]], until: date) -> None:
        """Write down which item is in which theme, and how many records each had in this week and in the one before.

        Raises:
            RetryLater: the lake cannot be written.
        """
        told = {"weeks": {name: of[:2] for name, of in weeks.items()}, "until": f"{until}"}
        counts = json.dumps(told | {"is_recorded": self._is_recorded})
        rows = self._rows.replace_schema_metadata({**_notes(self._rows), _COUNTS: counts})
        write_table(self._lake, _index(self._lake, self._pipeline), rows)


def read_theme_items(
    lake: Lake, pipeline: str, own: str, run_keys: Mapping[str, str], *, is_recorded: bool
) -> ThemeItems | None:
    """The themes of what a pipeline was told lately; None where nothing was ever grouped.

    Args:
        own: path of the items of the run that is reported, which are read anew.
        run_keys: by run id.
        is_recorded: whether recorded answers are counted, or those of models.

    Raises:
        RetryLater: the lake cannot be read.
    """
    if not lake.has(lake.themes("themes.parquet")):
        return None
    first = f"run_date={date.fromisoformat(_folder(own).partition('=')[2]) - _READ}"
    paths = [path for path in lake.below(lake.themes("items", pipeline)) if _folder(path) >= first]
    names = [path.removeprefix(lake.root) for path in paths]
    held = _held(lake, pipeline)
    noted = json.loads(_notes(held).get(_PATHS, "[]"))
    known = ({*noted} & {*names}) - {own.removeprefix(lake.root)}
    places = np.array([names.index(name) if name in known else -1 for name in noted], dtype=np.int32)
    held = held.set_column(0, "file", pa.array(places[held["file"].to_numpy()]))
    parts = [held.filter(pc.greater_equal(held["file"], 0)).replace_schema_metadata(None)]
    parts += [_read(lake, path, at) for at, path in enumerate(paths) if names[at] not in known]
    rows = pa.concat_tables(parts).unify_dictionaries()
    rows = rows.take(pa.array(np.argsort(rows["key"].to_numpy(), kind="stable"))).combine_chunks()
    rows = rows.replace_schema_metadata({_PATHS: json.dumps(names)})
    del parts, held
    # Of millions of items what was needed on the way is as much again.
    pa.default_memory_pool().release_unused()
    return ThemeItems(lake, pipeline, read_themes(lake).themes, rows, run_keys, is_recorded)


def _folder(path: str) -> str:
    return path.split("/")[-2]


def _read(lake: Lake, path: str, place: int) -> pa.Table:
    items = read_table(lake, path, _COLUMNS)
    keys = _keys(items, np.arange(items.num_rows), items["item_index"].to_numpy())
    own = items.num_rows - int((items.schema.metadata or {}).get(LATE, 0))
    keys[:own] ^= _hashes([posixpath.basename(path).removesuffix(".parquet")])
    files = pa.array(np.full(len(keys), place, dtype=np.int32))
    found = pa.table([files, pa.array(keys), items["theme_id"].dictionary_encode()], schema=_SCHEMA)
    return found.filter(pc.is_valid(found["theme_id"]))


def _index(lake: Lake, pipeline: str) -> str:
    return f"{lake.index(pipeline)}/themed.parquet"


def _held(lake: Lake, pipeline: str) -> pa.Table:
    index = _index(lake, pipeline)
    try:
        found = pq.read_table(io.BytesIO(lake.fs.cat_file(index, start=0)))
        return found.cast(_SCHEMA.with_metadata(found.schema.metadata))
    except FileNotFoundError:
        return _SCHEMA.empty_table()
    except (OSError, pa.ArrowException, ValueError) as error:
        log.warning("%s is damaged and is made anew: %s", lake.uri(index), error)
        return _SCHEMA.empty_table()


def _notes(held: pa.Table) -> Mapping[bytes, Any]:
    return held.schema.metadata or {}


def _keys(rows: pa.Table, records: Any, places: Any) -> Keys:
    """Eight bytes for an item, the same in every process."""
    ids = [text_column(rows, name).fill_null("").take(pa.array(records)) for name in ("record_id", "record_version")]
    return _hashes(pc.binary_join_element_wise(*ids, pa.array(places).cast(pa.string()), "\0").to_pylist())


def _hashes(texts: Iterable[str]) -> Keys:
    return pd.util.hash_array(np.array([*texts], dtype=object), categorize=False)
