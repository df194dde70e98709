"""Bring rows of different times into one schema: columns come and go, and a column may get another type."""

import logging
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds

from include.sources.fields import attribute_of

log = logging.getLogger(__name__)


def conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows in a schema that has all their columns, or more.

    A missing column is null, and so is a value that does not convert to its type of today: it stands in `results/` and
    `raw/` as it was, and must not stop a night. Within lists and structs only the value itself is null; all beside it
    stays.
    """
    return pa.table([_column(rows, field) for field in schema], schema=schema)


def common_schema(newest: pa.Schema, others: Iterable[pa.Schema]) -> pa.Schema:
    """A schema with the columns of all: the newest ones in their order, `attr_*` by name, then those that are gone.

    Types are widened where they can be, field by field within lists and structs; else one has its newest type.
    """
    fields = {field.name: field for field in newest}
    for other in others:
        fields = _with_all(fields.values(), other)
    names = list(fields)
    attributes = sorted(name for name in names if name.startswith("attr_"))
    first = min((names.index(name) for name in attributes), default=0)
    before = [name for name in names[:first] if name not in attributes]
    after = [name for name in names[first:] if name not in attributes]
    return pa.schema([fields[name] for name in (*before, *attributes, *after)])


def _with_all(newest: Iterable[pa.Field], others: Iterable[pa.Field]) -> dict[str, pa.Field]:
    fields = {field.name: field for field in newest}
    for other in others:
        known = fields.setdefault(other.name, other)
        fields[other.name] = known.with_type(_wider(known.type, other.type))
    return fields


def _wider(newest: pa.DataType, other: pa.DataType) -> pa.DataType:
    if newest.equals(other):
        return newest
    if kinds.is_list(newest) and kinds.is_list(other):
        return pa.list_(newest.value_field.with_type(_wider(newest.value_type, other.value_type)))
    if kinds.is_struct(newest) and kinds.is_struct(other):
        return pa.struct(list(_with_all(newest, other).values()))
    sides = [pa.schema([("value", side)]) for side in (newest, other)]
    try:
        wider: pa.DataType = pa.unify_schemas(sides, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return newest
    return wider


def _column(rows: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if field.name not in rows.column_names:
        return pa.nulls(rows.num_rows, field.type)
    column = rows[field.name]
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    lost: Counter[str] = Counter()
    fitted = pa.array([_value(value, field.type, field.name, lost) for value in column.to_pylist()], field.type)
    for path, count in lost.items():
        log.warning("%s has another type than before: %d older values of it do not convert and are null", path, count)
    return fitted


def _value(value: Any, wanted: pa.DataType, path: str, lost: Counter[str]) -> Any:
    """A value in a type; null, and counted as lost under its path, if it does not convert."""
    if value is None:
        return None
    if kinds.is_struct(wanted) and isinstance(value, dict):
        return {field.name: _value(value.get(field.name), field.type, f"{path}.{field.name}", lost) for field in wanted}
    if kinds.is_list(wanted) and isinstance(value, list):
        return [_value(element, wanted.value_type, path, lost) for element in value]
    kind = _scalar_kind(wanted)
    converted = None
    if kind is not None:
        converted = attribute_of(value, kind, lambda text, _: text)
    # Arrow takes text for a list of letters.
    elif not kinds.is_nested(wanted):
        with suppress(ValueError, TypeError, OverflowError, NotImplementedError):
            converted = pa.scalar(value, wanted).as_py()
    if converted is None:
        lost[path] += 1
    return converted


def _scalar_kind(wanted: pa.DataType) -> type | None:
    if kinds.is_boolean(wanted):
        return bool
    if kinds.is_floating(wanted):
        return float
    if kinds.is_integer(wanted):
        return int
    return str if kinds.is_string(wanted) else None
