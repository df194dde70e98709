"""Faults in the strings of an otherwise valid answer."""

import json

import pytest

from tests.fault_server import FaultServer
from tests.fault_server_test.asking import SYSTEM, Reading, ask
from tests.fault_server_test.checking import Checks, accepted, refused

TEXT = "The text."
check = Checks("text")


def test_no_fault_is_without_a_check() -> None:
    """Nor is there a check of a fault that is gone."""
    assert check.names == check.wanted


@pytest.mark.parametrize("name", check.wanted)
def test_a_fault_does_what_it_says(name: str, fault_server: FaultServer) -> None:
    """By a rule of the plan."""
    check.run(name, fault_server)


@check("lone_surrogate")
def _lone_surrogate(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert "\\ud83d " in response.content
    with pytest.raises(UnicodeEncodeError):
        json.loads(response.content)["summary"].encode()


@check("lone_surrogate_body")
def _lone_surrogate_body(server: FaultServer) -> None:
    with pytest.raises(UnicodeEncodeError):
        ask(server, TEXT).content.encode()


@check("nul", "bidi", "ansi", "line_separators", "formula", "markup")
def _texts(server: FaultServer) -> None:
    response = ask(server, TEXT)
    Reading.model_validate_json(response.content)
    summary = json.loads(response.content)["summary"]
    hidden = {"nul": "\0", "bidi": "\u202e", "ansi": "\x1b[", "line_separators": "\u2028", "formula": "=cmd"}
    (name,) = server.counters().by_fault
    assert hidden.get(name, "<script>") in summary


@check("long_text")
def _long_text(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert len(response.content) > 1_000_000
    assert "at most 120 characters" in refused(response, "schema_violation")


@check("echo_prompt")
def _echo_prompt(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert accepted(response)
    assert json.loads(response.content)["summary"] == SYSTEM
