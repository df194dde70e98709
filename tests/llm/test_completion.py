"""What a 200 holds: the content wherever it stands, or whose trouble it is that there is none."""

import json
from typing import Any

import pytest

from include.errors import Quarantine
from include.llm.completion import Completion, content_of, read_completion
from include.llm.endpoint import Endpoint
from include.llm.providers.provider_errors import (
    DEGENERATE,
    EMPTY,
    ERROR_WITH_200,
    PassingTrouble,
    RateLimited,
    Unusable,
)

ENDPOINT = Endpoint("http://127.0.0.1:8000/v1", "key", is_demo=False, in_flight=1)
JSON = '{"mood": "good"}'
USAGE = {"prompt_tokens": 900, "completion_tokens": 60}
ERROR = {"code": 502, "message": "Upstream is overloaded"}


def read(message: dict[str, Any], finish: str | None = "stop", usage: dict[str, int] | None = None, **more: Any) -> Any:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **more}
    raw = json.dumps({"choices": [choice], "usage": usage}).encode()
    return read_completion(raw, {}, 40, ENDPOINT, b"")


def part(**of: Any) -> dict[str, Any]:
    return of


def called(arguments: Any, name: str = "answer") -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


THOUGHT = part(type="thinking", thinking=[{"type": "text", "text": "Hm."}])


@pytest.mark.parametrize(
    ("message", "content", "stood"),
    [
        ({"content": JSON}, JSON, None),
        ({"content": JSON, "reasoning_content": '{"mood": "bad"}', "tool_calls": None}, JSON, None),
        ({"content": JSON, "tool_calls": [called('{"mood": "bad"}')]}, JSON, None),
        ({"content": [part(type="text", text=JSON)]}, JSON, None),
        ({"content": [THOUGHT, part(type="text", text=JSON[:5]), part(type="text", text=JSON[5:])]}, JSON, None),
        ({"content": [part(type="reasoning", text="Hm."), part(type="output_text", text=JSON)]}, JSON, None),
        ({"content": [part(text=JSON)]}, JSON, None),
        ({"content": [THOUGHT]}, "", None),
        ({"content": None, "tool_calls": [called(JSON)]}, JSON, "in a tool call"),
        ({"content": "I call the tool.", "tool_calls": [called(JSON)]}, JSON, "in a tool call"),
        ({"content": "", "tool_calls": [called(json.loads(JSON))]}, '{"mood":"good"}', "in a tool call"),
        (
            {"content": "", "tool_calls": [], "function_call": {"name": "answer", "arguments": JSON}},
            JSON,
            "in a tool call",
        ),
        ({"content": "", "tool_calls": [called(JSON), called('{"mood": "bad"}')]}, "", None),
        ({"content": "", "tool_calls": [called(JSON), {**called(JSON), "id": "call_2"}]}, JSON, "in a tool call"),
        ({"content": None, "reasoning_content": f"\n{JSON}\n"}, f"\n{JSON}\n", "in reasoning_content"),
        ({"content": " ", "reasoning_content": None, "reasoning": JSON}, JSON, "in reasoning"),
        ({"content": None, "reasoning_content": f"Perhaps {JSON}? No."}, None, None),
        ({"content": None, "reasoning": [{"text": JSON}]}, None, None),
    ],
)
def test_the_content_is_found_wherever_it_stands(
    message: dict[str, Any], content: str | None, stood: str | None
) -> None:
    completion = read(message)
    assert isinstance(completion, Completion)
    assert (completion.content, completion.stood, completion.finish_reason) == (content, stood, "stop")


@pytest.mark.parametrize(
    ("finish", "canonical"),
    [
        ("STOP", "stop"),
        ("tool_calls", "tool_calls"),
        (None, "none"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("SAFETY", "content_filter"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),
        ("sensitive", "content_filter"),
    ],
)
def test_why_an_answer_ended_has_one_name(finish: str | None, canonical: str) -> None:
    assert read({"content": JSON}, finish).finish_reason == canonical


BROKEN_OFF = [
    ({"content": ""}, "error", {}),
    ({"content": JSON}, "error", {}),
    ({"content": JSON[:5]}, "error", {"error": ERROR}),
    ({"content": None}, "stop", {"error": ERROR}),
    ({"content": "", "error": ERROR}, None, {}),
    ({"content": None}, "network_error", {}),
    ({"content": JSON[:5]}, "insufficient_system_resource", {}),
    ({"content": None}, "function_call_filter: MALFORMED_FUNCTION_CALL", {}),
    ({"content": ""}, "stop", {"native_finish_reason": "MALFORMED_FUNCTION_CALL"}),
    ({"content": JSON[:5]}, None, {"native_finish_reason": "error"}),
]


@pytest.mark.parametrize(("message", "finish", "more"), BROKEN_OFF)
def test_what_the_provider_breaks_off_is_its_own_passing_trouble(
    message: dict[str, Any], finish: str | None, more: dict[str, Any]
) -> None:
    trouble = read(message, finish, USAGE, **more)
    assert isinstance(trouble, Unusable)
    assert (trouble.kind, trouble.passes, trouble.is_damage) == (ERROR_WITH_200, True, True)
    assert trouble.usage.prompt_tokens == 900
    assert ("overloaded" if "error" in {**message, **more} else "finish_reason") in trouble.message


HOSTILE = [f'{{"message": {"[" * depth + "]" * depth}}}' for depth in (300, 900, 100_000)]


@pytest.mark.parametrize("error", [*HOSTILE, '{"message": "half of an emoji \\ud83d"}', '{"message": "x", "n": NaN}'])
def test_an_error_that_cannot_be_read_to_its_end_is_trouble_of_one_call(error: str) -> None:
    assert isinstance(read_completion(f'{{"error": {error}}}'.encode(), {}, 40, ENDPOINT, b""), Unusable)


def test_calls_of_a_tool_with_brackets_without_end_are_no_completion() -> None:
    deep = called(json.loads("[" * 900 + "]" * 900)), called(json.loads("[" * 900 + "]" * 900))
    assert isinstance(read({"content": None, "tool_calls": deep}), Unusable)


def test_an_error_that_costs_nothing_is_what_its_status_says() -> None:
    assert isinstance(read({"content": ""}, "error", error=ERROR), PassingTrouble)
    assert isinstance(read({"content": ""}, "error", error={"code": 429, "message": "Slow down"}), RateLimited)


@pytest.mark.parametrize(
    "said",
    [
        {"code": 50501, "message": "System is too busy now. Please try again later.", "data": None},
        {"choices": None, "base_resp": {"status_code": 1000, "status_msg": "System is too busy now."}},
        {"choices": [], "msg": "System is too busy now."},
    ],
)
def test_what_is_said_without_the_name_of_an_error_is_said_on(said: dict[str, Any]) -> None:
    trouble = read_completion(json.dumps(said).encode(), {}, 40, ENDPOINT, b"")
    assert isinstance(trouble, Unusable)
    assert (trouble.kind, trouble.passes) == (ERROR_WITH_200, True)
    assert "System is too busy now" in str(trouble)


def test_an_answer_is_an_answer_whatever_its_provider_notes_beside_it() -> None:
    for completion in (
        read({"content": JSON}, native_finish_reason="OTHER", error=ERROR),
        read({"content": JSON}, native_finish_reason="error"),
    ):
        assert content_of(completion) == JSON


@pytest.mark.parametrize("message", [None, "text", [], 3])
@pytest.mark.parametrize("more", [{}, {"error": ERROR}, {"finish_reason": "error"}])
def test_what_is_no_message_is_damage(message: Any, more: dict[str, Any]) -> None:
    raw = json.dumps({"choices": [{"message": message, **more}], "usage": USAGE}).encode()
    trouble = read_completion(raw, {}, 40, ENDPOINT, b"")
    assert isinstance(trouble, Unusable)
    assert trouble.is_damage


@pytest.mark.parametrize(
    "message",
    [
        {"content": JSON},
        {"content": f"```json\n{JSON}\n```"},
        {"content": f"<think>Hm.</think>{JSON}"},
        {"content": f"<think>{JSON}"},
        {"content": [{"type": "text", "text": JSON}]},
        {"content": None, "reasoning_content": JSON},
        {"content": None, "tool_calls": [called(JSON)]},
    ],
)
def test_an_answer_that_was_cut_is_truncated_whatever_is_in_it(message: dict[str, Any]) -> None:
    with pytest.raises(Quarantine) as caught:
        content_of(read(message, "length"))
    assert caught.value.error_type == "truncated"


@pytest.mark.parametrize(
    ("content", "finish", "kind", "words"),
    [
        (JSON[:5] + " \n" * 900, "length", DEGENERATE, "white space"),
        (" \n" * 900, "length", DEGENERATE, "white space"),
        (" \n" * 900, "stop", DEGENERATE, "white space"),
        (JSON[:5] + "and again, " * 90, "length", DEGENERATE, "the same words"),
        (" \n", "length", EMPTY, "empty"),
        ("", "stop", EMPTY, "empty"),
    ],
)
def test_a_model_that_is_stuck_is_not_merely_cut(content: str, finish: str, kind: str, words: str) -> None:
    with pytest.raises(Unusable) as caught:
        content_of(read({"content": content}, finish))
    assert (caught.value.kind, caught.value.raw_output) == (kind, content)
    assert words in caught.value.message
