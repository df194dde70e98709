"""Faults that a text asks for by itself, and those that cannot be had."""

import pytest

from tests.fault_server import FaultServer, Plan
from tests.fault_server.catalogue import CATALOGUE
from tests.fault_server_test.asking import ask, question, raw_bytes
from tests.fault_server_test.checking import play

TEXT = "The text."


# One of each group: every fault by itself is tried by a rule, and once more with the product's client (tests/llm).
SAMPLES = {fault.group: fault.name for fault in CATALOGUE.values()}


@pytest.mark.parametrize("name", SAMPLES.values())
def test_a_fault_in_the_text_may_be_over_the_next_time(name: str, fault_server: FaultServer) -> None:
    """`FAULT:<name>:once` fails the first question about a text and answers the re-ask."""
    text = f"Please FAULT:{name}:once now."
    # Some faults are met at flex only.
    raw_bytes(fault_server, question(text, service_tier="flex"), wait_seconds=0.05)
    assert fault_server.counters().by_fault == {name: 1}
    assert ask(fault_server, text).status == 200
    assert fault_server.counters().by_fault == {name: 1}


def test_markers_can_be_switched_off(fault_server: FaultServer) -> None:
    """Then a text with `FAULT:` in it is a text."""
    fault_server.set_plan(Plan(markers=False))
    assert ask(fault_server, "FAULT:500").status == 200


def test_a_fault_that_the_question_does_not_allow_is_a_400_that_says_why(fault_server: FaultServer) -> None:
    """A test with an impossible plan fails for that reason, not for another."""
    play(fault_server, "bad_enum")
    response = ask(fault_server, question(TEXT, {"type": "object", "properties": {"free": {"type": "string"}}}))
    assert (response.status, response.error["type"]) == (400, "fault_server_error")
    assert "closed set" in response.error["message"]
    assert ask(fault_server, question(TEXT, None)).status == 400


def test_an_unknown_fault_in_a_text_is_a_400_that_says_so(fault_server: FaultServer) -> None:
    """A misspelt marker does not pass for a valid answer."""
    response = ask(fault_server, "FAULT:lenght")
    assert response.status == 400
    assert "There is no fault 'lenght'" in response.error["message"]
