"""What a vendor's API takes of a question, and in which words it refuses the rest.

A dialect is a row: what makes a request one that it refuses, and with what. The first one that holds decides; what none
refuses is answered as it is asked: by a JSON schema, a JSON object, a tool's parameters, or the prompt.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fault_server import fast_json
from tests.fault_server.reply import Reply, error_reply

Asked = Mapping[str, Any]
Refuses = Callable[[Asked], Reply | None]


@dataclass(frozen=True)
class Spoken:
    """One way to understand requests.

    Args:
        description: one line for people.
        refusals: in their order.
    """

    description: str
    refusals: Sequence[Refuses]

    def refuse(self, asked: Asked) -> Reply | None:
        """The reply to a request that it does not take; None: it does."""
        return next((reply for refuses in self.refusals if (reply := refuses(asked))), None)


def _type(asked: Asked) -> str | None:
    return (asked.get("response_format") or {}).get("type")


def _schema(asked: Asked) -> Any:
    if _type(asked) == "json_schema":
        return asked["response_format"]["json_schema"]["schema"]
    return asked["tools"][0]["function"]["parameters"] if asked.get("tools") else {}


def _keywords(node: Any) -> set[str]:
    if isinstance(node, list):
        return {name for child in node for name in _keywords(child)}
    if not isinstance(node, dict):
        return set()
    inner = {
        name
        for key, child in node.items()
        for name in _keywords(list(child.values()) if key in ("properties", "$defs") else child)
    }
    return {*node, *inner}


def _types(*taken: str, said: Callable[[str], Reply]) -> Refuses:
    """Refuses all other types of `response_format`."""
    return lambda asked: said(_type(asked) or "") if _type(asked) not in (None, *taken) else None


def _has(name: str, reply: Reply) -> Refuses:
    return lambda asked: reply if asked.get(name) is not None else None


def _without_json(asked: Asked) -> Reply | None:
    said = fast_json.dumps(asked["messages"]).lower()
    if _type(asked) != "json_object" or b"json" in said:
        return None
    message = "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
    return error_reply(400, message, param="messages")


def _schema_with(*keywords: str, said: Callable[[list[str]], Reply]) -> Refuses:
    def refuses(asked: Asked) -> Reply | None:
        found = [keyword for keyword in keywords if keyword in _keywords(_schema(asked))]
        return said(found) if found else None

    return refuses


def _400(message: str) -> Reply:
    return error_reply(400, message)


def _forbidden(field: str) -> Reply:
    wrong = {"type": "extra_forbidden", "loc": ["body", field], "msg": "Extra inputs are not permitted", "input": {}}
    return Reply(422, fast_json.dumps({"detail": [wrong]}))


def _unsupported(name: str, other: str) -> Reply:
    message = f"Unsupported parameter: '{name}' is not supported with this model. Use '{other}' instead."
    return error_reply(400, message, code="unsupported_parameter", param=name)


def _one_by_one(found: list[str]) -> Reply:
    message = f"Invalid schema for response_format 'answer': In context=('properties',), '{found[0]}' is not permitted."
    return error_reply(400, message, param="response_format")


def _google(found: list[str]) -> Reply:
    place = "generation_config.response_schema"
    said = [
        f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field." for name in found
    ]
    error = {"code": 400, "message": "\n".join(said), "status": "INVALID_ARGUMENT"}
    return Reply(400, fast_json.dumps([{"error": error}]))


def _thinks(asked: Asked) -> Reply | None:
    if asked.get("temperature", 1) != 1:
        message = "Unsupported value: 'temperature' does not support 0.0 with this model. "
        message += "Only the default (1) value is supported."
        return error_reply(400, message, code="unsupported_value", param="temperature")
    if asked.get("reasoning_effort") == "none":
        message = (
            "Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: "
        )
        message += "'minimal', 'low', 'medium', and 'high'."
        return error_reply(400, message, code="unsupported_value", param="reasoning_effort")
    return None


def _loose(asked: Asked) -> Reply | None:
    if _type(asked) == "json_schema" and not asked["response_format"]["json_schema"].get("strict"):
        return error_reply(400, "response_format.json_schema.strict: Input should be True")
    return None


def _one_temperature(asked: Asked) -> Reply | None:
    if asked.get("temperature", 1) == 1:
        return None
    return error_reply(400, "invalid temperature: only 1 is allowed for this model", kind="invalid_request_error")


def _answers_without_call(asked: Asked) -> Reply | None:
    if not asked.get("tools"):
        return None
    message = {"role": "assistant", "content": "The customer waits for a parcel."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59}
    return Reply(200, fast_json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}))


_LENGTHS = ("minLength", "maxLength")
_NO_TOOLS = error_reply(400, '"fault-model" does not support tools', kind="api_error")

SPOKEN: dict[str, Spoken] = {
    "openai": Spoken(
        "OpenAI's thinking models: another cap, no temperature, no length keywords, not without an effort",
        (
            _has("max_tokens", _unsupported("max_tokens", "max_completion_tokens")),
            _thinks,
            _schema_with(*_LENGTHS, said=_one_by_one),
        ),
    ),
    "anthropic": Spoken(
        "Strict schemas only, without bounds of lengths and numbers",
        (
            _types("json_schema", said=lambda _: _400("response_format.type: Input should be 'json_schema'")),
            _loose,
            _schema_with(
                *_LENGTHS,
                said=lambda found: _400(f"For 'string' type, properties {', '.join(found)} are not supported"),
            ),
            _schema_with(
                *("minimum", "maximum", "minItems", "maxItems"),
                said=lambda found: _400(f"For 'integer' type, property '{found[0]}' is not supported"),
            ),
        ),
    ),
    "gemini": Spoken(
        "No `additionalProperties` and no `$ref`; all of them are named at once",
        (_schema_with("additionalProperties", "$ref", "$defs", said=_google),),
    ),
    "deepseek": Spoken(
        "`json_object` instead of `json_schema`, and the word JSON in a message",
        (
            _types(
                *("json_object", "text"),
                said=lambda _: error_reply(
                    400, "This response_format type is unavailable now", code="invalid_request_error"
                ),
            ),
            _without_json,
        ),
    ),
    "groq": Spoken(
        "The same in Groq's words",
        (
            _types(
                "json_object",
                said=lambda kind: error_reply(
                    400, f"This model does not support response format `{kind}`.", param="response_format"
                ),
            ),
            _without_json,
        ),
    ),
    "mistral": Spoken("`max_tokens` only; what else is unknown is forbidden, as FastAPI says it", (
        *(_has(field, _forbidden(field)) for field in ("max_completion_tokens", "reasoning_effort")),
    )),
    "litellm": Spoken(
        "A gateway before a model that takes tools only",
        (
            _has(
                "response_format",
                error_reply(
                    400,
                    "litellm.UnsupportedParamsError: gateway does not support parameters: ['response_format'], for "
                    "model=fault-model. To drop these, set `litellm.drop_params=True`.",
                    kind="None",
                    code="400",
                ),
            ),
        ),
    ),
    "fastapi_tools": Spoken(
        "A server of one's own that takes tools only, and forbids what it does not know",
        (_has("response_format", _forbidden("response_format")),),
    ),
    "text_only": Spoken(
        "Neither `response_format` nor tools; the answer stands in a code fence",
        (
            _has("response_format", error_reply(400, "Unrecognized request argument supplied: response_format")),
            _has("tools", _NO_TOOLS),
        ),
    ),
    "no_grammar": Spoken(
        "501 for all that needs decoding by a grammar",
        (
            _types("text", said=lambda kind: error_reply(501, f"response_format {kind} is not implemented")),
            _has("tools", error_reply(500, "tools param requires --jinja flag", kind="server_error")),
        ),
    ),
    "moonshot": Spoken("One temperature, and what else is sent is in order", (_one_temperature,)),
    "no_call": Spoken(
        "No `response_format`; tools are taken, and answered without a call",
        (_has("response_format", _400("response_format: Extra inputs are not permitted")), _answers_without_call),
    ),
    "llamacpp": Spoken(
        "A grammar that fails at bounds of lengths, and does not say of which",
        (
            _schema_with(
                *_LENGTHS,
                said=lambda _: error_reply(400, "Failed to initialize samplers: failed to parse grammar", code=400),
            ),
        ),
    ),
}  # fmt: skip


def spoken(name: str) -> Spoken:
    """The dialect of that name.

    Raises:
        ValueError: there is none; the message says what there is.
    """
    if name not in SPOKEN:
        raise ValueError(f"There is no dialect {name!r}. There are: {', '.join(SPOKEN)}.")
    return SPOKEN[name]


def dialects_table() -> str:
    """The dialects as they stand in the README."""
    rows = [f"| `{name}` | {spoken.description} |" for name, spoken in SPOKEN.items()]
    return "\n".join(["| dialect | what it takes |", "| --- | --- |", *rows])
