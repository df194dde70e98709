"""What a table of answers says, flat: which row each piece of feedback is of, and its label as people read it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.row_hashes import Positions
from include.pipelines.definition import ReportFields

# Of the 64 bits that stand for a record or a customer with a label these are the label's.
LABEL_BITS = 20
LABEL_MASK = (1 << LABEL_BITS) - 1


@dataclass(frozen=True)
class Labelled:
    """Pieces of feedback.

    Args:
        rows: position of the record of each in its table.
        labels: of each, such as `customer support` or `other: parking`; null where the answer has none.
        fields: their own columns.
    """

    rows: Positions
    labels: pa.Array
    fields: pa.Table


def labelled(table: pa.Table, names: ReportFields) -> Labelled:
    """The pieces of feedback of some rows of `results/` or `current/`, of a lake of any age."""
    fields, rows = table, np.arange(table.num_rows)
    if names.items:
        column = table[names.items].combine_chunks() if names.items in table.column_names else pa.nulls(0)
        # An older lake may have it as text.
        is_list = pa.types.is_list(column.type) and pa.types.is_struct(column.type.value_type)
        items = pc.list_flatten(column) if is_list else pa.array([], pa.struct([]))
        rows = pc.list_parent_indices(column).to_numpy() if is_list else np.arange(0)
        # Of a null in the list every field is null.
        fields = pa.table(dict(zip(items.type.names, items.flatten(), strict=True)))
    return Labelled(rows, _labels(fields, names), fields)


@dataclass(frozen=True)
class Pairs:
    """Each record with each of its labels once, and with the label None, which all have.

    Args:
        rows: position of the record.
        codes: position of the label in `labels`.
    """

    rows: Positions
    codes: Positions
    labels: list[str | None]


def pairs_of(records: int, rows: Positions, labels: pa.Array) -> Pairs:
    """The pairs of so many records.

    Args:
        rows: the record of each label, by its position.
        labels: null is none.
    """
    known = labels.dictionary_encode()
    codes = pc.fill_null(known.indices, -1).to_numpy().astype(np.int64) + 1
    every = np.arange(records)
    pairs = once(np.concatenate([every << LABEL_BITS, (rows << LABEL_BITS | codes)[codes > 0]]))
    return Pairs(pairs >> LABEL_BITS, pairs & LABEL_MASK, [None, *known.dictionary.to_pylist()])


def once(values: Positions) -> Positions:
    """Each value once, in order; faster than NumPy's own for what is nearly in order."""
    values = np.sort(values)
    is_first = np.ones(len(values), dtype=np.bool_)
    is_first[1:] = values[1:] != values[:-1]
    return values[is_first]


def text_column(table: pa.Table, name: str | None) -> pa.Array:
    """A column as text, of nulls where there is none."""
    if name is None or name not in table.column_names or pa.types.is_nested(table[name].type):
        return pa.nulls(table.num_rows, pa.string())
    column = table[name].cast(pa.string())
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _labels(fields: pa.Table, names: ReportFields) -> pa.Array:
    topic, free = text_column(fields, names.topic), text_column(fields, names.topic_other)
    is_free = pc.fill_null(pc.and_(pc.equal(topic, "other"), pc.greater(pc.utf8_length(free), 0)), False)
    known = topic.dictionary_encode()
    labels = pc.replace_substring(known.dictionary, "_", " ").take(known.indices)
    if not pc.any(is_free).as_py():
        return labels
    own = pc.binary_join_element_wise("other", pc.utf8_lower(free.filter(is_free)), ": ")
    return pc.replace_with_mask(labels, is_free, own)
