"""Every fault of the catalogue, once for one text: what becomes of it, and that its neighbour is well."""

import logging
from pathlib import Path

import pytest

from include.errors import EndpointUnusable
from include.llm.ledger import LedgerEntry
from tests.fault_server.catalogue import CATALOGUE
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.llm.asking import answer_texts

ODD, FINE = "Odd text. It works.", "Fine text. It works."

# The provider is asked again as if nothing had been, and the record has one attempt.
RETRIED = """
empty_body html_body error_with_200 not_json_body json_list_body invalid_utf8 oversized gzip_bomb
no_choices missing_choices lone_surrogate_body 500 500_html 502 502_html 503 503_html
503_retry_after 529 529_html 408 409 latency reset_before
reset_mid_headers reset_mid_body closed_before hang drip drip_headers truncated truncated_without_length
finish_error native_finish_error error_in_choice error_in_message said_busy
"""
# Of these, what only the deadline ends; all others have as much time as a busy machine needs.
ENDED_BY_THE_DEADLINE = {"latency": {"seconds": 60}, "hang": {}, "drip": {}, "drip_headers": {}}
# The model is told what was wrong and asked again; both answers are paid.
ASKED_AGAIN = """
not_json two_values two_objects think_unclosed truncated_json missing_field extra_field wrong_type bad_enum
number_as_string nan quote_out_of_range deep_nesting length length_whole empty_content null_content tool_calls
lone_surrogate long_text white_space_loop repetition
"""
# The limit: not an attempt.
WAITED_FOR = """
429 429_retry_after 429_http_date 429_http_date_past 429_retry_after_ms 429_garbage 429_huge said_congestion
said_long_limit
"""
# Taken as it is, cleaned where it must be.
TAKEN = """
duplicate_keys wrong_content_type two_choices wrong_usage missing_usage null_usage negative_usage nul bidi
line_separators ansi formula markup echo_prompt
"""
# The same, out of what it is wrapped in.
UNWRAPPED = """
code_fence prose_around fence_and_words think_block think_unopened think_brackets harmony_channels double_encoded
content_parts thinking_part reasoning_content tool_arguments function_call one_level_down tool_call_as_text same_calls
"""
QUARANTINED = {
    "refusal": "refused",
    "content_filter": "content_filter",
    "context_length_exceeded": "too_long",
    "exceed_context_size_error": "too_long",
    "invalid_request": "invalid_request",
    "any_reply": "forbidden",
    "said_too_long": "too_long",
    "said_moderated": "moderated",
    "said_payment_required": "payment_required",
    "said_invalid_request": "invalid_request",
}
STOPPED = """
insufficient_quota redirect 401 401_with_key 403 model_not_found said_quota said_gone said_model said_key
said_not_allowed
"""
# Met at flex only, which test_flex.py asks for.
OF_FLEX = """
resource_unavailable capacity_exceeded flex_overloaded no_flex no_service_tier billed_at_default tier_not_named
"""


def ask(server: FaultServer, folder: Path, fault: str) -> LedgerEntry:
    settings = ENDED_BY_THE_DEADLINE.get(fault, {})
    server.set_plan(Plan(rules=(Rule(fault=fault, settings=settings, times=1, marker="Odd"),)))
    timeout_seconds = 2.0 if fault in ENDED_BY_THE_DEADLINE else 60.0
    entries = answer_texts(server, folder, [ODD, FINE], in_flight=2, timeout_seconds=timeout_seconds)
    assert entries[FINE].answer is not None
    return entries[ODD]


def test_no_fault_is_forgotten() -> None:
    answered = [RETRIED, ASKED_AGAIN, WAITED_FOR, TAKEN, UNWRAPPED]
    known = " ".join([*answered, STOPPED, OF_FLEX, *QUARANTINED]).split()
    assert sorted(known) == sorted(CATALOGUE)


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=[pytest.mark.slow] * (fault in ENDED_BY_THE_DEADLINE)) for fault in RETRIED.split()],
)
def test_damage_on_the_way_is_retried(fault: str, fault_server: FaultServer, tmp_path: Path) -> None:
    entry = ask(fault_server, tmp_path, fault)
    assert entry.answer is not None
    assert (entry.effort.attempts, entry.effort.retries, entry.effort.rate_limited) == (1, 1, 0)


@pytest.mark.parametrize("fault", ASKED_AGAIN.split())
def test_an_answer_that_is_none_is_asked_again(fault: str, fault_server: FaultServer, tmp_path: Path) -> None:
    entry = ask(fault_server, tmp_path, fault)
    assert entry.answer is not None
    assert (entry.effort.attempts, entry.effort.rate_limited) == (2, 0)
    # Not shown to the model at any length.
    assert entry.effort.usage.prompt_tokens < 2_000


@pytest.mark.parametrize("fault", WAITED_FOR.split())
def test_a_429_is_waited_for_and_is_no_attempt(fault: str, fault_server: FaultServer, tmp_path: Path) -> None:
    entry = ask(fault_server, tmp_path, fault)
    assert entry.answer is not None
    assert (entry.effort.attempts, entry.effort.rate_limited) == (1, 1)


@pytest.mark.parametrize("fault", TAKEN.split())
def test_an_odd_answer_that_fits_is_taken_and_has_a_cost(fault: str, fault_server: FaultServer, tmp_path: Path) -> None:
    entry = ask(fault_server, tmp_path, fault)
    assert entry.answer is not None
    assert (entry.effort.attempts, entry.effort.retries) == (1, 0)
    assert entry.effort.cost_usd


def test_sixty_wrapped_answers_are_sixty_questions_and_the_log_says_how_they_stood(
    fault_server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "include.llm.online")
    faults = UNWRAPPED.split()
    texts = {f"Text number {number}. FAULT:{faults[number % len(faults)]}": number for number in range(60)}
    entries = answer_texts(fault_server, tmp_path, list(texts), in_flight=8)
    assert [text for text, entry in entries.items() if entry.answer is None or entry.effort.attempts > 1] == []
    assert fault_server.counters().requests == len(texts)
    logged = [record.getMessage() for record in caplog.records]
    assert "answers that stood in a code fence: 8" in logged
    assert "answers that stood in a JSON string: 4" in logged
    assert "answers that stood one level down: 6" in logged


@pytest.mark.parametrize(("fault", "reason"), QUARANTINED.items())
def test_a_record_that_cannot_be_answered_is_quarantined_under_its_name(
    fault: str, reason: str, fault_server: FaultServer, tmp_path: Path
) -> None:
    entry = ask(fault_server, tmp_path, fault)
    assert (entry.answer, entry.error_type, entry.effort.attempts) == (None, reason, 1)


@pytest.mark.parametrize("fault", STOPPED.split())
def test_a_refusal_of_everything_stops_the_run(fault: str, fault_server: FaultServer, tmp_path: Path) -> None:
    with pytest.raises(EndpointUnusable):
        ask(fault_server, tmp_path, fault)
