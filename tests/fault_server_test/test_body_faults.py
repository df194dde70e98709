"""Faults of the HTTP body behind a 200: empty, no completion, too large, usage that does not add up."""

import json
import zlib

import pytest

from tests.fault_server import FaultServer
from tests.fault_server_test.asking import Response, ask
from tests.fault_server_test.checking import Checks, accepted, play

TEXT = "The text."
check = Checks("body")


def test_no_fault_is_without_a_check() -> None:
    """Nor is there a check of a fault that is gone."""
    assert check.names == check.wanted


@pytest.mark.parametrize("name", check.wanted)
def test_a_fault_does_what_it_says(name: str, fault_server: FaultServer) -> None:
    """By a rule of the plan."""
    check.run(name, fault_server)


@check("empty_body")
def _empty_body(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert (response.status, response.headers["content-length"], response.body) == (200, "0", b"")


@check("wrong_content_type")
def _wrong_content_type(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert accepted(response)


@check("html_body")
def _html_body(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert (response.status, response.headers["content-type"]) == (200, "text/html")
    assert response.body.startswith(b"<!doctype html>")


@check("error_with_200")
def _error_with_200(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert response.status == 200
    assert set(response.json) == {"error"}


@check("not_json_body")
def _not_json_body(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(response.body)


@check("json_list_body")
def _json_list_body(server: FaultServer) -> None:
    assert ask(server, TEXT).json == []


@check("invalid_utf8")
def _invalid_utf8(server: FaultServer) -> None:
    with pytest.raises(UnicodeDecodeError):
        ask(server, TEXT).body.decode()


@check("oversized")
def _oversized(server: FaultServer) -> None:
    play(server, "oversized", megabytes=5)
    response = ask(server, TEXT)
    assert len(response.body) > 5 * 1024 * 1024
    assert accepted(response)


@check("gzip_bomb")
def _gzip_bomb(server: FaultServer) -> None:
    play(server, "gzip_bomb", megabytes=20)
    response = ask(server, TEXT)
    assert response.headers["content-encoding"] == "gzip"
    assert len(response.body) < 20 * 8192
    unpacked = zlib.decompress(response.body, wbits=16 + zlib.MAX_WBITS)
    assert len(unpacked) > 20 * 1024 * 1024
    assert accepted(Response(200, {}, unpacked))


@check("no_choices")
def _no_choices(server: FaultServer) -> None:
    assert ask(server, TEXT).json["choices"] == []


@check("missing_choices")
def _missing_choices(server: FaultServer) -> None:
    assert "choices" not in ask(server, TEXT).json


@check("two_choices")
def _two_choices(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert [choice["index"] for choice in response.json["choices"]] == [0, 1]
    assert accepted(response)


@check("wrong_usage", "missing_usage", "null_usage", "negative_usage")
def _usage(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert accepted(response)
    usage = response.json.get("usage", "missing")
    (name,) = server.counters().by_fault
    if name == "wrong_usage":
        assert usage["prompt_tokens_details"]["cached_tokens"] > usage["prompt_tokens"]
        assert not isinstance(usage["completion_tokens"], int)
    elif name == "negative_usage":
        assert max(usage[kind] for kind in ("prompt_tokens", "completion_tokens", "total_tokens")) < 0
    else:
        assert usage == {"missing_usage": "missing", "null_usage": None}[name]
    # The log knows the truth.
    assert server.counters().completion_tokens == len(response.content) // 4
