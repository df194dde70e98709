"""Faults of whoever stands between the model and the client: an answer that is wrapped, stuck or broken off."""

import json

import pytest

from include.answer.structured_output import parse_answer
from include.answer.unwrap import one_level_down, unwrap
from tests.fault_server import FaultServer
from tests.fault_server.wrapped_faults import DRAFT
from tests.fault_server_test.asking import SENTENCES, Reading, ask
from tests.fault_server_test.checking import Checks, refused

TEXT = "The text."
check = Checks("wrapped")


def test_no_fault_is_without_a_check() -> None:
    """Nor is there a check of a fault that is gone."""
    assert check.names == check.wanted


@pytest.mark.parametrize("name", check.wanted)
def test_a_fault_does_what_it_says(name: str, fault_server: FaultServer) -> None:
    """By a rule of the plan."""
    check.run(name, fault_server)


@check("fence_and_words", "think_block", "think_unopened", "think_brackets", "harmony_channels")
def _unwrapped(server: FaultServer) -> None:
    response = ask(server, TEXT)
    refused(response, "not_json")
    found = unwrap(response.content)
    assert found is not None
    parse_answer(Reading, found.json, SENTENCES)


@check("double_encoded")
def _double_encoded(server: FaultServer) -> None:
    response = ask(server, TEXT)
    refused(response, "schema_violation")
    parse_answer(Reading, json.loads(response.content), SENTENCES)


@check("think_unclosed", "two_objects")
def _in_doubt(server: FaultServer) -> None:
    response = ask(server, TEXT)
    refused(response, "not_json")
    assert unwrap(response.content) is None


@check("one_level_down", "tool_call_as_text")
def _one_level_down(server: FaultServer) -> None:
    content = ask(server, TEXT).content
    outer = unwrap(content)
    inner = one_level_down(outer.json if outer else content)
    assert inner is not None
    parse_answer(Reading, inner, SENTENCES)


@check("same_calls")
def _same_calls(server: FaultServer) -> None:
    one, other = ask(server, TEXT).choice["message"]["tool_calls"]
    assert (one["id"], one["function"]) != (other["id"], other["function"])
    assert one["function"] == other["function"]
    parse_answer(Reading, one["function"]["arguments"], SENTENCES)


@check("thinking_part")
def _thinking_part(server: FaultServer) -> None:
    thought, part = ask(server, TEXT).choice["message"]["content"]
    assert thought["thinking"][0]["text"] == DRAFT
    parse_answer(Reading, part["text"], SENTENCES)


@check("reasoning_content")
def _reasoning_content(server: FaultServer) -> None:
    message = ask(server, TEXT).choice["message"]
    assert message["content"] is None
    parse_answer(Reading, message["reasoning_content"], SENTENCES)


@check("tool_arguments")
def _tool_arguments(server: FaultServer) -> None:
    choice = ask(server, TEXT).choice
    assert choice["finish_reason"] == "tool_calls"
    parse_answer(Reading, choice["message"]["tool_calls"][0]["function"]["arguments"], SENTENCES)


@check("function_call")
def _function_call(server: FaultServer) -> None:
    choice = ask(server, TEXT).choice
    assert choice["finish_reason"] == "function_call"
    parse_answer(Reading, choice["message"]["function_call"]["arguments"], SENTENCES)


@check("white_space_loop")
def _white_space_loop(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert response.choice["finish_reason"] == "length"
    assert response.content[9:].isspace()


@check("repetition")
def _repetition(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert response.choice["finish_reason"] == "length"
    assert response.content.count("and it broke again, ") == 90


@check("finish_error")
def _finish_error(server: FaultServer) -> None:
    assert ask(server, TEXT).choice["finish_reason"] == "error"


@check("native_finish_error")
def _native_finish_error(server: FaultServer) -> None:
    choice = ask(server, TEXT).choice
    reasons = (choice["finish_reason"], choice["native_finish_reason"])
    assert (*reasons, choice["message"]["content"]) == ("stop", "MALFORMED_FUNCTION_CALL", "")


@check("error_in_choice")
def _error_in_choice(server: FaultServer) -> None:
    choice = ask(server, TEXT).choice
    assert (choice["finish_reason"], choice["error"]["code"], choice["message"]["content"]) == ("error", 502, "")


@check("error_in_message")
def _error_in_message(server: FaultServer) -> None:
    message = ask(server, TEXT).choice["message"]
    assert (message["error"]["code"], message["content"]) == (502, "")
