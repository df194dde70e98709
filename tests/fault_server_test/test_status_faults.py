"""Faults that are an HTTP status: refusals, rate limits, broken servers, redirects."""

import email.utils
import json
import time
from collections.abc import Mapping

import pytest

from tests.fault_server import FaultServer
from tests.fault_server.status_faults import HOW_OTHERS_SAY_IT
from tests.fault_server_test.asking import KEY, Response, ask
from tests.fault_server_test.checking import Check, Checks, play

TEXT = "The text."
check = Checks("status")


def test_no_fault_is_without_a_check() -> None:
    """Nor is there a check of a fault that is gone."""
    assert check.names == check.wanted


@pytest.mark.parametrize("name", check.wanted)
def test_a_fault_does_what_it_says(name: str, fault_server: FaultServer) -> None:
    """By a rule of the plan."""
    check.run(name, fault_server)


def _is_error(response: Response, status: int, code: str | int | None) -> Mapping[str, str]:
    assert response.status == status
    assert response.error["code"] == code
    assert set(response.error) == {"message", "type", "param", "code"}
    return response.headers


def _limited(server: FaultServer) -> Mapping[str, str]:
    return _is_error(ask(server, TEXT), 429, "rate_limit_exceeded")


@check("429")
def _429(server: FaultServer) -> None:
    assert not any("retry" in name for name in _limited(server))


@check("429_retry_after")
def _429_retry_after(server: FaultServer) -> None:
    assert _limited(server)["retry-after"] == "2"
    play(server, "429_retry_after", seconds=7)
    assert _limited(server)["retry-after"] == "7"


@check("429_http_date")
def _429_http_date(server: FaultServer) -> None:
    play(server, "429_http_date", seconds=100)
    asked_at = time.time()
    date = email.utils.parsedate_to_datetime(_limited(server)["retry-after"])
    # A date has whole seconds.
    assert asked_at + 99 <= date.timestamp() <= time.time() + 100


@check("429_http_date_past")
def _429_http_date_past(server: FaultServer) -> None:
    date = email.utils.parsedate_to_datetime(_limited(server)["retry-after"])
    assert date.timestamp() < time.time() - 3500


@check("429_retry_after_ms")
def _429_retry_after_ms(server: FaultServer) -> None:
    headers = _limited(server)
    assert (headers["retry-after-ms"], headers["retry-after"]) == ("500", "1")


@check("429_garbage")
def _429_garbage(server: FaultServer) -> None:
    assert _limited(server)["retry-after"] == "soon"


@check("429_huge")
def _429_huge(server: FaultServer) -> None:
    assert _limited(server)["retry-after"] == "999999"


@check("insufficient_quota")
def _insufficient_quota(server: FaultServer) -> None:
    _is_error(ask(server, TEXT), 429, "insufficient_quota")


def _broken(status: int) -> Check:
    def error(server: FaultServer) -> None:
        _is_error(ask(server, TEXT), status, None)

    return error


def _gateway(status: int) -> Check:
    def page(server: FaultServer) -> None:
        response = ask(server, TEXT)
        assert (response.status, response.headers["content-type"]) == (status, "text/html")
        assert response.body.startswith(b"<html>")

    return page


for _status in (408, 409, 500, 502, 503, 529):
    check(str(_status))(_broken(_status))
for _status in (500, 502, 503, 529):
    check(f"{_status}_html")(_gateway(_status))


@check("503_retry_after")
def _503_retry_after(server: FaultServer) -> None:
    assert _is_error(ask(server, TEXT), 503, None)["retry-after"] == "2"


@check("redirect")
def _redirect(server: FaultServer) -> None:
    response = ask(server, TEXT)
    assert response.status == 302
    assert response.headers["location"].startswith("http://169.254.169.254/")


@check("context_length_exceeded")
def _context_length_exceeded(server: FaultServer) -> None:
    _is_error(ask(server, TEXT), 400, "context_length_exceeded")


@check("exceed_context_size_error")
def _exceed_context_size_error(server: FaultServer) -> None:
    response = ask(server, TEXT)
    _is_error(response, 400, 400)
    assert response.error["type"] == "exceed_context_size_error"


@check("invalid_request")
def _invalid_request(server: FaultServer) -> None:
    _is_error(ask(server, TEXT), 400, "invalid_value")


@check("any_reply")
def _any_reply(server: FaultServer) -> None:
    play(server, "any_reply", status=418, body="I am a teapot.", prompt_tokens=7)
    response = ask(server, TEXT)
    assert (response.status, response.body) == (418, b"I am a teapot.")
    assert server.counters().prompt_tokens == 7


def _said(kind: str) -> Check:
    def said(server: FaultServer) -> None:
        response = ask(server, TEXT)
        first = HOW_OTHERS_SAY_IT[kind][0]
        assert (response.status, json.loads(response.body)) == (first["status"], first["body"])
        play(server, f"said_{kind}", case=1)
        assert ask(server, TEXT).status == HOW_OTHERS_SAY_IT[kind][1]["status"]

    return said


for _kind in HOW_OTHERS_SAY_IT:
    check(f"said_{_kind}")(_said(_kind))


@check("401")
def _401(server: FaultServer) -> None:
    response = ask(server, TEXT)
    _is_error(response, 401, "invalid_api_key")
    assert KEY.encode() not in response.body


@check("401_with_key")
def _401_with_key(server: FaultServer) -> None:
    response = ask(server, TEXT)
    _is_error(response, 401, "invalid_api_key")
    assert KEY.encode() in response.body


@check("403")
def _403(server: FaultServer) -> None:
    _is_error(ask(server, TEXT), 403, "model_not_found")


@check("model_not_found")
def _model_not_found(server: FaultServer) -> None:
    _is_error(ask(server, TEXT), 404, "model_not_found")
