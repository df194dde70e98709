"""The columns of an answer. Apart from the schema, so that a DAG file parses without pyarrow."""

import types
import typing
from enum import Enum

import pyarrow as pa
from pydantic import BaseModel

from include.answer.structured_output import is_quote


def arrow_fields(answer: type[BaseModel]) -> list[pa.Field]:
    """Arrow fields of an answer: one column a field, lists of models as lists of structs, quotes as text."""
    return [
        pa.field(name, pa.string() if is_quote(info) else _arrow_type(info.annotation))
        for name, info in answer.model_fields.items()
    ]


def _arrow_type(annotation: typing.Any) -> pa.DataType:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(annotation) if option is not type(None)]
        if len(options) == 1:
            return _arrow_type(options[0])
    if origin is typing.Annotated:
        return _arrow_type(typing.get_args(annotation)[0])
    if origin is typing.Literal or (isinstance(annotation, type) and issubclass(annotation, (str, Enum))):
        return pa.string()
    if origin is list:
        return pa.list_(_arrow_type(typing.get_args(annotation)[0]))
    if annotation is bool:
        return pa.bool_()
    if annotation is int:
        return pa.int64()
    if annotation is float:
        return pa.float64()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(arrow_fields(annotation))
    raise TypeError(f"No Parquet type is known for {annotation!r}; use str, int, float, bool, list or a model.")
