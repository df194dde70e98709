"""Faults of whoever stands between the model and the client: an answer that is wrapped, stuck or broken off."""

import json
from typing import Any

from tests.fault_server.answers import completion_reply, default_content, message_reply
from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.faults import FaultGroup, Make
from tests.fault_server.reply import Reply

fault = FaultGroup("wrapped")

# JSON, but no answer.
DRAFT = '{"draft": "not this one"}'
# Name, description and content, with the valid JSON at %s.
_CONTENTS = (
    ("fence_and_words", "The valid JSON in a code fence, with words around it", "Sure:\n\n```json\n%s\n```\n\nBye."),
    (
        "think_block",
        "The valid JSON after a thought with a draft in it",
        f"<think>\nPerhaps {DRAFT}?\n</think>\n\n%s",
    ),
    (
        "think_unopened",
        "The same without `<think>`, which the chat template has put into the prompt",
        f"Perhaps {DRAFT}?\n</think>\n\n%s",
    ),
    ("think_unclosed", "A thought without an end, and the valid JSON in it", "<think>\nPerhaps %s?"),
    ("think_brackets", "A thought as Mistral's models mark it", f"[THINK]Perhaps {DRAFT}?[/THINK]%s"),
    (
        "harmony_channels",
        "gpt-oss's channels, which its server has not taken out",
        f"<|channel|>analysis<|message|>Perhaps {DRAFT}?<|end|><|start|>assistant<|channel|>final<|message|>%s",
    ),
    ("one_level_down", "The valid JSON under a key of another object", '{"answer": %s}'),
    (
        "tool_call_as_text",
        "The valid JSON in a tool's call that its server has not parsed",
        '<tool_call>\n{"name": "answer", "arguments": %s}\n</tool_call>',
    ),
    ("two_objects", "The valid JSON after another object", f"{DRAFT}\n%s"),
)


def _said(said: str) -> Make:
    return lambda chat: message_reply(chat, {"content": said.replace("%s", default_content(chat))})


for _name, _description, _content in _CONTENTS:
    fault.add(_name, _description, _said(_content))


@fault("double_encoded")
def _double_encoded(chat: ChatRequest) -> Reply:
    """A JSON string that holds the valid JSON"""
    return message_reply(chat, {"content": json.dumps(default_content(chat))})


@fault("thinking_part")
def _thinking_part(chat: ChatRequest) -> Reply:
    """The content is a list of parts, the first of them a thought, as Mistral sends it"""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": DRAFT}]}
    return message_reply(chat, {"content": [thought, {"type": "text", "text": default_content(chat)}]})


@fault("reasoning_content")
def _reasoning_content(chat: ChatRequest, *, field: str = "reasoning_content") -> Reply:
    """The content is null, and the valid JSON stands where thoughts belong"""
    return message_reply(chat, {field: default_content(chat)})


@fault("tool_arguments")
def _tool_arguments(chat: ChatRequest, *, finish_reason: str = "tool_calls") -> Reply:
    """The valid JSON stands in the arguments of a tool's call"""
    call = {"id": "call_1", "type": "function", "function": {"name": "answer", "arguments": default_content(chat)}}
    return message_reply(chat, {"tool_calls": [call]}, finish_reason=finish_reason)


@fault("same_calls")
def _same_calls(chat: ChatRequest) -> Reply:
    """The same tool is called twice with the valid JSON"""
    call = {"type": "function", "function": {"name": "answer", "arguments": default_content(chat)}}
    return message_reply(chat, {"tool_calls": [{"id": f"call_{number}", **call} for number in (1, 2)]})


@fault("function_call")
def _function_call(chat: ChatRequest) -> Reply:
    """The same in the field that came before tools"""
    call = {"name": "answer", "arguments": default_content(chat)}
    return message_reply(chat, {"function_call": call}, finish_reason="function_call")


@fault("white_space_loop")
def _white_space_loop(chat: ChatRequest, *, finish_reason: str = "length") -> Reply:
    """The beginning of the valid JSON, then white space up to the cap"""
    return message_reply(chat, {"content": default_content(chat)[:9] + " \n" * 900}, finish_reason=finish_reason)


@fault("repetition")
def _repetition(chat: ChatRequest, *, finish_reason: str = "length") -> Reply:
    """The beginning of the valid JSON, then the same words up to the cap"""
    content = default_content(chat)[:9] + "and it broke again, " * 90
    return message_reply(chat, {"content": content}, finish_reason=finish_reason)


@fault("finish_error")
def _finish_error(chat: ChatRequest, *, reason: str = "error") -> Reply:
    """Half of the JSON; finish_reason says that the provider broke off"""
    content = default_content(chat)
    return message_reply(chat, {"content": content[: len(content) // 2]}, finish_reason=reason)


@fault("native_finish_error")
def _native_finish_error(chat: ChatRequest, *, reason: str = "MALFORMED_FUNCTION_CALL") -> Reply:
    """No content and finish_reason stop; only native_finish_reason says that the provider broke off"""
    return _choice(chat, finish_reason="stop", native_finish_reason=reason)


@fault("error_in_choice")
def _error_in_choice(chat: ChatRequest, *, code: int = 502) -> Reply:
    """No content, and an error in the choice, as OpenRouter sends it"""
    return _choice(chat, finish_reason="error", error={"code": code, "message": "Upstream provider is overloaded"})


@fault("error_in_message")
def _error_in_message(chat: ChatRequest, *, code: int = 502) -> Reply:
    """No content, and an error in the message"""
    return message_reply(chat, {"content": "", "error": {"code": code, "message": "Upstream is overloaded"}})


def _choice(chat: ChatRequest, **more: Any) -> Reply:
    message = {"role": "assistant", "content": ""}
    return completion_reply(chat, {"choices": [{"index": 0, "message": message, **more}]}, completion_tokens=0)
