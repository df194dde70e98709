"""What the fan-out promises for each fault of the endpoint."""

from pathlib import Path

import pytest

from include.errors import EndpointUnusable, RetryLater
from tests.fault_server.plan import Limit, Plan, Rule
from tests.fault_server.running import FaultServer
from tests.llm.asking import PRICE, answer_texts, ledger_by_text

TEXTS = [f"Review number {number}. It works." for number in range(30)]
POISON = "Poisoned review. It hurts."


def test_every_text_is_answered_once(fault_server: FaultServer, tmp_path: Path) -> None:
    entries = answer_texts(fault_server, tmp_path, TEXTS)
    assert [entries[text].answer is not None for text in TEXTS] == [True] * 30
    assert fault_server.counters().requests == 30


def test_a_quote_is_a_sentence_of_its_text(fault_server: FaultServer, tmp_path: Path) -> None:
    for text, entry in answer_texts(fault_server, tmp_path, TEXTS).items():
        assert entry.answer is not None
        assert entry.answer["quote"] in text


def test_cost_is_tokens_times_price(fault_server: FaultServer, tmp_path: Path) -> None:
    entry = answer_texts(fault_server, tmp_path, TEXTS[:1])[TEXTS[0]]
    assert entry.effort.usage.prompt_tokens > 0
    assert entry.effort.cost_usd == pytest.approx(PRICE.cost_usd(entry.effort.usage))


def test_a_second_attempt_asks_only_what_the_first_left(fault_server: FaultServer, tmp_path: Path) -> None:
    first = answer_texts(fault_server, tmp_path, TEXTS[:20])
    again = answer_texts(fault_server, tmp_path, TEXTS)
    assert fault_server.counters().requests == 30
    assert {text: again[text] for text in first} == first


@pytest.mark.parametrize("fault", ["500", "reset_before", "truncated", "empty_body"])
def test_passing_trouble_is_retried(fault_server: FaultServer, tmp_path: Path, fault: str) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=fault, times=1),)))
    entries = answer_texts(fault_server, tmp_path, TEXTS[:5])
    assert all(entry.answer is not None and entry.effort.retries >= 1 for entry in entries.values())


def test_a_text_that_always_breaks_the_server_is_quarantined_while_others_are_answered(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="500", marker="Poisoned"),)))
    entries = answer_texts(fault_server, tmp_path, [POISON, *TEXTS])
    assert entries[POISON].error_type == "server_error"
    assert all(entries[text].answer is not None for text in TEXTS)


def test_a_poisoned_text_alone_in_its_shard_is_told_from_an_outage_by_a_probe(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="500", marker="Poisoned"),)))
    assert answer_texts(fault_server, tmp_path, [POISON])[POISON].error_type == "server_error"


def test_a_provider_that_is_down_quarantines_nobody(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="500", calls=(11, 100_000)),)))
    with pytest.raises(RetryLater, match="answered nobody"):
        answer_texts(fault_server, tmp_path, TEXTS, outage_seconds=1.0)
    kept = ledger_by_text(fault_server, tmp_path, TEXTS)
    assert len(kept) == 10
    assert all(entry.answer is not None for entry in kept.values())


@pytest.mark.slow
def test_a_429_is_not_an_attempt_and_loses_nobody(fault_server: FaultServer, tmp_path: Path) -> None:
    limit = Limit(requests=10, per_seconds=1.0)
    fault_server.set_plan(Plan(limits=(limit,)))
    entries = answer_texts(fault_server, tmp_path, TEXTS)
    assert all(entry.answer is not None for entry in entries.values())
    assert sum(entry.effort.rate_limited for entry in entries.values()) > 0


def test_a_used_up_quota_stops_the_run_at_once(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="insufficient_quota"),)))
    with pytest.raises(EndpointUnusable, match="billing"):
        answer_texts(fault_server, tmp_path, TEXTS, in_flight=4)
    assert fault_server.counters().requests <= 4


def test_a_refused_key_stops_the_run_with_what_to_check(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(api_key="another"))
    with pytest.raises(EndpointUnusable, match="OPENAI_API_KEY"):
        answer_texts(fault_server, tmp_path, TEXTS)
    assert ledger_by_text(fault_server, tmp_path, TEXTS) == {}


def test_a_server_that_never_answers_ends_at_the_deadline(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="hang", times=1),)))
    entries = answer_texts(fault_server, tmp_path, TEXTS[:2], timeout_seconds=0.5)
    assert all(entry.answer is not None for entry in entries.values())


def test_a_server_that_is_too_slow_for_anybody_is_said_to_get_more_time(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="hang"),)))
    with pytest.raises(RetryLater, match="gets it by `timeout`"):
        answer_texts(fault_server, tmp_path, TEXTS, timeout_seconds=0.1, outage_seconds=0.5)


def test_a_dripping_server_ends_at_the_deadline(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="drip", times=1),)))
    entries = answer_texts(fault_server, tmp_path, TEXTS[:2], timeout_seconds=1.0)
    assert all(entry.answer is not None for entry in entries.values())


def test_a_redirect_never_sees_the_key(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="redirect"),)))
    with pytest.raises(EndpointUnusable, match="redirects"):
        answer_texts(fault_server, tmp_path, TEXTS[:1])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("not_json", "not_json"),
        ("missing_field", "schema_violation"),
        ("extra_field", "schema_violation"),
        ("bad_enum", "schema_violation"),
        ("quote_out_of_range", "quote_out_of_range"),
        ("length", "truncated"),
    ],
)
def test_an_answer_that_does_not_fit_is_asked_again_then_quarantined(
    fault_server: FaultServer, tmp_path: Path, fault: str, reason: str
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=fault, marker="Poisoned"),)))
    entries = answer_texts(fault_server, tmp_path, [POISON, TEXTS[0]])
    assert entries[POISON].error_type == reason
    assert entries[POISON].effort.attempts == 3
    assert entries[POISON].effort.usage.prompt_tokens > 0
    assert entries[TEXTS[0]].answer is not None


def test_a_re_ask_that_succeeds_is_published_with_the_cost_of_both(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="not_json", times=1),)))
    entry = answer_texts(fault_server, tmp_path, TEXTS[:1])[TEXTS[0]]
    assert entry.answer is not None
    assert (entry.effort.attempts, entry.effort.requests) == (2, 2)
    assert entry.effort.usage.prompt_tokens == fault_server.counters().prompt_tokens


@pytest.mark.parametrize(("fault", "reason"), [("refusal", "refused"), ("content_filter", "content_filter")])
def test_a_refusal_is_not_asked_again(fault_server: FaultServer, tmp_path: Path, fault: str, reason: str) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=fault),)))
    entry = answer_texts(fault_server, tmp_path, TEXTS[:1])[TEXTS[0]]
    assert (entry.error_type, entry.effort.attempts) == (reason, 1)


def test_a_text_that_exceeds_the_context_is_quarantined_as_too_long(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="context_length_exceeded", marker="Poisoned"),)))
    assert answer_texts(fault_server, tmp_path, [POISON])[POISON].error_type == "too_long"


def test_the_fan_out_stops_at_its_budget_and_keeps_what_was_paid(fault_server: FaultServer, tmp_path: Path) -> None:
    whole = answer_texts(fault_server, tmp_path / "whole", TEXTS)
    one = max(entry.effort.cost_usd or 0 for entry in whole.values())
    kept = answer_texts(fault_server, tmp_path / "bounded", TEXTS, in_flight=2, budget_usd=one * 5)
    spent = sum(entry.effort.cost_usd or 0 for entry in kept.values())
    assert 0 < len(kept) < len(TEXTS)
    # What is in flight when the budget is reached is finished and kept.
    assert spent <= one * 7


def test_what_the_model_said_is_redacted_before_it_is_kept(fault_server: FaultServer, tmp_path: Path) -> None:
    said = "Sure! Write to jo@example.com or 4111 1111 1111 1111."
    fault_server.set_plan(Plan(rules=(Rule(answer=said),)))
    entry = answer_texts(fault_server, tmp_path, TEXTS[:1])[TEXTS[0]]
    assert entry.raw_output == "Sure! Write to <EMAIL_1> or <CARD_1>."
