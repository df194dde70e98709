"""The fields of an answer as people read them, instead of as JSON schema."""

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Union

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.answer.closed_sets import closed_values
from include.answer.structured_output import is_quote, item_model, split_sentences

_KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


@dataclass(frozen=True)
class AnswerField:
    """One field.

    Args:
        name: with the name of its list before it, `feedback.topic`, where it stands in one.
        kind: its type, or its closed set of values.
        says: first sentence of its description, or all of one that goes through its values; may be empty.
    """

    name: str
    kind: str
    says: str


def answer_fields(answer: type[BaseModel], within: str = "") -> Iterator[AnswerField]:
    """All fields of an answer in their order, those of a list's elements after the list."""
    for name, info in answer.model_fields.items():
        description = info.description or ""
        # `bug: does not work.` says what one value means, so the sentences about the others belong to it.
        is_of_values = description.startswith(tuple(f"{value}:" for value in closed_values(info.annotation)))
        says = description if is_of_values else next(iter(split_sentences(description)), "")
        yield AnswerField(within + name, _kind(info), says)
        element = item_model(info)
        if element is not None:
            yield from answer_fields(element, f"{within}{name}.")


def _kind(info: FieldInfo) -> str:
    options = typing.get_args(info.annotation)
    may_be_null = typing.get_origin(info.annotation) in (Union, types.UnionType) and type(None) in options
    if is_quote(info):
        kind = "a sentence of the text, verbatim"
    elif may_be_null:
        kind = " or ".join(_named(option) for option in options if option is not type(None))
    else:
        kind = _named(info.annotation)
    most = next((mark.max_length for mark in info.metadata if hasattr(mark, "max_length")), None)
    if most is not None:
        kind += f", at most {most}{' characters' if info.annotation is str else ''}"
    return f"{kind}, or nothing" if may_be_null else kind


def _named(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if values := closed_values(annotation):
        return "one of " + ", ".join(values)
    if origin is typing.Annotated:
        return _named(arguments[0])
    if origin is list:
        element = arguments[0]
        return "list" if isinstance(element, type) and issubclass(element, BaseModel) else f"list of {_named(element)}"
    return _KINDS.get(annotation, getattr(annotation, "__name__", str(annotation)))
