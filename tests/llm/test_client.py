"""What the client reads from a response that is not an answer."""

import pytest

from include.errors import EndpointUnusable, Quarantine
from include.llm.client import (
    MAX_RETRY_AFTER_SECONDS,
    PassingTrouble,
    RateLimited,
    failure_of,
    retry_after_seconds,
)
from include.llm.endpoint import Endpoint

ENDPOINT = Endpoint("http://127.0.0.1:1/v1", "secret-key", is_demo=False)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "Mon, 23 Nov 2026 00:00:10 GMT"}, 10.0),
        ({"Retry-After": "Sun, 22 Nov 2026 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "999999"}, MAX_RETRY_AFTER_SECONDS),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_ignored(
    headers: dict[str, str], seconds: float | None
) -> None:
    midnight = 1795392000.0
    assert retry_after_seconds(headers, now=midnight) == seconds


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, b'{"error": {"code": "rate_limit_exceeded"}}', RateLimited),
        (429, b'{"error": {"code": "insufficient_quota"}}', EndpointUnusable),
        (429, b'{"error": {"type": "insufficient_quota"}}', EndpointUnusable),
        (401, b"", EndpointUnusable),
        (403, b"<html>", EndpointUnusable),
        (404, b"", EndpointUnusable),
        (408, b"", PassingTrouble),
        (409, b"", PassingTrouble),
        (500, b"<html>Bad gateway</html>", PassingTrouble),
        (529, b"", PassingTrouble),
        (400, b'{"error": {"code": "context_length_exceeded"}}', Quarantine),
        (400, b'{"error": {"code": 400, "type": "exceed_context_size_error"}}', Quarantine),
        (422, b"[]", Quarantine),
    ],
)
def test_each_status_has_its_consequence(status: int, body: bytes, kind: type[Exception]) -> None:
    assert isinstance(failure_of(status, {}, body, ENDPOINT), kind)


def test_no_message_holds_the_key() -> None:
    body = b'{"error": {"message": "Incorrect API key provided: secret-key.", "code": "invalid_api_key"}}'
    assert "secret-key" not in str(failure_of(401, {}, body, ENDPOINT))
    assert "secret-key" not in repr(ENDPOINT)
