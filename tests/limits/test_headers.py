"""What is taken from the headers and the words of each provider, and what is not believed."""

from typing import Any

import pytest
from multidict import CIMultiDict

from include.limits.headers import (
    MAX_RETRY_AFTER_SECONDS,
    NO_RESET_SECONDS,
    asked_wait_seconds,
    duration_seconds,
    headroom,
    retry_after_seconds,
    wait_in_error,
    wait_in_words,
)

# 2026-11-23T00:00:00Z
MIDNIGHT = 1795392000.0


def told(**values: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in values.items()}


def anthropic(**values: str) -> dict[str, str]:
    return {f"anthropic-ratelimit-{name.replace('_', '-')}": value for name, value in values.items()}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(told(limit_requests="600", remaining_requests="12", reset_requests="3s"), (12, None), id="openai"),
        pytest.param(
            told(limit_requests="600", remaining_requests="0", reset_requests="6m0s"), (0, 360.0), id="openai, none"
        ),
        pytest.param(
            told(limit_tokens="9000", remaining_tokens="0", reset_tokens="250ms"), (None, 0.25), id="openai, tokens"
        ),
        pytest.param(
            told(limit_requests="500", remaining_requests="0", limit_tokens="50000", remaining_tokens="9"),
            (0, NO_RESET_SECONDS),
            id="azure leaves the reset out",
        ),
        pytest.param(
            told(limit_requests="14400", remaining_requests="0", reset_requests="2m59.56s"), (0, 179.56), id="groq"
        ),
        pytest.param(anthropic(requests_limit="50", requests_remaining="49"), (49, None), id="anthropic"),
        pytest.param(
            anthropic(requests_limit="50", requests_remaining="0", requests_reset="2026-11-23T00:00:20Z"),
            (0, 20.0),
            id="anthropic, none",
        ),
        pytest.param(
            anthropic(
                requests_limit="50",
                requests_remaining="7",
                output_tokens_limit="8000",
                output_tokens_remaining="0",
                output_tokens_reset="2026-11-23T01:00:05+01:00",
            ),
            (7, 5.0),
            id="anthropic, output tokens",
        ),
        pytest.param(
            {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795392030000"},
            (0, 30.0),
            id="openrouter, milliseconds of Unix time",
        ),
        pytest.param(
            {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795392009"},
            (0, 9.0),
            id="a gateway, seconds of Unix time",
        ),
        pytest.param(
            {"x-ratelimit-limit-req-minute": "720", "x-ratelimit-remaining-req-minute": "717"},
            (717, None),
            id="mistral",
        ),
        pytest.param(
            {"x-ratelimit-limit-tokens-minute": "5000000", "x-ratelimit-remaining-tokens-minute": "0"},
            (None, NO_RESET_SECONDS),
            id="mistral, tokens",
        ),
        pytest.param(
            {"x-ratelimitbysize-limit-minute": "500000", "x-ratelimitbysize-remaining-minute": "0"},
            (None, NO_RESET_SECONDS),
            id="mistral, by size",
        ),
        pytest.param(
            {"ratelimitbysize-limit": "500000", "ratelimitbysize-remaining": "0", "ratelimitbysize-reset": "40"},
            (None, 40.0),
            id="mistral, older",
        ),
        pytest.param(
            told(limit_requests_day="14400", remaining_requests_day="0", reset_requests_day="33011.382867"),
            (0, 33011.382867),
            id="cerebras",
        ),
        pytest.param(
            {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "4", "x-tokenlimit-limit": "3000"},
            (4, None),
            id="together",
        ),
        pytest.param(
            {"x-tokenlimit-limit": "3000", "x-tokenlimit-remaining": "0", "x-tokenlimit-reset": "1"},
            (None, 1.0),
            id="together, tokens",
        ),
        pytest.param(
            told(limit_tokens_prompt="60000", remaining_tokens_prompt="0", over_limit="yes"),
            (None, NO_RESET_SECONDS),
            id="fireworks",
        ),
        pytest.param(told(over_limit="yes"), (None, None), id="fireworks, answered beyond the limit"),
        pytest.param(
            {"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "0", "RateLimit-Reset": "30"},
            (0, 30.0),
            id="ietf, three fields",
        ),
        pytest.param({"RateLimit": '"default";r=50;t=30'}, (50, None), id="ietf"),
        pytest.param({"RateLimit": '"minute";r=9;t=30, "day";r=0;t=900'}, (0, 900.0), id="ietf, two policies"),
        pytest.param({"RateLimit": "limit=100, remaining=0, reset=30"}, (0, 30.0), id="ietf, draft 07"),
        pytest.param({"RateLimit-Policy": '"default";q=100;w=60'}, (None, None), id="ietf, the policy alone"),
    ],
)
def test_each_provider_is_read_as_it_writes(headers: dict[str, str], expected: tuple[int | None, float | None]) -> None:
    assert headroom(CIMultiDict(headers), now=MIDNIGHT) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        told(limit_requests="-1", remaining_requests="-1"),
        told(limit_requests="0", remaining_requests="0"),
        told(remaining_requests="0"),
        told(limit_requests="600", remaining_requests="many"),
        {"RateLimit": "soon"},
        {"Content-Length": "12", "X-Limit": "0"},
    ],
)
def test_nonsense_is_ignored(headers: dict[str, str]) -> None:
    assert headroom(headers) == (None, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120ms", 0.12),
        ("6m0s", 360.0),
        ("1h2m3s", 3723.0),
        ("1d", 86_400.0),
        ("1.5s", 1.5),
        ("7", 7.0),
        ("soon", None),
        ("7 apples", None),
        ("", None),
    ],
)
def test_durations_as_providers_write_them(text: str, seconds: float | None) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"retry-after-ms": "soon", "Retry-After": "7"}, 7.0),
        ({"Retry-After": "2m59.56s"}, 179.56),
        ({"Retry-After": "Mon, 23 Nov 2026 00:00:10 GMT"}, 10.0),
        ({"Retry-After": "2026-11-23T00:00:10Z"}, 10.0),
        ({"Retry-After": "Sun, 22 Nov 2026 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "999999"}, MAX_RETRY_AFTER_SECONDS),
        ({"Retry-After": "99999999999"}, MAX_RETRY_AFTER_SECONDS),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795392030000"}, 30.0),
        ({"Retry-After": "soon", **told(limit_tokens="9", remaining_tokens="0", reset_tokens="55")}, 55.0),
        ({}, None),
    ],
)
def test_a_refusal_says_how_long_to_wait_and_nonsense_is_ignored(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_seconds(CIMultiDict(headers), now=MIDNIGHT) == seconds


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Limit 100000, Used 97050, Requested 3619. Please try again in 7m12s. Need more tokens?", 432.0),
        ("Rate limit reached for gpt-5 on requests per min. Limit: 3 / min. Please try again in 20s.", 20.0),
        ("Please try again in 6ms. Visit the page", 0.006),
        ("Quota exceeded for metric: requests, limit: 10\nPlease retry in 17.302546s.", 17.302546),
        ("exceeded token rate limit of your S0 pricing tier. Please retry after 26 seconds. Please go here", 26.0),
        ("Please retry after 86400 seconds.", 86_400.0),
        ("Please try again in 1 hour, 2 minutes and 3 seconds", 3_723.0),
        ("You are too fast: wait 2 minutes before the next request", 120.0),
        ("Please try again later. Version 3 s.", None),
        ("Retry with at most 20 messages", None),
        ("", None),
    ],
)
def test_a_wait_is_found_in_a_sentence(message: str, seconds: float | None) -> None:
    assert wait_in_words(message) == seconds


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (
            {
                "code": 429,
                "message": "You exceeded your current quota.",
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.QuotaFailure"},
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"},
                ],
            },
            17.0,
        ),
        (
            {
                "message": "Rate limit exceeded: free-models-per-min.",
                "metadata": {
                    "headers": {
                        "X-RateLimit-Limit": "20",
                        "X-RateLimit-Remaining": "0",
                        "X-RateLimit-Reset": "1795392001500",
                    }
                },
            },
            1.5,
        ),
        ({"error": "Model is currently loading", "estimated_time": 20.5}, 20.5),
        ({"message": "Please try again in 7m12s.", "details": "none", "metadata": None}, 432.0),
        ({"message": None, "details": [{"retryDelay": 17}]}, None),
        ({}, None),
    ],
)
def test_a_wait_is_found_in_an_error(error: dict[str, Any], seconds: float | None) -> None:
    assert wait_in_error(error, now=MIDNIGHT) == seconds


def test_what_is_asked_is_known_to_the_letter_too() -> None:
    headers = CIMultiDict({"retry-after": "86400"})
    assert (asked_wait_seconds(headers), retry_after_seconds(headers)) == (86_400.0, MAX_RETRY_AFTER_SECONDS)
