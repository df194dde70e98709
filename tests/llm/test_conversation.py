"""The conversation about one text, driven by hand: no server, no event loop, a clock of numbers."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from include.errors import Quarantine
from include.lake.effort import Effort, Service, Usage
from include.llm.chain import Chain, Text, text_of_notes
from include.llm.completion import Completion
from include.llm.conversation import MAX_SHOWN_CHARACTERS, Conversation, Terms
from include.llm.learned import MAX_FORM_REFUSALS, Learned
from include.llm.ledger import LedgerEntry
from include.llm.prices import load_price
from include.llm.providers.dialect import first_dialect
from include.llm.providers.provider_errors import DEGENERATE, EMPTY, ERROR_WITH_200, MALFORMED, Refused, Unusable
from include.llm.request import Question
from include.llm.setbacks import MAX_ATTEMPTS
from tests.llm.asking import NOTES_PROMPT, PRICE, PROMPT, Answer, Notes

DIALECT = first_dialect("test-model", "")
QUESTION = Question(DIALECT, "test-model", PROMPT, Answer, 100)
NOTES = Question(DIALECT, "test-model", NOTES_PROMPT, Notes, 50)
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
TEXT = "It broke on Monday. Nobody answers."
GOOD = {"mood": "bad", "summary": "It broke.", "quote": 1}
STORED = {**GOOD, "quote": "It broke on Monday."}
USAGE = Usage(900, 0, 60)
COST = PRICE.cost_usd(USAGE)
# Three chunks of it, each a line.
LONG = "\n".join(f"Part {number}. {'It rings. ' * 4}".strip() for number in range(3))
CHUNK = 60


def terms(chain: Chain | None = None, **others: Any) -> Terms:
    return Terms(chain or Chain(QUESTION), Learned(QUESTION), **{"price": PRICE, "now": lambda: NOW, **others})


def talk(about: str = TEXT, shared: Terms | None = None) -> Conversation:
    return Conversation(shared or terms(), Text("key", about))


def said(content: Any, finish: str = "stop", usage: Usage = USAGE, tier: str | None = None, **more: Any) -> Completion:
    text = content if isinstance(content, str) else json.dumps(content)
    return Completion(text, finish, more.pop("refusal", None), usage, 40, service_tier=tier, **more)


def sent(conversation: Conversation) -> dict[str, Any]:
    body = conversation.body()
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    return found


def messages(conversation: Conversation) -> list[dict[str, str]]:
    """Those that differ from text to text."""
    constant = len(conversation.question.prompt.constant_messages())
    found: list[dict[str, str]] = sent(conversation)["messages"][constant:]
    return found


def answer_to(conversation: Conversation, came: Completion | Unusable | Quarantine, at: float = 0.0) -> Any:
    """What a driver does: count the call, hand in what came."""
    conversation.calls.requests += 1
    return conversation.take(came, at)


def test_a_good_answer_ends_it_with_what_it_took() -> None:
    conversation = talk(shared=terms(service=Service("online", None, "host", "d")))
    assert "[1] It broke on Monday." in messages(conversation)[0]["content"]
    assert answer_to(conversation, said(GOOD, tier="flex")) is None
    assert conversation.body() is None
    assert conversation.outcome() == LedgerEntry(
        key="key",
        answer=STORED,
        effort=Effort(USAGE, COST, attempts=1, latency_ms=40, requests=1),
        processed_at=NOW.isoformat(),
        service=Service("online", "flex", "host", "d"),
    )


def test_it_sends_the_same_until_something_came() -> None:
    conversation = talk()
    assert conversation.body() == conversation.body() == QUESTION.body(QUESTION.prepare(TEXT))


def test_an_answer_that_does_not_fit_is_shown_with_what_was_wrong_and_both_are_paid() -> None:
    conversation = talk()
    wrong = json.dumps({**GOOD, "mood": "glad"})
    assert answer_to(conversation, said(wrong)) is None
    _, shown, asked = messages(conversation)
    assert shown == {"role": "assistant", "content": wrong}
    assert "mood" in asked["content"] and asked["content"].endswith("Answer again for the record above.")
    answer_to(conversation, said(GOOD))
    entry = conversation.outcome()
    assert (entry.answer, entry.effort.attempts, entry.effort.cost_usd) == (STORED, 2, pytest.approx(2 * COST))
    assert entry.effort.usage == USAGE + USAGE


def test_what_is_far_too_long_is_not_shown_again() -> None:
    conversation = talk()
    answer_to(conversation, said("x" * (MAX_SHOWN_CHARACTERS + 1)))
    assert [message["role"] for message in messages(conversation)] == ["user", "user"]


def test_a_truncated_answer_may_be_longer_the_next_time_and_only_then() -> None:
    conversation = talk()
    caps = [sent(conversation)["max_tokens"]]
    answer_to(conversation, said(GOOD, finish="length"))
    caps.append(sent(conversation)["max_tokens"])
    assert [message["role"] for message in messages(conversation)] == ["user", "user"]
    assert "briefly" in messages(conversation)[1]["content"]
    answer_to(conversation, said("no JSON"))
    caps.append(sent(conversation)["max_tokens"])
    assert caps == [100, 200, 100]


def test_thoughts_that_fill_the_cap_get_more_room_the_next_time_and_only_then() -> None:
    conversation = talk()
    caps = []
    for came in (said("", finish="length"), said("", finish="stop"), said(GOOD)):
        caps.append(sent(conversation)["max_tokens"])
        answer_to(conversation, came)
    assert caps == [100, 200, 100]
    assert conversation.outcome().answer == STORED


@pytest.mark.parametrize(
    ("came", "reason"),
    [(said("", refusal="I will not."), "refused"), (said("It", finish="content_filter"), "content_filter")],
)
def test_what_the_model_refuses_is_not_asked_again_and_paid(came: Completion, reason: str) -> None:
    conversation = talk()
    answer_to(conversation, came)
    assert conversation.body() is None
    entry = conversation.outcome()
    assert (entry.answer, entry.error_type, entry.effort.attempts) == (None, reason, 1)
    assert entry.effort.cost_usd == COST
    assert conversation.doubtful_since is None


def test_the_third_wrong_answer_is_the_last_one_whatever_was_wrong() -> None:
    conversation = talk()
    for came in (said("no JSON"), said(GOOD, finish="length"), said({**GOOD, "quote": 9, "summary": "jo@example.com"})):
        assert conversation.body() is not None
        answer_to(conversation, came)
    assert conversation.body() is None
    entry = conversation.outcome()
    assert (entry.error_type, entry.effort.attempts) == ("quote_out_of_range", 3)
    assert entry.raw_output is not None and "<EMAIL_1>" in entry.raw_output
    assert conversation.doubtful_since is None


def test_a_damaged_answer_is_asked_for_again_as_it_was_and_is_no_attempt() -> None:
    conversation = talk()
    answer_to(conversation, said("no JSON"))
    asked = conversation.body()
    assert answer_to(conversation, Unusable(MALFORMED, "200, but no chat completion"), at=5.0) is None
    assert (conversation.body(), conversation.rest_after) == (asked, 1)
    answer_to(conversation, Unusable(MALFORMED, "200, but no chat completion"), at=7.0)
    assert (conversation.body(), conversation.rest_after) == (asked, 2)
    answer_to(conversation, said(GOOD))
    assert conversation.rest_after == 0
    entry = conversation.outcome()
    assert (entry.answer, entry.effort.attempts, entry.effort.requests) == (STORED, 2, 4)


def test_damage_that_lasts_leaves_a_doubt_whose_trouble_it_is_since_the_first_time() -> None:
    conversation = talk()
    for at in (5.0, 7.0, 9.0):
        assert conversation.doubtful_since is None
        answer_to(conversation, Unusable(MALFORMED, "damage"), at)
    assert (conversation.body(), conversation.rest_after, conversation.doubtful_since) == (None, 0, 5.0)
    assert conversation.outcome().error_type == MALFORMED


def test_what_was_paid_for_nothing_is_kept_at_once_and_not_again_with_the_outcome() -> None:
    conversation = talk()
    kept = answer_to(conversation, said("  "))
    assert (kept.key, kept.answer, kept.is_unusable) == ("key", None, True)
    assert kept.effort == Effort(USAGE, COST)
    assert "empty" in messages(conversation)[1]["content"]
    paid = Unusable("json_validate_failed", "does not fit", Usage(10, 0, 1), raw_output="{")
    assert answer_to(conversation, paid).effort.usage == Usage(10, 0, 1)
    answer_to(conversation, said(GOOD))
    assert conversation.outcome().effort == Effort(USAGE, COST, attempts=3, latency_ms=80, requests=3)


def test_each_kind_of_nothing_has_its_own_three_times() -> None:
    conversation = talk()
    for came in (said(""), said("no JSON"), Unusable(MALFORMED, "damage"), said(""), said("no JSON")):
        answer_to(conversation, came)
        assert conversation.body() is not None
    answer_to(conversation, said(""))
    assert conversation.outcome().error_type == EMPTY


@pytest.mark.parametrize(
    ("content", "stood"),
    [
        (f"```json\n{json.dumps(GOOD)}\n```", "in a code fence"),
        (f"<think>Perhaps {json.dumps({**GOOD, 'mood': 'good'})}?</think>{json.dumps(GOOD)}", "behind a thought"),
        (json.dumps(json.dumps(GOOD)), "in a JSON string"),
        (json.dumps({"answer": GOOD}), "one level down"),
        (json.dumps({"type": "object", "properties": GOOD}), "one level down"),
        (json.dumps({"result": [GOOD]}), "one level down"),
        (json.dumps([GOOD]), "one level down"),
        (json.dumps({"name": "answer", "arguments": json.dumps(GOOD)}), "one level down"),
        (f"```json\n{json.dumps({'answer': GOOD})}\n```", "one level down"),
    ],
)
def test_a_wrapped_answer_is_unwrapped_without_a_question_more_and_counted(content: str, stood: str) -> None:
    shared = terms()
    conversation = talk(shared=shared)
    answer_to(conversation, said(content))
    entry = conversation.outcome()
    assert (entry.answer, entry.effort) == (STORED, Effort(USAGE, COST, attempts=1, latency_ms=40, requests=1))
    answer_to(talk(shared=shared), said(GOOD, stood="in reasoning_content"))
    answer_to(talk(shared=shared), said(GOOD))
    assert shared.unwrapped == {stood: 1, "in reasoning_content": 1}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"answer": {**GOOD, "mood": "glad"}}),
        json.dumps({"answer": {"answer": GOOD}}),
        json.dumps({"first": GOOD, "second": GOOD}),
        json.dumps([GOOD, GOOD]),
        "[[]]",
    ],
)
def test_what_does_not_fit_one_level_down_or_is_not_alone_there_is_no_answer(content: str) -> None:
    conversation = talk(shared=(shared := terms()))
    answer_to(conversation, said(content))
    _, shown, asked = messages(conversation)
    assert (shown["content"], "fit the schema" in asked["content"], len(shared.unwrapped)) == (content, True, 0)


def test_a_wrapped_answer_that_does_not_fit_is_asked_again_and_not_counted() -> None:
    conversation = talk(shared=(shared := terms()))
    wrong = json.dumps({**GOOD, "mood": "glad"})
    answer_to(conversation, said(f"```json\n{wrong}\n```"))
    _, shown, asked = messages(conversation)
    assert shown["content"] == wrong and "mood" in asked["content"]
    assert not shared.unwrapped


STUCK = [
    said(json.dumps(GOOD)[:20] + "\n" * 900, finish="length"),
    said(json.dumps(GOOD)[:20] + "\n" * 900),
    said(json.dumps(GOOD)[:20] + "it broke, " * 90, finish="length"),
    said(json.dumps({"mood": "bad", "quote": 1, "summary": "it broke, " * 90})[:-2]),
]


@pytest.mark.parametrize("came", STUCK)
def test_a_model_that_is_stuck_is_asked_once_more_at_another_temperature(came: Completion) -> None:
    conversation = talk()
    assert sent(conversation)["temperature"] == 0.0
    kept = answer_to(conversation, came, at=5.0)
    assert (kept.is_unusable, kept.effort) == (True, Effort(USAGE, COST))
    assert (sent(conversation)["temperature"], sent(conversation)["max_tokens"]) == (0.7, 100)
    assert [message["role"] for message in messages(conversation)] == ["user", "user"]
    answer_to(conversation, came, at=7.0)
    assert (conversation.body(), conversation.doubtful_since) == (None, 5.0)
    entry = conversation.outcome()
    assert (entry.error_type, entry.effort.attempts) == (DEGENERATE, 2)
    assert entry.error_message is not None and entry.error_message.endswith("to its end: the model is stuck")


def test_after_another_temperature_the_usual_one_is_asked_again() -> None:
    conversation = talk()
    temperatures = []
    for came in (STUCK[0], said("no JSON"), said(GOOD)):
        temperatures.append(sent(conversation)["temperature"])
        answer_to(conversation, came)
    assert temperatures == [0.0, 0.7, 0.0]
    assert conversation.outcome().answer == STORED


def test_a_model_without_a_temperature_is_asked_once_more_without_one() -> None:
    question = replace(QUESTION, dialect=replace(DIALECT, temperature=False))
    conversation = talk(shared=terms(Chain(question)))
    answer_to(conversation, STUCK[0])
    assert "temperature" not in sent(conversation)


def test_what_repeats_itself_and_fits_is_an_answer() -> None:
    conversation = talk()
    answer_to(conversation, said({**GOOD, "summary": "ha " * 26}))
    assert conversation.outcome().answer is not None
    answer_to(conversation := talk(), said(json.dumps(GOOD) + "\n" * 900))
    assert conversation.outcome().answer == STORED


def test_what_a_provider_calls_its_own_trouble_is_waited_for_as_long_as_a_500() -> None:
    conversation = talk()
    for times in range(1, MAX_ATTEMPTS):
        answer_to(conversation, Unusable(ERROR_WITH_200, "200 with an error in it", passes=True), at=float(times))
        assert (conversation.rest_after, conversation.doubtful_since) == (times, None)
    answer_to(conversation, Unusable(ERROR_WITH_200, "200 with an error in it", passes=True), at=60.0)
    assert (conversation.body(), conversation.doubtful_since) == (None, 1.0)


def refusal_of_temperature() -> Refused:
    message = "'temperature' does not support 0.0 with this model."
    body = {"error": {"message": message, "param": "temperature", "code": "unsupported_value"}}
    return Refused("invalid_request", message, json.dumps(body).encode())


def test_a_spelling_that_is_refused_is_learned_by_all_and_is_no_attempt() -> None:
    shared = terms()
    first, second = talk(shared=shared), talk("Another text. It works.", shared)
    assert sent(first)["temperature"] == sent(second)["temperature"] == 0.0
    for conversation in (first, second):
        answer_to(conversation, refusal_of_temperature())
        assert "temperature" not in sent(conversation)
        answer_to(conversation, said(GOOD))
        assert (conversation.outcome().answer is not None, conversation.outcome().effort.attempts) == (True, 1)
    assert "temperature" not in sent(talk("A third one.", shared))
    assert "temperature" not in json.loads(shared.learned.probe)


def test_a_refusal_that_no_spelling_mends_ends_it_in_doubt() -> None:
    conversation = talk()
    answer_to(conversation, Refused("moderated", "The provider's moderation refused the text (403)"), at=3.0)
    assert (conversation.body(), conversation.doubtful_since) == (None, 3.0)
    assert conversation.outcome().error_type == "moderated"


def refusal_of_structure() -> Refused:
    return Refused("invalid_request", "json_schema is not supported by this model (400)", b"")


def test_a_form_that_one_back_end_of_several_refuses_is_asked_again_as_it_was() -> None:
    shared = terms()
    conversation = talk(shared=shared)
    body = conversation.body()
    for at in range(1, MAX_FORM_REFUSALS):
        answer_to(conversation, refusal_of_structure(), at=float(at))
        assert (conversation.body(), conversation.doubtful_since) == (body, None)
        answer_to(talk(f"Text {at}. It works.", shared), said(GOOD))
    answer_to(conversation, refusal_of_structure(), at=99.0)
    # Whoever was answered since the first time proves that others are.
    assert (conversation.body(), conversation.doubtful_since) == (None, 1.0)
    assert conversation.outcome().error_type == "invalid_request"


def test_a_form_that_nobody_takes_any_more_is_refused_a_few_times_in_all() -> None:
    shared = terms()
    talks = [talk(f"Text {number}. It works.", shared) for number in range(MAX_FORM_REFUSALS)]
    for conversation in talks:
        answer_to(conversation, refusal_of_structure(), at=3.0)
    assert [conversation.doubtful_since for conversation in talks] == [None] * (MAX_FORM_REFUSALS - 1) + [3.0]
    answer_to(talks[0], refusal_of_structure(), at=4.0)
    assert talks[0].doubtful_since == 3.0


def test_where_there_is_no_room_for_a_longer_answer_a_brief_one_is_asked_for() -> None:
    conversation = talk()
    answer_to(conversation, said(GOOD, finish="length"))
    assert sent(conversation)["max_tokens"] == 200
    answer_to(conversation, Refused("invalid_request", "max_tokens is too large: 200 (400)"))
    assert sent(conversation)["max_tokens"] == 100 and "briefly" in messages(conversation)[-1]["content"]
    answer_to(conversation, said(GOOD, finish="length"))
    answer_to(conversation, Refused("invalid_request", "max_tokens is too large: 200 (400)"))
    answer_to(conversation, said(GOOD, finish="length"))
    assert conversation.outcome().error_type == "truncated"


def test_what_is_refused_of_the_notes_does_not_change_what_tells_whose_trouble_it_is() -> None:
    shared = terms(long_chain())
    conversation, probe = Conversation(shared, Text("key", LONG)), shared.learned.probe
    answer_to(conversation, refusal_of_temperature())
    assert "temperature" not in sent(conversation)
    assert shared.learned.probe == probe


def test_where_roles_have_to_alternate_the_question_is_asked_again_without_what_was_wrong() -> None:
    conversation = talk()
    answer_to(conversation, said(GOOD, finish="length"))
    answer_to(conversation, Refused("invalid_request", "conversation roles must alternate user/assistant (400)"))
    assert [message["role"] for message in messages(conversation)] == ["user"]
    assert sent(conversation)["max_tokens"] == 200
    answer_to(conversation, said(GOOD))
    assert conversation.outcome().answer == STORED


def test_what_could_not_be_sent_while_others_were_ends_it_without_a_doubt() -> None:
    conversation = talk()
    answer_to(conversation, Quarantine("server_error", "500, 7 times while others were answered"), at=3.0)
    assert (conversation.body(), conversation.doubtful_since) == (None, None)
    assert conversation.outcome().error_message == "500, 7 times while others were answered"


def long_chain() -> Chain:
    return Chain(QUESTION, NOTES, CHUNK)


def test_a_long_text_takes_notes_of_each_chunk_which_are_kept_at_once_and_then_the_answer() -> None:
    chain = long_chain()
    conversation = Conversation(terms(chain), Text("key", LONG, "Product: phone"))
    notes = [{"notes": [f"It rings {number}."]} for number in range(3)]
    for chunk, taken in zip(chain.chunks(LONG), notes, strict=True):
        assert conversation.question.answer is Notes
        # What stands above a long text stands above its notes.
        assert chunk in messages(conversation)[0]["content"]
        assert "Product: phone" not in messages(conversation)[0]["content"]
        kept = answer_to(conversation, said(taken))
        assert (kept.key, kept.step_of, kept.is_notes, kept.answer) == (NOTES.key(chunk), "key", True, taken)
        assert kept.effort == Effort(USAGE, COST, attempts=1, latency_ms=40, requests=1)
    asked = messages(conversation)[0]["content"]
    assert "Product: phone" in asked
    assert asked == QUESTION.prepare(text_of_notes(notes), "Product: phone").message
    answer_to(conversation, said(GOOD))
    entry = conversation.outcome()
    assert (entry.key, entry.effort.usage, entry.effort.attempts) == ("key", Usage(3_600, 0, 240), 4)
    assert (entry.effort.requests, entry.effort.cost_usd) == (4, pytest.approx(4 * COST))


def test_notes_that_are_known_are_not_asked_for_again_and_count_in_the_whole() -> None:
    chain = long_chain()
    took = Effort(Usage(7, 0, 1), 0.5, attempts=1, requests=2)
    first, second, third = chain.step_keys(LONG)
    known = {
        key: LedgerEntry(key=key, answer={"notes": ["It rang."]}, effort=took, processed_at="", is_notes=True)
        for key in (first, third)
    }
    conversation = Conversation(terms(chain, known=known), Text("key", LONG))
    kept = answer_to(conversation, said({"notes": ["It rings."]}))
    assert (kept.key, kept.effort.requests) == (second, 1)
    assert conversation.question.answer is Answer
    answer_to(conversation, said(GOOD))
    assert conversation.outcome().effort.usage == Usage(7, 0, 1) + USAGE + Usage(7, 0, 1) + USAGE
    assert conversation.outcome().effort.requests == 2 + 1 + 2 + 1


def test_a_chunk_without_notes_is_the_end_of_its_text() -> None:
    conversation = Conversation(terms(long_chain()), Text("key", LONG))
    answer_to(conversation, said({"notes": []}))
    for _ in range(3):
        answer_to(conversation, said("no JSON"))
    assert conversation.body() is None
    entry = conversation.outcome()
    assert (entry.key, entry.error_type, entry.is_notes) == ("key", "not_json", False)
    assert (entry.effort.requests, entry.effort.attempts) == (4, 4)


def test_a_text_that_gets_no_outcome_is_written_off_with_its_last_step_alone() -> None:
    conversation = Conversation(terms(long_chain()), Text("key", LONG))
    answer_to(conversation, said({"notes": []}))
    assert conversation.write_off().effort.requests == 0
    conversation.calls.requests += 2
    entry = conversation.write_off()
    assert (entry.key, entry.answer, entry.error_type, entry.is_unusable) == ("key", None, None, True)
    assert entry.effort == Effort(attempts=1, requests=2)


def test_a_doubt_is_of_the_step_in_which_it_ends() -> None:
    conversation = Conversation(terms(long_chain()), Text("key", LONG))
    answer_to(conversation, Unusable(MALFORMED, "damage"), at=1.0)
    answer_to(conversation, said({"notes": []}), at=2.0)
    for at in (3.0, 4.0, 5.0):
        answer_to(conversation, Unusable(MALFORMED, "damage"), at)
    assert conversation.doubtful_since == 3.0


def test_tokens_that_a_provider_does_not_count_are_estimated() -> None:
    conversation = talk()
    answer_to(conversation, said(GOOD, usage=Usage()))
    usage = conversation.outcome().effort.usage
    assert usage.prompt_tokens == conversation.prepared.prompt_tokens > 0
    assert 0 < usage.completion_tokens < 40


def test_an_unknown_price_makes_an_unknown_cost() -> None:
    conversation = talk(shared=terms(price=None))
    assert conversation.outcome().effort.cost_usd is None
    assert answer_to(conversation, said("")).effort.cost_usd is None
    answer_to(conversation, said(GOOD))
    assert conversation.outcome().effort.cost_usd is None


def test_a_text_that_takes_several_requests_pays_for_none_of_them_as_for_a_long_one() -> None:
    price, usage = load_price("gpt-6-luna", "https://api.openai.com/v1", {}), Usage(100_000, 0, 10)
    assert price is not None
    conversation = talk(shared=terms(price=price))
    for content in ("no JSON", "no JSON", GOOD):
        answer_to(conversation, said(content, usage=usage))
    assert conversation.outcome().effort.cost_usd == pytest.approx(3 * price.cost_usd(usage))


def test_how_long_answers_are_is_learned_from_each_of_them() -> None:
    shared = terms()
    before = shared.learned.expected_output(QUESTION)
    answer_to(talk(shared=shared), said("no JSON", usage=Usage(900, 0, 99)))
    assert shared.learned.expected_output(QUESTION) > before
