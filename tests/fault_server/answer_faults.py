"""Faults of the model itself: refusals, cut answers, answers that do not fit the schema."""

import json
from collections.abc import Callable
from typing import Any

from tests.fault_server.answers import default_content, instance_for, message_reply
from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.faults import FaultGroup, FaultNotPossible
from tests.fault_server.reply import Reply
from tests.fault_server.schema_instance import is_sentence_number
from tests.fault_server.schema_leaves import Leaf, leaves

fault = FaultGroup("answer")


class Answer:
    """A valid answer in its fullest form, about to be spoilt.

    Raises:
        FaultNotPossible: the question has no schema, or it is not that of an object.
    """

    def __init__(self, chat: ChatRequest) -> None:
        if chat.schema is None:
            raise FaultNotPossible("This fault needs a response_format with a JSON schema.")
        self.value = instance_for(chat, full=True)
        if not isinstance(self.value, dict):
            raise FaultNotPossible("This fault needs a schema of an object.")
        self._leaves = list(leaves(chat.schema, self.value))

    def leaf(self, fits: Callable[[Leaf], bool], what: str) -> Leaf:
        """The first scalar that fits.

        Raises:
            FaultNotPossible: there is none.
        """
        for leaf in self._leaves:
            if fits(leaf):
                return leaf
        raise FaultNotPossible(f"This fault needs {what} in the schema.")

    def get(self, leaf: Leaf) -> Any:
        """The value there."""
        value: Any = self.value
        for part in leaf.path:
            value = value[part]
        return value

    def put(self, leaf: Leaf, value: Any) -> str:
        """Replace the value there; returns the JSON of the whole."""
        holder: Any = self.value
        for part in leaf.path[:-1]:
            holder = holder[part]
        holder[leaf.path[-1]] = value
        return self.json()

    def json(self) -> str:
        """Compact JSON as the standard library writes it: NaN and lone surrogates included."""
        return json.dumps(self.value, separators=(",", ":"))


def said(chat: ChatRequest, content: str) -> Reply:
    """A finished answer with that content."""
    return message_reply(chat, {"content": content})


@fault("not_json")
def _not_json(chat: ChatRequest) -> Reply:
    """The answer is a sentence"""
    return said(chat, "I am happy to help with that. The customer seems to be upset.")


@fault("code_fence")
def _code_fence(chat: ChatRequest) -> Reply:
    """The valid JSON in a Markdown code fence"""
    return said(chat, f"```json\n{default_content(chat)}\n```")


@fault("prose_around")
def _prose_around(chat: ChatRequest) -> Reply:
    """The valid JSON between two sentences"""
    return said(chat, f"Here is the answer:\n{default_content(chat)}\nLet me know if you need more.")


@fault("two_values")
def _two_values(chat: ChatRequest) -> Reply:
    """The valid JSON twice"""
    return said(chat, f"{default_content(chat)}\n{default_content(chat)}")


@fault("truncated_json")
def _truncated_json(chat: ChatRequest) -> Reply:
    """Half of the JSON, although finish_reason is stop"""
    content = default_content(chat)
    return said(chat, content[: len(content) // 2])


@fault("duplicate_keys")
def _duplicate_keys(chat: ChatRequest) -> Reply:
    """The first field is there twice, with different values"""
    content = Answer(chat).json()
    name = json.dumps(next(iter(Answer(chat).value)))
    return said(chat, f'{{{name}:"another value",{content[1:]}')


@fault("missing_field")
def _missing_field(chat: ChatRequest) -> Reply:
    """The last field is missing"""
    answer = Answer(chat)
    answer.value.popitem()
    return said(chat, answer.json())


@fault("extra_field")
def _extra_field(chat: ChatRequest) -> Reply:
    """A field that the schema does not have"""
    answer = Answer(chat)
    answer.value["unexpected_field"] = "surplus"
    return said(chat, answer.json())


@fault("wrong_type")
def _wrong_type(chat: ChatRequest) -> Reply:
    """An object where a scalar belongs"""
    answer = Answer(chat)
    return said(chat, answer.put(answer.leaf(lambda leaf: True, "a scalar"), {"unexpected": True}))


@fault("bad_enum")
def _bad_enum(chat: ChatRequest) -> Reply:
    """A label that is not in the closed set"""
    answer = Answer(chat)
    leaf = answer.leaf(lambda leaf: "enum" in leaf.schema or "const" in leaf.schema, "a closed set")
    return said(chat, answer.put(leaf, "no_such_label"))


@fault("number_as_string")
def _number_as_string(chat: ChatRequest) -> Reply:
    """A number in quotes, which lax parsers take for a number"""
    answer = Answer(chat)
    leaf = _number(answer)
    return said(chat, answer.put(leaf, str(answer.get(leaf))))


@fault("nan")
def _nan(chat: ChatRequest) -> Reply:
    """NaN for a number, which Python's own JSON parser takes"""
    answer = Answer(chat)
    return said(chat, answer.put(_number(answer), float("nan")))


def _number(answer: Answer) -> Leaf:
    return answer.leaf(lambda leaf: leaf.schema.get("type") in ("integer", "number"), "a number")


@fault("quote_out_of_range")
def _quote_out_of_range(chat: ChatRequest, *, beyond: int = 1) -> Reply:
    """The number of a sentence that the text does not have"""
    answer = Answer(chat)
    leaf = answer.leaf(lambda leaf: is_sentence_number(leaf.schema), "the number of a sentence")
    return said(chat, answer.put(leaf, chat.sentences + beyond))


@fault("deep_nesting")
def _deep_nesting(chat: ChatRequest, *, depth: int = 100_000) -> Reply:
    """The answer is brackets within brackets"""
    return said(chat, "[" * depth + "]" * depth)


@fault("length")
def _length(chat: ChatRequest) -> Reply:
    """Half of the JSON, finish_reason length"""
    content = default_content(chat)
    return message_reply(chat, {"content": content[: len(content) // 2]}, finish_reason="length")


@fault("length_whole")
def _length_whole(chat: ChatRequest) -> Reply:
    """JSON that happens to be whole, but finish_reason is length"""
    return message_reply(chat, {"content": default_content(chat)}, finish_reason="length")


@fault("refusal")
def _refusal(chat: ChatRequest) -> Reply:
    """`refusal` instead of content"""
    return message_reply(chat, {"refusal": "I'm sorry, I cannot assist with that request."})


@fault("content_filter")
def _content_filter(chat: ChatRequest) -> Reply:
    """finish_reason content_filter and half of the JSON"""
    content = default_content(chat)
    return message_reply(chat, {"content": content[: len(content) // 2]}, finish_reason="content_filter")


@fault("empty_content")
def _empty_content(chat: ChatRequest) -> Reply:
    """The content is an empty string"""
    return said(chat, "")


@fault("null_content")
def _null_content(chat: ChatRequest) -> Reply:
    """The content is null, and nothing stands in its place"""
    return message_reply(chat, {"content": None})


@fault("content_parts")
def _content_parts(chat: ChatRequest) -> Reply:
    """The content is a list of parts instead of a string"""
    return message_reply(chat, {"content": [{"type": "text", "text": default_content(chat)}]})


@fault("tool_calls")
def _tool_calls(chat: ChatRequest) -> Reply:
    """A call of a tool that nobody offered"""
    call = {"id": "call_1", "type": "function", "function": {"name": "delete_everything", "arguments": "{}"}}
    return message_reply(chat, {"tool_calls": [call]}, finish_reason="tool_calls")
