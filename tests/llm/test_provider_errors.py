"""What the client reads from a response that is not an answer: whose trouble it may be, and in whose words."""

import json
from typing import Any

import pytest

from include.errors import EndpointUnusable
from include.llm.endpoint import Endpoint
from include.llm.providers.error_body import MOST_WORDS
from include.llm.providers.provider_errors import COUNTED_BY_FUSE, PassingTrouble, RateLimited, Refused, failure_of
from tests.linear_time import LONG_TEXT, in_linear_time

ENDPOINT = Endpoint("http://127.0.0.1:1/v1", "secret-key", is_demo=False)
TEXT = "The parcel of Ms Example never came, and nobody at the depot knows where it is."
SENT = json.dumps({"messages": [{"role": "system", "content": "Say it."}, {"role": "user", "content": TEXT}]}).encode()


def error(message: str, **named: Any) -> bytes:
    return json.dumps({"error": {"message": message, **named}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, error("Rate limit reached", code="rate_limit_exceeded"), RateLimited),
        (429, error("Limit 30000, Used 29999, Requested 100. Try again in 2s.", type="tokens"), RateLimited),
        (429, error("", code="insufficient_quota"), EndpointUnusable),
        (429, error("", type="insufficient_quota"), EndpointUnusable),
        (401, b"", EndpointUnusable),
        (403, error("No access to model", code="model_not_found"), EndpointUnusable),
        (404, b"", EndpointUnusable),
        (302, b"", EndpointUnusable),
        (408, b"", PassingTrouble),
        (409, b"", PassingTrouble),
        (424, error("Model is starting"), PassingTrouble),
        (425, b"", PassingTrouble),
        (498, error("Flex tier capacity exceeded", code="capacity_exceeded"), PassingTrouble),
        (500, b"<html>Bad gateway</html>", PassingTrouble),
        (529, b"", PassingTrouble),
    ],
)
def test_each_status_has_its_consequence(status: int, body: bytes, kind: type[Exception]) -> None:
    assert isinstance(failure_of(status, {}, body, ENDPOINT), kind)


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (400, error("", code="context_length_exceeded"), "too_long"),
        (400, error("", code=400, type="exceed_context_size_error"), "too_long"),
        (400, error("This model's maximum context length is 8192 tokens. You requested 9000."), "too_long"),
        (400, error("prompt is too long: 212000 tokens > 200000 maximum"), "too_long"),
        (400, error("The input token count (1200000) exceeds the maximum number of tokens allowed"), "too_long"),
        (400, error("This model's maximum prompt length is 131072 but the request has 140000 tokens."), "too_long"),
        (400, error("Your request exceeded model token limit: 8192"), "too_long"),
        (400, error("The decoder prompt (length 9000) is longer than the maximum model length of 4096."), "too_long"),
        (422, json.dumps({"error": "`inputs` tokens + `max_new_tokens` must be <= 4096."}).encode(), "too_long"),
        (400, json.dumps({"message": "Input is too long for requested model."}).encode(), "too_long"),
        (413, b"<html><title>413 Request Entity Too Large</title></html>", "too_large"),
        (413, error("Request exceeds the maximum size", type="request_too_large"), "too_large"),
        (429, error("Request too large for gpt-4o on tokens per min (TPM): Limit 4, Requested 9."), "too_large"),
        (429, error("On tokens per minute: Limit 6000, Requested 7000", code="rate_limit_exceeded"), "too_large"),
        (400, error("The response was filtered", code="content_filter"), "moderated"),
        (400, error("", innererror={"code": "ResponsibleAIPolicyViolation"}, code="x"), "moderated"),
        (400, error("Rejected by the safety system.", code="moderation_blocked"), "moderated"),
        (403, error("Input was flagged", metadata={"reasons": ["violence"], "flagged_input": "..."}), "moderated"),
        (400, error("Content Exists Risk", type="invalid_request_error"), "moderated"),
        (400, error("Input data may contain inappropriate content.", code="data_inspection_failed"), "moderated"),
        (403, b"<html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>", "forbidden"),
        (402, error("Insufficient Balance"), "payment_required"),
        (400, error("Budget has been exceeded!", type="budget_exceeded", code="400"), "payment_required"),
        (400, error("This response_format type is unavailable now"), "invalid_request"),
        (422, b"[]", "invalid_request"),
    ],
)
def test_a_refusal_has_the_name_of_what_may_be_wrong_with_the_record(status: int, body: bytes, name: str) -> None:
    failure = failure_of(status, {}, body, ENDPOINT)
    assert isinstance(failure, Refused)
    assert failure.error_type == name
    # Moderated and too long texts say nothing of the endpoint.
    assert (name in COUNTED_BY_FUSE) == (name in ("forbidden", "payment_required", "invalid_request"))


@pytest.mark.parametrize(
    "body",
    [
        error("Insufficient Balance"),
        json.dumps([{"error": {"code": 402, "message": "Insufficient Balance", "status": "X"}}]).encode(),
        json.dumps({"error": "Insufficient Balance"}).encode(),
        json.dumps({"detail": "Insufficient Balance"}).encode(),
        json.dumps({"detail": [{"msg": "Insufficient Balance"}]}).encode(),
        json.dumps({"message": "Insufficient Balance"}).encode(),
        json.dumps({"errors": [{"code": 7, "message": "Insufficient Balance"}]}).encode(),
        error("Provider returned error", metadata={"raw": '{"message": "Insufficient Balance"}'}),
        b"<html><style>p {}</style><body><p>Insufficient\n Balance</p></body></html>",
        b"Insufficient Balance",
    ],
)
def test_the_words_are_the_providers_own_whichever_way_it_wraps_them(body: bytes) -> None:
    failure = failure_of(402, {}, body, ENDPOINT)
    assert "Insufficient Balance" in str(failure)
    assert isinstance(failure, Refused)
    assert "Insufficient Balance" in str(failure.for_all(ENDPOINT))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 429, 500])
def test_no_message_holds_the_key_the_text_or_a_page_of_words(status: int) -> None:
    said = f"Request too large. Wrong key secret-key (sk-abcdef123456). You sent: {TEXT} \x1b[31m" + "and so on " * 900
    for body in (error(said, code="insufficient_quota"), said.encode()):
        failure = failure_of(status, {}, body, ENDPOINT, SENT)
        assert "secret-key" not in str(failure)
        assert "abcdef123456" not in str(failure)
        assert not any(TEXT[at : at + 20] in str(failure) for at in range(len(TEXT) - 20))
        assert "\x1b" not in str(failure)
        assert len(str(failure)) < MOST_WORDS + 400
    assert "secret-key" not in repr(ENDPOINT)


@pytest.mark.parametrize("word", ["max", "model ", "max_tokens ", "per-day"])
def test_the_words_of_a_hostile_server_are_read_in_linear_time(word: str) -> None:
    body = json.dumps({"error": {"message": word * (LONG_TEXT // len(word))}}).encode()
    with in_linear_time():
        for status in (400, 404, 429):
            failure_of(status, {}, body, ENDPOINT)


@pytest.mark.parametrize("depth", [100, 300, 900, 100_000])
def test_brackets_without_end_are_shown_by_their_beginning(depth: int) -> None:
    brackets = "[" * depth + "]" * depth
    for body in (f'{{"error": {{"message": {brackets}}}}}', f'{{"detail": {brackets}}}'):
        failure = failure_of(400, {}, body.encode(), ENDPOINT)
        assert isinstance(failure, Refused)
        assert "[[[[[[" in failure.message


def test_what_is_said_behind_a_long_echo_counts() -> None:
    body = json.dumps({"error": {"message": "x " * 50_000 + "The model `m` has been shut down"}}).encode()
    assert isinstance(failure_of(400, {}, body, ENDPOINT), EndpointUnusable)
