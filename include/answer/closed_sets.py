"""Closed sets: the fields of an answer that take one of a few given words."""

import types
import typing
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Union

from pydantic import BaseModel

from include.answer.structured_output import element_fields


@dataclass(frozen=True)
class ClosedSet:
    """One such field.

    Args:
        within: the list field whose elements have it; None: the answer itself.
        field: its name there.
        values: what it may say, in the order of the model.
    """

    within: str | None
    field: str
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        """As people write it: `sentiment`, or `feedback.topic` in a list."""
        return self.field if self.within in (None, self.field) else f"{self.within}.{self.field}"


def closed_sets(answer: type[BaseModel]) -> list[ClosedSet]:
    """All closed sets of an answer and of the elements of its lists."""
    found = []
    for name, info in answer.model_fields.items():
        found.append(ClosedSet(None, name, closed_values(info.annotation)))
        elements = element_fields(name, info).items()
        found += [ClosedSet(name, field, closed_values(inner.annotation)) for field, inner in elements]
    return [closed for closed in found if closed.values]


def closed_values(annotation: Any) -> tuple[str, ...]:
    """The words that a type allows, besides nothing; empty when it allows any."""
    origin, options = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return tuple(map(str, options))
    if origin is typing.Annotated:
        return closed_values(options[0])
    if origin in (Union, types.UnionType):
        parts = [closed_values(option) for option in options if option is not type(None)]
        return sum(parts, ()) if all(parts) else ()
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(member.value) for member in annotation)
    return ()
