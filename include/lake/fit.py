"""Bring rows of different times into one schema: columns come and go, and a column may get another type."""

import logging
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.types as kinds

from include.sources.fields import attribute_of

log = logging.getLogger(__name__)


def fit(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows in a schema that has all their columns, or more.

    A missing column is null, and so is a value that does not convert to its column's type of today: it stands in
    `results/` and `raw/` as it was, and must not stop a night.
    """
    return pa.table([_column(rows, field) for field in schema], schema=schema)


def common_schema(newest: pa.Schema, others: Iterable[pa.Schema]) -> pa.Schema:
    """A schema with the columns of all: the newest ones in their order, `attr_*` by name, then those that are gone.

    Types are widened where they can be; else a column has its newest type.
    """
    fields = {field.name: field for field in newest}
    for other in others:
        for field in other:
            fields[field.name] = _wider(fields[field.name], field) if field.name in fields else field
    names = list(fields)
    attributes = sorted(name for name in names if name.startswith("attr_"))
    first = min((names.index(name) for name in attributes), default=0)
    before = [name for name in names[:first] if name not in attributes]
    after = [name for name in names[first:] if name not in attributes]
    return pa.schema([fields[name] for name in (*before, *attributes, *after)])


def _wider(field: pa.Field, other: pa.Field) -> pa.Field:
    if field.equals(other):
        return field
    try:
        wider: pa.Field = pa.unify_schemas([pa.schema([field]), pa.schema([other])], promote_options="permissive")[0]
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return field
    return wider


def _column(rows: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if field.name not in rows.column_names:
        return pa.nulls(rows.num_rows, field.type)
    column = rows[field.name]
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    values = column.to_pylist()
    kind = _scalar_kind(field.type)
    if kind is not None:
        return pa.array([attribute_of(value, kind, str) for value in values], field.type)
    try:
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        log.warning(
            "%s was %s and is %s; older values do not convert and are null", field.name, column.type, field.type
        )
        return pa.nulls(rows.num_rows, field.type)


def _scalar_kind(wanted: pa.DataType) -> type | None:
    if kinds.is_boolean(wanted):
        return bool
    if kinds.is_floating(wanted):
        return float
    if kinds.is_integer(wanted):
        return int
    return str if kinds.is_string(wanted) else None
