"""How a model is asked where a person says it: one JSON object, in the connection, the environment or a pipeline.

NIGHTSHIFT_DIALECT='{"structure": "tool", "body": {"chat_template_kwargs": {"enable_thinking": false}}}'
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from include.errors import ConfigurationError

# From what holds a model to the schema to what only tells it: with a JSON object and with text it stands in the prompt,
# with a tool it is the parameters of one that the model has to call.
STRUCTURES = ("json_schema", "json_object", "tool", "text")
CAPS = ("max_tokens", "max_completion_tokens")
# From cheapest to dearest.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# Of a schema: what answers are checked by here too, so that an endpoint may do without. Who refuses one of a group
# refuses the others.
BOUNDS = (
    ("minLength", "maxLength"),
    ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    ("minItems", "maxItems", "uniqueItems"),
)
# Without the last one, what is referred to stands in the place of each reference.
GROUPS = (*BOUNDS, ("pattern", "format"), ("additionalProperties",), ("$ref", "$defs"))
KEYWORDS = tuple(keyword for group in GROUPS for keyword in group)

_CHOICES: dict[str, tuple[Any, ...]] = {
    "structure": STRUCTURES,
    "cap_name": CAPS,
    "temperature": (True, False),
    "effort": (*EFFORTS, None),
    "strict": (True, False),
}
_KEYS = (*_CHOICES, "without", "body")
# What the body has anyway, what another setting says, and what would make several answers or pieces of one.
_NOT_IN_BODY = {"model", "messages", "response_format", "tools", "tool_choice", "temperature", "reasoning_effort"}
_NOT_IN_BODY |= {*CAPS, "stream", "n", "service_tier", "functions", "function_call", "extra_body"}


def dialect_settings(given: Any, setting: str) -> Mapping[str, Any]:
    """Fields of the dialect that are set; none where nothing is.

    Args:
        given: the object, or its JSON.
        setting: where it stands, for people.

    Raises:
        ConfigurationError: it is none, or a key or value in it makes no sense; names it, and lists what there is.
    """
    if given is None or given == "":
        return {}
    try:
        # By the library that sends it and writes it down: what it reads it can write.
        fields = orjson.loads(given if isinstance(given, str) else orjson.dumps(given, default=dict))
    except (ValueError, TypeError):
        fields = None
    if not isinstance(fields, Mapping):
        raise ConfigurationError(f'{setting} is no JSON object such as {{"structure": "tool"}}. Correct it.')
    for key, value in fields.items():
        if wrong := _problem(key, value):
            raise ConfigurationError(f"{setting} cannot be used: {wrong}. Correct it.")
    return dict(fields)


def _problem(key: str, value: Any) -> str | None:
    if key not in _KEYS:
        return f"it has no key {key!r}, only {', '.join(_KEYS)}"
    if key == "body":
        if not isinstance(value, Mapping):
            return "body is something else than an object of further fields of each request"
        taken = ", ".join(sorted(_NOT_IN_BODY & value.keys()))
        return f"body holds {taken}, which Nightshift or another setting says; further fields only" if taken else None
    said = json.dumps(value, default=repr)
    if key == "without":
        is_list = isinstance(value, Sequence) and not isinstance(value, str) and set(map(str, value)) <= set(KEYWORDS)
        return None if is_list else f"without={said} is no list of some of {', '.join(KEYWORDS)}"
    choices = [json.dumps(choice) for choice in _CHOICES[key]]
    return None if said in choices else f"{key}={said} is none of {', '.join(choices)}"
