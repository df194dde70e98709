"""Faults of the model itself: refusals, cut answers, answers that do not fit the schema."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.fault_server import FaultServer
from tests.fault_server_test.asking import Reading, ask
from tests.fault_server_test.checking import Checks, refused

TEXT = "The text."
check = Checks("answer")


def test_no_fault_is_without_a_check() -> None:
    """Nor is there a check of a fault that is gone."""
    assert check.names == check.wanted


@pytest.mark.parametrize("name", check.wanted)
def test_a_fault_does_what_it_says(name: str, fault_server: FaultServer) -> None:
    """By a rule of the plan."""
    check.run(name, fault_server)


def valid_answer() -> dict[str, Any]:
    """What the server says to the text without a fault."""
    with FaultServer() as server:
        answer: dict[str, Any] = json.loads(ask(server, TEXT).content)
        return answer


@check("not_json", "truncated_json", "two_values")
def _not_json(server: FaultServer) -> None:
    refused(ask(server, TEXT), "not_json")


@check("deep_nesting")
def _deep_nesting(server: FaultServer) -> None:
    response = ask(server, TEXT)
    refused(response, "not_json")
    with pytest.raises(RecursionError):
        json.loads(response.content)


@check("code_fence")
def _code_fence(server: FaultServer) -> None:
    response = ask(server, TEXT)
    refused(response, "not_json")
    assert json.loads(response.content.removeprefix("```json\n").removesuffix("\n```")) == valid_answer()


@check("prose_around")
def _prose_around(server: FaultServer) -> None:
    response = ask(server, TEXT)
    refused(response, "not_json")
    assert json.loads(response.content.split("\n")[1]) == valid_answer()


@check("duplicate_keys")
def _duplicate_keys(server: FaultServer) -> None:
    pairs = json.loads(ask(server, TEXT).content, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    assert names[0] == names[1]
    assert len(set(names)) == len(names) - 1


@check("missing_field")
def _missing_field(server: FaultServer) -> None:
    assert "1 fields" in refused(ask(server, TEXT), "schema_violation")


@check("extra_field")
def _extra_field(server: FaultServer) -> None:
    assert "unexpected_field" in refused(ask(server, TEXT), "schema_violation")


@check("wrong_type")
def _wrong_type(server: FaultServer) -> None:
    assert "string" in refused(ask(server, TEXT), "schema_violation")


@check("bad_enum")
def _bad_enum(server: FaultServer) -> None:
    assert "sentiment" in refused(ask(server, TEXT), "schema_violation")


@check("number_as_string")
def _number_as_string(server: FaultServer) -> None:
    response = ask(server, TEXT)
    refused(response, "schema_violation")
    # A lax parser would have taken it.
    Reading.model_validate_json(response.content, strict=False)


@check("nan")
def _nan(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert "NaN" in response.content
    json.loads(response.content)
    with pytest.raises(ValidationError):
        Reading.model_validate_json(response.content)


@check("quote_out_of_range")
def _quote_out_of_range(server: FaultServer) -> None:
    assert "names sentence 5" in refused(ask(server, TEXT), "quote_out_of_range")


@check("length")
def _length(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert response.choice["finish_reason"] == "length"
    with pytest.raises(ValueError, match=r"."):
        json.loads(response.content)


@check("length_whole")
def _length_whole(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert response.choice["finish_reason"] == "length"
    assert json.loads(response.content) == valid_answer()


@check("refusal")
def _refusal(server: FaultServer) -> None:
    message = ask(server, TEXT).choice["message"]
    assert message["content"] is None
    assert "sorry" in message["refusal"]


@check("content_filter")
def _content_filter(server: FaultServer) -> None:
    assert ask(server, TEXT).choice["finish_reason"] == "content_filter"


@check("empty_content")
def _empty_content(server: FaultServer) -> None:
    assert ask(server, TEXT).choice["message"]["content"] == ""


@check("null_content")
def _null_content(server: FaultServer) -> None:
    message = ask(server, TEXT).choice["message"]
    assert (message["content"], message["refusal"]) == (None, None)


@check("content_parts")
def _content_parts(server: FaultServer) -> None:
    (part,) = ask(server, TEXT).choice["message"]["content"]
    assert json.loads(part["text"]) == valid_answer()


@check("tool_calls")
def _tool_calls(server: FaultServer) -> None:
    choice = ask(server, TEXT).choice
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "delete_everything"
