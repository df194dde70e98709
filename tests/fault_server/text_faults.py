"""Faults in the strings of an otherwise valid answer: characters that break writers, payloads for readers."""

from collections.abc import Callable

from tests.fault_server.answer_faults import Answer, said
from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.faults import FaultGroup
from tests.fault_server.reply import Reply
from tests.fault_server.schema_leaves import Leaf

fault = FaultGroup("text")

_SHAPED = frozenset({"enum", "const", "pattern", "format"})


def _is_free_text(length: int) -> Callable[[Leaf], bool]:
    return lambda leaf: (
        leaf.schema.get("type") == "string"
        and not _SHAPED & leaf.schema.keys()
        and leaf.schema.get("maxLength", length) >= length
    )


def _with_text(chat: ChatRequest, text: str) -> Reply:
    answer = Answer(chat)
    leaf = answer.leaf(_is_free_text(len(text)), f"a free string of {len(text)} characters")
    return said(chat, answer.put(leaf, text))


@fault("lone_surrogate")
def _lone_surrogate(chat: ChatRequest) -> Reply:
    r"""A lone surrogate, escaped as `\ud83d` within the answer's JSON: half an emoji"""
    return _with_text(chat, "half \ud83d smile")


@fault("lone_surrogate_body")
def _lone_surrogate_body(chat: ChatRequest) -> Reply:
    r"""A lone surrogate, escaped as `\ud83d` in the HTTP body's own JSON"""
    return said(chat, Answer(chat).json() + "\ud83d")


@fault("nul")
def _nul(chat: ChatRequest) -> Reply:
    """A NUL and a backspace in a string"""
    return _with_text(chat, "nul \x00 and \x08 here")


@fault("bidi")
def _bidi(chat: ChatRequest) -> Reply:
    """Bidirectional override and isolate characters in a string"""
    return _with_text(chat, "refund \u202e5 RUE\u202c \u2066x\u2069")


@fault("line_separators")
def _line_separators(chat: ChatRequest) -> Reply:
    """U+2028, U+2029 and U+0085 in a string, where careless readers of JSONL cut"""
    return _with_text(chat, "one\u2028two\u2029three\x85four")


@fault("ansi")
def _ansi(chat: ChatRequest) -> Reply:
    """Terminal escape sequences in a string"""
    return _with_text(chat, "\x1b[2J\x1b[31mred")


@fault("formula")
def _formula(chat: ChatRequest) -> Reply:
    """A spreadsheet formula in a string"""
    return _with_text(chat, "=cmd|'/C calc'!A0")


@fault("markup")
def _markup(chat: ChatRequest) -> Reply:
    """A script tag and a tracking image in a string"""
    return _with_text(chat, "<script>alert(1)</script>![x](http://127.0.0.1:9/x.png)")


@fault("long_text")
def _long_text(chat: ChatRequest, *, characters: int = 1_000_000) -> Reply:
    """A string far beyond any length that the schema allows"""
    answer = Answer(chat)
    return said(chat, answer.put(answer.leaf(_is_free_text(0), "a free string"), "long " * (characters // 5)))


@fault("echo_prompt")
def _echo_prompt(chat: ChatRequest, *, characters: int = 200) -> Reply:
    """The beginning of the system prompt in a string"""
    system = next((str(message.get("content")) for message in chat.messages if message.get("role") == "system"), "")
    answer = Answer(chat)
    return said(chat, answer.put(answer.leaf(_is_free_text(0), "a free string"), system[:characters]))
