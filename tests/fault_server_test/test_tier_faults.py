"""Faults of `service_tier`, which only calls at flex meet."""

import pytest

from tests.fault_server import FaultServer
from tests.fault_server_test.asking import Response, ask, question
from tests.fault_server_test.checking import Checks, accepted, play

TEXT = "The text."
check = Checks("tier")


def at_flex(server: FaultServer) -> Response:
    """Ask at flex."""
    return ask(server, question(TEXT, service_tier="flex"))


def test_no_fault_is_without_a_check() -> None:
    """Nor is there a check of a fault that is gone."""
    assert check.names == check.wanted


@pytest.mark.parametrize("name", check.wanted)
def test_a_fault_does_what_it_says(name: str, fault_server: FaultServer) -> None:
    """By a rule of the plan."""
    check.run(name, fault_server)


@pytest.mark.parametrize("name", check.wanted)
@pytest.mark.parametrize(("asked", "billed"), [(None, None), ("default", "default"), ("auto", "default")])
def test_no_other_call_meets_it(name: str, asked: str | None, billed: str | None, fault_server: FaultServer) -> None:
    """And an answer says at which tier it is billed where one was asked for."""
    play(fault_server, name)
    response = ask(fault_server, question(TEXT, **({} if asked is None else {"service_tier": asked})))
    assert accepted(response) and response.json.get("service_tier") == billed
    assert not fault_server.counters().by_fault


def test_an_answer_at_flex_says_so(fault_server: FaultServer) -> None:
    """Without a fault."""
    assert at_flex(fault_server).json["service_tier"] == "flex"


@check("resource_unavailable")
def _resource_unavailable(server: FaultServer) -> None:
    response = at_flex(server)
    assert (response.status, response.error["code"]) == (429, "resource_unavailable")
    assert response.error["message"] == "Resource Unavailable" and "retry-after" not in response.headers


@check("capacity_exceeded")
def _capacity_exceeded(server: FaultServer) -> None:
    response = at_flex(server)
    assert (response.status, response.error["code"]) == (498, "capacity_exceeded")


@check("flex_overloaded")
def _flex_overloaded(server: FaultServer) -> None:
    response = at_flex(server)
    assert (response.status, response.json[0]["error"]["status"]) == (503, "UNAVAILABLE")


@check("no_flex")
def _no_flex(server: FaultServer) -> None:
    response = at_flex(server)
    assert (response.status, response.error["param"]) == (400, "service_tier")


@check("no_service_tier")
def _no_service_tier(server: FaultServer) -> None:
    response = at_flex(server)
    assert (response.status, response.json["detail"][0]["loc"]) == (422, ["body", "service_tier"])


@check("billed_at_default")
def _billed_at_default(server: FaultServer) -> None:
    response = at_flex(server)
    assert accepted(response) and response.json["service_tier"] == "default"


@check("tier_not_named")
def _tier_not_named(server: FaultServer) -> None:
    response = at_flex(server)
    assert accepted(response) and "service_tier" not in response.json
