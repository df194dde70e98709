"""Faults of the connection: slow, cut, reset, silent."""

import http.client
import json
import time
from collections.abc import Callable

import pytest

from tests.fault_server import FaultServer
from tests.fault_server_test.asking import ask, raw_bytes
from tests.fault_server_test.checking import Checks, accepted, play

TEXT = "The text."
check = Checks("transport")


def test_no_fault_is_without_a_check() -> None:
    """Nor is there a check of a fault that is gone."""
    assert check.names == check.wanted


@pytest.mark.parametrize("name", check.wanted)
def test_a_fault_does_what_it_says(name: str, fault_server: FaultServer) -> None:
    """By a rule of the plan."""
    check.run(name, fault_server)


@check("latency")
def _latency(server: FaultServer) -> None:
    play(server, "latency", seconds=0.1)
    assert _seconds(lambda: ask(server, TEXT)) >= 0.1
    play(server, "latency", seconds=0.02, up_to_seconds=0.1)
    assert all(_seconds(lambda: ask(server, TEXT)) >= 0.02 for _ in range(3))
    assert server.counters().answered_ok == 3


@check("reset_before")
def _reset_before(server: FaultServer) -> None:
    assert raw_bytes(server, TEXT, 2) == (b"", "reset")
    assert server.counters().by_status == {0: 1}


@check("reset_mid_headers")
def _reset_mid_headers(server: FaultServer) -> None:
    received, end = raw_bytes(server, TEXT, 2)
    assert end == "reset"
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in received


@check("reset_mid_body")
def _reset_mid_body(server: FaultServer) -> None:
    received, end = raw_bytes(server, TEXT, 2)
    assert end == "reset"
    assert received.partition(b"\r\n\r\n")[2].startswith(b'{"id":')


@check("closed_before")
def _closed_before(server: FaultServer) -> None:
    assert raw_bytes(server, TEXT, 2) == (b"", "closed")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, TEXT)


@check("hang")
def _hang(server: FaultServer) -> None:
    assert raw_bytes(server, TEXT, 0.1) == (b"", "open")
    _until(lambda: server.counters().abandoned == 1)
    assert server.counters().in_flight == 0


@check("drip")
def _drip(server: FaultServer) -> None:
    received, end = raw_bytes(server, TEXT, 0.2)
    body = received.partition(b"\r\n\r\n")[2]
    assert end == "open"
    assert 1 <= len(body) <= 5
    play(server, "drip", seconds_per_byte=0.0001)
    assert accepted(ask(server, TEXT))


@check("drip_headers")
def _drip_headers(server: FaultServer) -> None:
    received, end = raw_bytes(server, TEXT, 0.2)
    assert end == "open"
    assert 1 <= len(received) <= 5
    play(server, "drip_headers", seconds_per_byte=0.0001)
    assert accepted(ask(server, TEXT))


@check("truncated")
def _truncated(server: FaultServer) -> None:
    with pytest.raises(http.client.IncompleteRead):
        ask(server, TEXT)


@check("truncated_without_length")
def _truncated_without_length(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert response.status == 200
    assert "content-length" not in response.headers
    assert response.body.startswith(b'{"id":')
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(response.body)


def _seconds(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def _until(holds: Callable[[], bool]) -> None:
    """The server learns a moment later that its client is gone."""
    for _ in range(6_000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("This did not come true within a minute.")
