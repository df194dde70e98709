"""Where in an instance which part of the schema is at work."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fault_server.schema_instance import Schema, options_of, resolve, type_of

_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip


@dataclass(frozen=True)
class Leaf:
    """A scalar within an instance: the keys and indexes that lead to it, and its schema without nullability."""

    path: tuple[str | int, ...]
    schema: Schema


def leaves(schema: Schema, instance: Any) -> Iterator[Leaf]:
    """Every scalar of an instance that was made from `schema`, in document order."""
    yield from _leaves(schema, schema, instance, ())


def _leaves(root: Schema, node: Schema, value: Any, path: tuple[str | int, ...]) -> Iterator[Leaf]:
    node = resolve(root, node)
    for option in options_of(node) or ():
        option = resolve(root, option)
        if _fits(option, value):
            yield from _leaves(root, option, value, path)
            return
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _leaves(root, node["properties"][name], child, (*path, name))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _leaves(root, node.get("items", {}), element, (*path, index))
    else:
        yield Leaf(path, node)


def _fits(node: Schema, value: Any) -> bool:
    """Whether this alternative is the one that the value was made from."""
    if "enum" in node or "const" in node:
        return value in node.get("enum", (node.get("const"),))
    expected = _PYTHON_TYPES[type_of(node)]
    if not isinstance(value, expected):
        return False
    if isinstance(value, dict):
        return set(node.get("properties", value)) == set(value)
    # True is an int in Python, but no integer in JSON.
    return isinstance(value, bool) == (expected is bool)
