"""What asking will take is known before anybody is asked, and money is counted as providers count it."""

import orjson
import pytest

from include.lake.effort import Usage
from include.llm.chain import Chain, split_chunks
from include.llm.endpoint import OPENAI_BASE_URL, Endpoint
from include.llm.estimate import Estimate, estimate, usual_answer_tokens
from include.llm.prices import Price
from include.llm.request import Question
from include.llm.token_count import token_counter
from include.pipelines.chain import build_chain
from include.pipelines.registry import load_pipeline

PRICE = Price(1.0, 0.1, 5.0, "invented")


def chain_of(name: str) -> Chain:
    pipeline = load_pipeline(name)
    endpoint = Endpoint(OPENAI_BASE_URL, None, is_demo=False)
    return build_chain(pipeline, endpoint, pipeline.model, pipeline.prompt_version)


def estimated(chain: Chain, *texts: str, mean_output_tokens: float | None = None) -> Estimate:
    return estimate(chain, [chain.about(text, {}) for text in texts], mean_output_tokens)


def sent_tokens(question: Question, text: str) -> int:
    """Of all that goes out and is paid for: messages and schema, counted from the body itself."""
    body = orjson.loads(question.body(question.prepare(text)))
    count = token_counter(question.model).count
    schema = count(orjson.dumps(body["response_format"]["json_schema"]["schema"]).decode())
    return schema + sum(count(message["content"]) + 4 for message in body["messages"])


def test_a_prompt_is_counted_with_the_schema_that_is_sent() -> None:
    chain = chain_of("support_tickets")
    found = estimated(chain, "The kettle leaks.", "My parcel is lost.")
    assert [prompt.prompt_tokens for prompt in found.prompts] == [
        sent_tokens(chain.question, "The kettle leaks."),
        sent_tokens(chain.question, "My parcel is lost."),
    ]
    assert found.requests == 2


def test_what_is_the_same_for_all_texts_may_come_from_the_cache() -> None:
    chain = chain_of("support_tickets")
    short, long = estimated(chain, "Hi."), estimated(chain, "A kettle that leaks. " * 50)
    assert short.usage.cached_tokens == long.usage.cached_tokens > 0
    assert long.usage.prompt_tokens - long.usage.cached_tokens > 200
    assert short.usage.prompt_tokens - short.usage.cached_tokens < 40
    saved = short.cost_usd(PRICE, is_cached=False) - short.cost_usd(PRICE, is_cached=True)
    assert saved == pytest.approx(short.usage.cached_tokens * 0.9 / 1_000_000)


def test_a_long_call_takes_a_request_for_each_part_and_one_more() -> None:
    chain = chain_of("call_transcripts")
    assert chain.notes is not None
    call = "customer: the line is down again.\n" * 300
    parts = split_chunks(call, chain.chunk_characters)
    found = estimated(chain, call)
    assert found.requests == len(parts) + 1 > 3
    asked = sum(sent_tokens(chain.notes, part) for part in parts) + sent_tokens(chain.question, "")
    assert found.usage.prompt_tokens == asked + len(parts) * chain.notes.max_output_tokens


def test_answers_fill_half_of_their_cap_until_there_are_some() -> None:
    chain = chain_of("support_tickets")
    assert estimated(chain, "a", "b").answers.completion_tokens == chain.question.max_output_tokens
    assert estimated(chain, "a", "b", mean_output_tokens=72.5).answers.completion_tokens == 145


def test_an_answer_is_as_long_as_the_labels_with_quotes_as_numbers() -> None:
    question = chain_of("app_store_reviews").question
    point = {"quote": "A long sentence of the review. " * 20, "summary": "It crashes."}
    label = {"sentiment": "negative", "feedback": [point, {**point, "quote": None}]}
    written = {"sentiment": "negative", "feedback": [{**point, "quote": 1}, {**point, "quote": None}]}
    assert usual_answer_tokens(question, [label]) == token_counter(question.model).count(orjson.dumps(written).decode())
    assert label["feedback"][0] is point and point["quote"] != 1
    assert usual_answer_tokens(question, []) is None


def test_an_unknown_price_is_no_cost_of_nothing_unless_nothing_is_asked() -> None:
    one = Estimate((Usage(1_000_000),), Usage(0, 0, 1_000_000), 1, "invented")
    assert one.cost_usd(None, is_cached=False) is None
    assert one.cost_usd(PRICE, is_cached=False) == pytest.approx(6.0)
    assert Estimate((), Usage(), 0, "invented").cost_usd(None, is_cached=False) == 0.0
