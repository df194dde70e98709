"""What is grouped: the sentences of a run's answers, as rows of `themes/items/`."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake
from include.lake.row_groups import read_groups
from include.pipelines.definition import Pipeline, ReportFields
from include.quality.golden import load_golden

ITEMS_SCHEMA = pa.schema(
    [
        # Null: in no theme yet. Once it is in one, it stands in the items of the run that has found it.
        pa.field("theme_id", pa.string()),
        *[pa.field(name, pa.string(), nullable=False) for name in ("record_id", "record_version", "field")],
        # Its place in the list, from 0.
        pa.field("item_index", pa.int64(), nullable=False),
        pa.field("summary", pa.string(), nullable=False),
        # Mean cosine distance to the items of its theme, from 0 to 2.
        pa.field("distance", pa.float64()),
    ]
)
# With the pipeline: what has found no theme, and waits for those of later runs.
LOOSE_SCHEMA = ITEMS_SCHEMA.insert(0, pa.field("pipeline", pa.string(), nullable=False))
# Note of a file: at its end stand so many items of earlier runs, which have found their theme with this one.
LATE = b"late"
_KEY = ("record_id", "record_version", "item_index")


def items_of_run(lake: Lake, names: ReportFields, path: str) -> pa.Table:
    """The items that a file of `results/` holds, without a theme.

    Raises:
        RetryLater: it cannot be read.
    """
    field = names.items or names.sentence
    parts = [ITEMS_SCHEMA.empty_table()]
    for rows in read_groups(lake, path, ["record_id", "record_version", field]):
        # A column that was not there, or was a text before it was a list, has no sentences.
        sentences = rows[field].combine_chunks() if field in rows.column_names else pa.nulls(rows.num_rows)
        records, places = np.arange(len(sentences)), np.zeros(len(sentences), dtype=np.int64)
        if names.items:
            if not pa.types.is_list(sentences.type) or sentences.type.value_type.get_field_index(names.sentence) < 0:
                continue
            records = pc.list_parent_indices(sentences).to_numpy()
            places = np.arange(len(records)) - np.searchsorted(records, records)
            sentences = pc.struct_field(pc.list_flatten(sentences), names.sentence)
        found = pa.table(
            {
                "theme_id": pa.nulls(len(records), pa.string()),
                "record_id": rows["record_id"].take(records),
                "record_version": rows["record_version"].take(records),
                "field": pa.repeat(field, len(records)),
                "item_index": places,
                "summary": sentences.cast(pa.string()),
                "distance": pa.nulls(len(records), pa.float64()),
            }
        )
        parts.append(found.filter(pc.is_valid(found["summary"])).cast(ITEMS_SCHEMA))
    return pa.concat_tables(parts)


def labelled_sentences(pipeline: Pipeline) -> list[str]:
    """The sentences of the labelled sample, as far as there is one.

    Raises:
        ConfigurationError: it cannot be read.
    """
    names = pipeline.report_fields
    answers = load_golden(pipeline).values() if pipeline.golden_path.exists() else ()
    parts = (part for answer in answers for part in (answer.get(names.items) or () if names.items else [answer]))
    return [part[names.sentence] for part in parts if part.get(names.sentence)]


def as_before(items: pa.Table, before: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The items of a run that was grouped before.

    Args:
        before: what it was grouped to.

    Returns:
        Those that say the same as then, with what they were given then; those that are new; and those of earlier
        runs that stand with them.
    """
    own = before.num_rows - int((before.schema.metadata or {}).get(LATE, 0))
    late, before = before.slice(own), before.slice(0, own)
    places = {key: at for at, key in enumerate(_keys(before, "summary"))}
    found = [places.get(key) for key in _keys(items, "summary")]
    same = before.take(pa.array([at for at in found if at is not None], pa.int64()))
    return same, items.filter(pa.array([at is None for at in found], pa.bool_())), late


def not_among(loose: pa.Table, pipeline: str, items: pa.Table) -> pa.Table:
    """Loose items without those that are among other items of a pipeline."""
    known = {(pipeline, *key) for key in _keys(items)}
    keys = zip(loose["pipeline"].to_pylist(), _keys(loose), strict=True)
    return loose.filter(pa.array([(name, *key) not in known for name, key in keys], pa.bool_()))


def with_themes(rows: pa.Table, theme_ids: pa.Array, distances: pa.Array) -> pa.Table:
    """The same rows in these themes."""
    for name, values in (("theme_id", theme_ids), ("distance", distances)):
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows


def sizes(items: pa.Table) -> Counter[str]:
    """How many there are of each theme."""
    return Counter(items["theme_id"].drop_null().to_pylist())


def _keys(rows: pa.Table, *more: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(rows[name].to_pylist() for name in (*_KEY, *more)), strict=True)
