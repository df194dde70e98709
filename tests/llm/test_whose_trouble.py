"""Trouble of one record stops nobody; trouble of everybody is booked on no record."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.errors import EndpointUnusable, RetryLater
from include.lake.effort import NO_EFFORT
from include.lake.paths import open_lake
from include.limits.store import MemoryStore
from include.llm.fuse import Fuse
from include.llm.learned import MAX_FORM_REFUSALS
from include.llm.ledger import LedgerEntry, scan_ledger
from include.llm.retry import MOST_AT_LONG_LIMIT
from include.llm.setbacks import MAX_ATTEMPTS
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.llm.asking import answer_texts, ledger_by_text

TEXTS = [f"Text number {number}. It works." for number in range(30)]
ODD = "Odd text. It breaks'; DROP TABLE orders; --."
USAGE = {"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960}


def error(message: str, **named: Any) -> str:
    return json.dumps({"error": {"message": message, **named}})


def choice(content: str | None, finish: str = "stop", **more: Any) -> str:
    message = {"role": "assistant", "content": content}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish, **more}], "usage": USAGE})


def reply(status: int, body: str, **when: Any) -> Plan:
    return Plan(rules=(Rule(fault="any_reply", settings={"status": status, "body": body}, **when),))


REFUSED = [
    (402, error("Insufficient Balance", type="unknown_error", code="invalid_request_error"), "Insufficient Balance"),
    (400, error("Budget has been exceeded! Max budget: 10.0", type="budget_exceeded", code="400"), "Max budget: 10.0"),
    (400, error("This response_format type is unavailable now"), "response_format type is unavailable"),
    (403, "<html><title>403</title><body>Your subscription has ended.</body></html>", "subscription has ended"),
    (403, error("The resource has been temporarily blocked, see our content policy."), "temporarily blocked"),
    (404, error("The model `m` has been shut down", code="model_not_found"), "has been shut down"),
    (410, error("The model `m` has been retired"), "has been retired"),
    (401, error("Your organization was disabled"), "organization was disabled"),
    (400, error("Maximum context length is 512 tokens; you asked for 4096."), "Maximum context length is 512"),
    (200, json.dumps({"error": {"code": 402, "message": "More credits, please."}}), "More credits, please"),
]


def test_a_gateway_half_of_whose_back_ends_refuse_the_form_answers_everybody(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    refused = error("This response_format type is unavailable now")
    fault_server.set_plan(reply(400, refused, probability=0.5))
    entries = answer_texts(fault_server, tmp_path, TEXTS)
    assert [text for text in TEXTS if entries[text].answer is None] == []
    # The refusals were free.
    assert sum(entry.effort.attempts for entry in entries.values()) == len(TEXTS)
    assert fault_server.counters().requests > len(TEXTS)


@pytest.mark.parametrize(("status", "body", "words"), REFUSED)
@pytest.mark.parametrize("first_refused", [1, 9])
def test_what_hits_everybody_stops_the_run_with_the_providers_words(
    status: int, body: str, words: str, first_refused: int, fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(reply(status, body, calls=(first_refused, 100_000)))
    with pytest.raises(EndpointUnusable, match=words):
        answer_texts(fault_server, tmp_path, TEXTS, in_flight=4)
    kept = ledger_by_text(fault_server, tmp_path, TEXTS)
    assert len(kept) == first_refused - 1
    assert all(entry.answer is not None for entry in kept.values())
    # Those in flight and begun meanwhile, and the question that settles whose trouble it is.
    at_most = MAX_FORM_REFUSALS + 3 if "response_format" in words else 2 * 4
    assert fault_server.counters().requests <= first_refused - 1 + at_most + 1
    fault_server.set_plan(Plan())
    entries = answer_texts(fault_server, tmp_path, TEXTS)
    assert [text for text in TEXTS if entries[text].answer is None] == []
    assert fault_server.counters().requests == len(TEXTS) - len(kept)


@pytest.mark.parametrize(
    ("status", "body", "reason", "words"),
    [
        (403, "<html><title>403 Forbidden</title><body>Blocked (rule SQLi_BODY).</body></html>", "forbidden", "SQLi"),
        (403, error("Flagged.", metadata={"reasons": ["violence"], "flagged_input": "..."}), "moderated", "Flagged."),
        (400, error("The response was filtered", code="content_filter"), "moderated", "was filtered"),
        (400, error("Rejected by the safety system.", code="moderation_blocked"), "moderated", "safety system"),
        (400, error("prompt is too long: 212000 tokens > 200000 maximum"), "too_long", "212000 tokens"),
        (429, error("Request too large for m on TPM: Limit 9, Requested 99."), "too_large", "Requested 99"),
        (413, "<html><title>413 Request Entity Too Large</title></html>", "too_large", "Entity Too Large"),
        (402, error("You can only afford 350 tokens"), "payment_required", "can only afford"),
        (400, error("Invalid character in messages"), "invalid_request", "Invalid character"),
        (200, json.dumps({"error": {"code": 403, "message": "Flagged by moderation"}}), "moderated", "by moderation"),
    ],
)
@pytest.mark.parametrize("others", [TEXTS, []])
def test_what_hits_one_record_is_quarantined_under_its_name_and_stops_nobody(
    status: int, body: str, reason: str, words: str, others: list[str], fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(reply(status, body, marker="Odd text"))
    entries = answer_texts(fault_server, tmp_path, [*others[:3], ODD, *others[3:]], in_flight=4)
    odd = entries.pop(ODD)
    assert (odd.answer, odd.error_type, odd.effort.rate_limited) == (None, reason, 0)
    assert odd.error_message is not None
    assert words in odd.error_message
    assert all(entry.answer is not None for entry in entries.values())
    assert fault_server.counters().requests <= len(others) + 2


UNUSABLE = [
    (choice(""), "empty_answer"),
    (choice(" \n" * 900, "length"), "degenerate"),
    (choice('{"mood": "good",' + "\n" * 900, "length"), "degenerate"),
    (choice('{"mood": "good", "summary": "' + "It broke. " * 90), "degenerate"),
    (choice(None, reasoning_content="Let me think."), "empty_answer"),
    (choice("", "error", error={"code": 502, "message": "Upstream is overloaded"}), "error_with_200"),
    (json.dumps({"error": {"message": "Upstream failed"}, "usage": USAGE}), "error_with_200"),
    (json.dumps({"error": {"code": 402, "message": "No credits"}, "usage": USAGE}), "error_with_200"),
    (json.dumps({"choices": [], "usage": USAGE}), "malformed_response"),
    (json.dumps({"usage": USAGE}), "malformed_response"),
    ("<html>Sign in</html>", "malformed_response"),
    ("", "malformed_response"),
    (choice("{}")[:-2], "malformed_response"),
]


def times_asked(body: str, reason: str) -> int:
    """How often a record is asked before it is in doubt: what the provider calls its own passing trouble longest."""
    if reason == "degenerate":
        return 2
    return MAX_ATTEMPTS if "Upstream" in body else 3


@pytest.mark.parametrize(("body", "reason"), UNUSABLE)
def test_an_unusable_200_is_asked_a_few_times_and_quarantined_under_its_name(
    body: str, reason: str, fault_server: FaultServer, tmp_path: Path
) -> None:
    # One at a time. Others are asked while it waits after the 429; that they are answered shows whose trouble it is.
    (odd_one,) = reply(200, body, marker="Odd text").rules
    busy = Rule(fault="429_retry_after", settings={"seconds": 20}, marker="Odd text", times=1)
    fault_server.set_plan(Plan(rules=(odd_one.model_copy(update={"times": 1}), busy, odd_one)))
    entries = answer_texts(fault_server, tmp_path, [ODD, *TEXTS], in_flight=1)
    odd = entries.pop(ODD)
    times = times_asked(body, reason)
    assert (odd.answer, odd.error_type, odd.effort.requests, odd.effort.rate_limited) == (None, reason, times + 1, 1)
    assert all(entry.answer is not None for entry in entries.values())
    # What it has cost is written down at once, where the provider says what that is.
    assert prompt_tokens_paid(tmp_path, but=entries) == (times * USAGE["prompt_tokens"] if "usage" in body else 0)


def test_where_nobody_was_answered_meanwhile_a_question_more_settles_whose_trouble_it_is(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(reply(200, choice(""), marker="Odd text"))
    entries = answer_texts(fault_server, tmp_path, [TEXTS[0], ODD, *TEXTS[1:]], in_flight=1)
    odd = entries.pop(ODD)
    assert (odd.answer, odd.error_type, odd.effort.requests) == (None, "empty_answer", 3 + 1)
    assert all(entry.answer is not None for entry in entries.values())
    assert 0 < prompt_tokens_paid(tmp_path, but=entries) - 3 * USAGE["prompt_tokens"] < USAGE["prompt_tokens"]


def prompt_tokens_paid(folder: Path, but: dict[str, LedgerEntry]) -> int:
    """Prompt tokens in a ledger, but those of some entries."""
    paid = sum(entry.effort.usage.prompt_tokens for entry in scan_ledger(open_lake(str(folder)), f"{folder}/ledger"))
    return paid - sum(entry.effort.usage.prompt_tokens for entry in but.values())


@pytest.mark.parametrize(("body", "reason"), UNUSABLE)
def test_an_unusable_200_for_everybody_is_booked_on_nobody(
    body: str, reason: str, fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(reply(200, body, calls=(9, 100_000)))
    with pytest.raises((EndpointUnusable, RetryLater), match="nobody a usable answer"):
        answer_texts(fault_server, tmp_path, TEXTS, in_flight=4)
    kept = ledger_by_text(fault_server, tmp_path, TEXTS)
    assert len(kept) == 8
    assert all(entry.answer is not None for entry in kept.values())
    # Each of those in flight, and three times the question that settles whose trouble it is.
    assert fault_server.counters().requests <= 8 + times_asked(body, reason) * 4 + 3


@pytest.mark.parametrize(
    ("reason", "is_counted"),
    # By the name that ledgers of the version before have for it too.
    [("degenerate", True), ("white_space", True), ("error_with_200", True), ("truncated", False), ("not_json", False)],
)
def test_the_fuse_counts_models_that_are_stuck_and_not_what_does_not_fit(reason: str, is_counted: bool) -> None:
    entry = LedgerEntry(key="key", answer=None, effort=NO_EFFORT, processed_at="", error_type=reason)
    assert Fuse(MemoryStore(), "run", 0, 0.2).add(entry) is is_counted


def test_an_answer_that_a_provider_itself_finds_unfit_is_asked_again(fault_server: FaultServer, tmp_path: Path) -> None:
    failed = error("Failed to generate JSON.", code="json_validate_failed", failed_generation='{"mood": "go')
    fault_server.set_plan(reply(400, failed, times=2))
    entries = answer_texts(fault_server, tmp_path, TEXTS)
    assert all(entry.answer is not None for entry in entries.values())
    fault_server.set_plan(reply(400, failed, marker="Odd text"))
    odd = answer_texts(fault_server, tmp_path, [ODD, "Another text. Fine."])[ODD]
    # Three times, and once the question that settles whose trouble it is: the other text was asked before the first.
    assert (odd.error_type, odd.effort.requests, odd.raw_output) == ("json_validate_failed", 4, '{"mood": "go')


TOKENS_A_DAY = (
    "Rate limit reached for model `m` on tokens per day (TPD): Limit 500000, Used 499000, Requested 2000. Please try "
    "again in 4h3m."
)


@pytest.mark.parametrize("first_refused", [1, 9])
def test_an_allowance_of_a_day_that_is_used_up_stops_the_run_and_says_when_it_frees(
    first_refused: int, fault_server: FaultServer, tmp_path: Path
) -> None:
    spent = error(TOKENS_A_DAY, code="rate_limit_exceeded")
    fault_server.set_plan(reply(429, spent, calls=(first_refused, 100_000)))
    with pytest.raises(EndpointUnusable) as stopped:
        answer_texts(fault_server, tmp_path, TEXTS, in_flight=4)
    assert "Used 499000, Requested 2000" in str(stopped.value)
    assert "about 4 h 3 min" in str(stopped.value)
    assert len(ledger_by_text(fault_server, tmp_path, TEXTS)) == first_refused - 1
    assert fault_server.counters().requests <= first_refused - 1 + MOST_AT_LONG_LIMIT + 4
    fault_server.set_plan(Plan())
    entries = answer_texts(fault_server, tmp_path, TEXTS)
    assert [text for text in TEXTS if entries[text].answer is None] == []


@pytest.mark.parametrize("in_flight", [1, 8])
def test_one_back_end_of_several_that_has_used_up_its_day_stops_nobody(
    in_flight: int, fault_server: FaultServer, tmp_path: Path
) -> None:
    (rule,) = reply(429, error(TOKENS_A_DAY, code="rate_limit_exceeded")).rules
    fault_server.set_plan(Plan(rules=(rule.model_copy(update={"probability": 0.3}),)))
    entries = answer_texts(fault_server, tmp_path, TEXTS, in_flight=in_flight)
    assert [text for text in TEXTS if entries[text].answer is None] == []
    assert sum(entry.effort.rate_limited for entry in entries.values())
