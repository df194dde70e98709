"""A JSON value that satisfies a JSON schema.

Covers what Pydantic writes for answer models: objects, arrays, closed sets, numbers with bounds, strings with lengths
and simple patterns, `anyOf` with null, `$ref`. Anything else is refused by name, never ignored.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.fault_server import fast_json
from tests.fault_server.choices import Choices
from tests.fault_server.strings import UnsupportedSchema, string_maker

Schema = Mapping[str, Any]

# A recursive schema must end somewhere: below this depth lists are as short and options as null as allowed.
MAX_DEPTH = 8
# Where the schema sets no upper bound.
_LIST_LENGTH = 3
_NUMBER_RANGE = 9
_NULL_SHARE = 4
_NOT_SUPPORTED = frozenset({
    "not", "if", "then", "else", "multipleOf", "uniqueItems", "prefixItems", "contains", "patternProperties",
    "propertyNames", "minProperties", "dependentRequired", "dependentSchemas",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draw:
    """What one instance is made with; see `make_instance`."""

    choices: Choices
    sentences: int


# Makes the value of one node of a schema, at some depth.
Maker = Callable[[Draw, int], Any]


def make_instance(schema: Schema, choices: Choices, sentences: int) -> Any:
    """Build a JSON value.

    Args:
        schema: a JSON schema with its own `$defs`.
        choices: decides between the possible values.
        sentences: how many numbered sentences the text has; sentence numbers stay within.

    Raises:
        UnsupportedSchema: see above.
    """
    return _compiled(fast_json.dumps(schema))(Draw(choices, sentences), 0)


@lru_cache(maxsize=64)
def _compiled(schema: bytes) -> Maker:
    # All questions of a run have the same schema: it is read once.
    return _Compiler(fast_json.loads(schema)).reference("#")


def is_sentence_number(schema: Schema) -> bool:
    """Whether an integer field names a sentence of the text: from 1, or by its description, without an upper bound."""
    is_from_1 = schema.get("minimum") == 1 or ("minimum" not in schema and "sentence" in schema.get("description", ""))
    return schema.get("type") == "integer" and is_from_1 and "maximum" not in schema


def resolve(root: Schema, node: Schema) -> Schema:
    """Follow `$ref`s and single `allOf`s."""
    while True:
        if "$ref" in node:
            node = definition(root, node["$ref"])
        elif len(node.get("allOf", ())) == 1:
            node = {**{key: value for key, value in node.items() if key != "allOf"}, **node["allOf"][0]}
        else:
            return node


def definition(root: Schema, reference: str) -> Schema:
    """What a `$ref` refers to.

    Raises:
        UnsupportedSchema: nothing within this schema.
    """
    node: Any = root
    if not reference.startswith("#"):
        raise UnsupportedSchema(f"$ref {reference!r} points outside of the schema")
    for part in reference.removeprefix("#").split("/")[1:]:
        try:
            node = node[part.replace("~1", "/").replace("~0", "~")]
        except (KeyError, TypeError):
            raise UnsupportedSchema(f"$ref {reference!r} points nowhere") from None
    found: Schema = node
    return found


def options_of(node: Schema) -> list[Schema] | None:
    """The alternatives of `anyOf`, `oneOf` or a list of types; None where there is only one."""
    if "anyOf" in node:
        return list(node["anyOf"])
    if "oneOf" in node:
        return list(node["oneOf"])
    kinds = node.get("type")
    return [{**node, "type": kind} for kind in kinds] if isinstance(kinds, list) else None


def type_of(node: Schema) -> str:
    """The type that a node has or implies."""
    kind: str = node.get("type", "object" if "properties" in node else "string")
    return kind


class _Compiler:
    """Turns each node of a schema into a function that makes its value."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._by_reference: dict[str, Maker] = {}
        self._by_type: dict[str, Callable[[Schema], Maker]] = {
            "object": self._object,
            "array": self._array,
            "string": _string,
            "integer": _integer,
            "number": _number,
            "boolean": lambda node: lambda draw, depth: draw.choices.below(2) == 1,
            "null": lambda node: lambda draw, depth: None,
        }

    def reference(self, name: str) -> Maker:
        if name not in self._by_reference:
            # A schema may refer to itself: until its maker exists, this one stands for it.
            self._by_reference[name] = lambda draw, depth: self._by_reference[name](draw, depth)
            self._by_reference[name] = self._node(definition(self._root, name))
        return self._by_reference[name]

    def _node(self, node: Schema) -> Maker:
        if "$ref" in node:
            return self.reference(node["$ref"])
        node = resolve(self._root, node)
        if "const" in node or "enum" in node:
            values = node.get("enum", [node.get("const")])
            return lambda draw, depth: draw.choices.one_of(values)
        options = options_of(node)
        if options is not None:
            return self._one_of(options)
        refused = _NOT_SUPPORTED & node.keys()
        if refused:
            raise UnsupportedSchema(f"the schema uses {', '.join(sorted(refused))}")
        if type_of(node) not in self._by_type:
            raise UnsupportedSchema(f"the schema has the type {type_of(node)!r}")
        return self._by_type[type_of(node)](node)

    def _one_of(self, options: list[Schema]) -> Maker:
        somethings = [option for option in options if option.get("type") != "null"]
        makers = [self._node(option) for option in somethings]
        nullable = len(somethings) < len(options)
        # No sentence, no number of one: null is the honest answer where it is allowed.
        quotes = len(somethings) == 1 and is_sentence_number(resolve(self._root, somethings[0]))

        def make(draw: Draw, depth: int) -> Any:
            if nullable:
                nothing = not draw.choices.full and draw.choices.below(_NULL_SHARE) == 0
                if nothing or not makers or depth > MAX_DEPTH or (quotes and draw.sentences == 0):
                    return None
            return draw.choices.one_of(makers)(draw, depth)

        return make

    def _object(self, node: Schema) -> Maker:
        makers = [(name, self._node(child)) for name, child in node.get("properties", {}).items()]

        def make(draw: Draw, depth: int) -> dict[str, Any]:
            if depth > 4 * MAX_DEPTH:
                raise UnsupportedSchema("the schema requires itself without end")
            return {name: maker(draw, depth + 1) for name, maker in makers}

        return make

    def _array(self, node: Schema) -> Maker:
        element = self._node(node.get("items", {}))
        fewest = node.get("minItems", 0)
        most = node.get("maxItems", max(fewest, _LIST_LENGTH))
        if fewest > most:
            raise UnsupportedSchema("the schema has minItems above maxItems")
        usual = max(fewest, min(most, _LIST_LENGTH))

        def make(draw: Draw, depth: int) -> list[Any]:
            least = max(fewest, min(most, 1)) if draw.choices.full else fewest
            length = fewest if depth > MAX_DEPTH else draw.choices.between(least, usual)
            return [element(draw, depth + 1) for _ in range(length)]

        return make


def _string(node: Schema) -> Maker:
    make = string_maker(node)
    return lambda draw, depth: make(draw.choices)


def _integer(node: Schema) -> Maker:
    if is_sentence_number(node):
        return lambda draw, depth: draw.choices.between(1, max(1, draw.sentences))
    lowest, highest = _bounds(node)
    low, high = math.ceil(lowest), math.floor(highest)
    low += low == node.get("exclusiveMinimum")
    high -= high == node.get("exclusiveMaximum")
    if low > high:
        raise UnsupportedSchema("the schema leaves no integer between its bounds")
    return lambda draw, depth: draw.choices.between(low, high)


def _number(node: Schema) -> Maker:
    lowest, highest = _bounds(node)
    # Strictly inside, so that exclusive bounds hold; equal bounds give that one value.
    return lambda draw, depth: lowest + (highest - lowest) * draw.choices.between(1, 99) / 100


def _bounds(node: Schema) -> tuple[float, float]:
    lowest = node.get("minimum", node.get("exclusiveMinimum"))
    highest = node.get("maximum", node.get("exclusiveMaximum"))
    if lowest is None:
        lowest = 0 if highest is None or highest >= 0 else highest - _NUMBER_RANGE
    return lowest, lowest + _NUMBER_RANGE if highest is None else highest
