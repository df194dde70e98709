"""What each provider and gateway has been seen to say, and what is made of it; each case names where it was seen."""

import json
from typing import Any

import pytest

from include.errors import EndpointUnusable
from include.llm.endpoint import Endpoint
from include.llm.providers.error_body import MOST_WORDS
from include.llm.providers.provider_errors import PassingTrouble, RateLimited, Refused, failure_of
from tests.fault_server.status_faults import HOW_OTHERS_SAY_IT

ENDPOINT = Endpoint("http://127.0.0.1:1/v1", "secret-key", is_demo=False)
# Of what stops the run, the words that people read.
STOPS = {
    "refuses the key": "key",
    "does not know the model": "model",
    "not serve the model any more": "gone",
    "does not let this account in": "not_allowed",
    "the quota is used up": "quota",
}
WHO_SAYS = {
    (kind, case["source"].partition(":")[0].split(",")[0].split()[0])
    for kind, cases in HOW_OTHERS_SAY_IT.items()
    for case in cases
}


def meaning(status: int, body: Any, sent: bytes = b"") -> str:
    """What is made of it, in a word."""
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    failure = failure_of(status, {}, raw, ENDPOINT, sent)
    if isinstance(failure, RateLimited):
        return "long_limit" if failure.stop else "congestion"
    if isinstance(failure, PassingTrouble):
        return "busy"
    if isinstance(failure, Refused):
        return failure.error_type
    assert isinstance(failure, EndpointUnusable)
    return next(word for sentence, word in STOPS.items() if sentence in str(failure))


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        pytest.param(case, kind, id=f"{kind}-{case['source']}")
        for kind, cases in HOW_OTHERS_SAY_IT.items()
        for case in cases
    ],
)
def test_what_they_say_has_one_meaning(case: dict[str, Any], kind: str) -> None:
    assert meaning(case["status"], case["body"]) == kind


@pytest.mark.parametrize("kind", ["too_long", "moderated", "busy", "long_limit"])
def test_eight_of_them_say_it(kind: str) -> None:
    assert len({who for known, who in WHO_SAYS if known == kind}) >= 8
    assert len({who for known, who in WHO_SAYS if known in ("quota", "payment_required")}) >= 8


@pytest.mark.parametrize("case", HOW_OTHERS_SAY_IT["congestion"])
def test_congestion_lasts_as_long_as_they_say(case: dict[str, Any]) -> None:
    failure = failure_of(case["status"], {}, json.dumps(case["body"]).encode(), ENDPOINT)
    assert isinstance(failure, RateLimited)
    assert failure.retry_after_seconds == (case["seconds"] and pytest.approx(case["seconds"]))


@pytest.mark.parametrize(
    "text",
    [
        "My card was declined: insufficient balance, they said.",
        "Your content policy is a joke, I was flagged by moderation for nothing.",
        "The maximum context length of my patience is reached, this prompt is too long.",
        "The model does not exist in your shop any more. It has been discontinued.",
        "Invalid API key, it says, whenever I log in to the app.",
        "content policy",
    ],
)
@pytest.mark.parametrize("role", ["user", "system"])
def test_words_that_we_have_sent_ourselves_prove_nothing(text: str, role: str) -> None:
    messages = [{"role": role, "content": f"<record id='1'>\n{text}\n</record>"}]
    sent = json.dumps({"model": "m", "messages": messages}).encode()
    body = {"error": {"message": f"Bad field near '{text}'"}}
    assert meaning(400, body, sent) == "invalid_request"
    assert meaning(400, body) != "invalid_request"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "Line one.\nLine two: {x: 1}"}}, '"Line one. Line two: {x: 1}"'),
        ({"foo": "bar", "why": ["a", 1]}, '{"foo":"bar","why":["a",1]}'),
        ({"error": {"code": "odd", "hint": "Use the other door."}}, '"hint":"Use the other door."'),
        (["no", "object"], '["no","object"]'),
        (
            {"error": {"message": '{"error": {"message": "Behind the gateway.", "code": "inner"}}'}},
            "Behind the gateway.",
        ),
        ("<html><body>Blocked by <b>rule 7</b></body></html>", "Blocked by rule 7"),
    ],
)
def test_what_is_not_known_is_shown_as_they_wrote_it(body: Any, words: str) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    failure = failure_of(400, {}, raw, ENDPOINT)
    assert isinstance(failure, Refused)
    assert failure.error_type == "invalid_request"
    assert words in failure.message
    long = failure_of(400, {}, json.dumps({"odd": "x" * 5_000}).encode(), ENDPOINT)
    assert MOST_WORDS < len(str(long)) < MOST_WORDS + 100
