"""What is taken from `x-ratelimit-*`, and what is not believed."""

import pytest

from include.limits.headers import MAX_RETRY_AFTER_SECONDS, duration_seconds, headroom, retry_after_seconds


def told(**values: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in values.items()}


def test_what_is_left_is_read() -> None:
    assert headroom(told(limit_requests="600", remaining_requests="12", reset_requests="3s")) == (12, None)


def test_a_wait_is_asked_for_when_nothing_is_left() -> None:
    assert headroom(told(limit_requests="600", remaining_requests="0", reset_requests="1.5s")) == (0, 1.5)


def test_used_up_tokens_ask_for_a_wait_too() -> None:
    headers = told(limit_tokens="9000", remaining_tokens="0", reset_tokens="250ms")
    assert headroom(headers) == (None, 0.25)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        told(limit_requests="-1", remaining_requests="-1"),
        told(limit_requests="0", remaining_requests="0"),
        told(remaining_requests="0"),
        told(limit_requests="600", remaining_requests="many"),
    ],
)
def test_nonsense_is_ignored(headers: dict[str, str]) -> None:
    assert headroom(headers) == (None, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120ms", 0.12), ("6m0s", 360.0), ("1h2m3s", 3723.0), ("1.5s", 1.5), ("7", 7.0), ("soon", None), ("", None)],
)
def test_durations_as_providers_write_them(text: str, seconds: float | None) -> None:
    assert duration_seconds(text) == seconds


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
