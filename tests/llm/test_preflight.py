"""The first question has the shape of all others, and what it is refused is learned before anything is paid for."""

import asyncio
import json
import logging
import traceback

import pytest

from include.errors import EndpointUnusable
from include.llm.endpoint import OPENAI_BASE_URL, Endpoint
from include.llm.preflight import MOST_DAMAGED, MOST_REFUSED, PATIENCE_SECONDS, PAUSE_SECONDS, Preflight, check_endpoint
from include.llm.providers.dialect import THINKING_TOKENS, Dialect, first_dialect
from include.llm.request import Question
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.llm.asking import PROMPT, Answer
from tests.llm.speaking import Model, Speaker, completion
from tests.servers.provider import Answer as Reply
from tests.servers.provider import Asked

KEY = "sk-proj-MySecret0123456789"
OPENAI_MINI = Model("max_completion_tokens", False, ("minimal", "low", "medium", "high"), thinking=1_300)
OPENAI_LUNA = Model("max_completion_tokens", False, ("none", "low", "medium", "high"), thinking=1_300)


class Clock:
    """A clock that moves by what is slept."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds


def question(model: str, base_url: str = "") -> Question:
    """A question with a cap of 100 tokens."""
    return Question(first_dialect(model, base_url), model, PROMPT, Answer, 100)


def check(provider: Speaker, asked: Question, key: str | None = KEY) -> Preflight:
    """Ask the first question; no time passes."""
    clock = Clock()
    endpoint = Endpoint(provider.base_url, key, is_demo=False)
    return asyncio.run(check_endpoint(endpoint, asked, clock=clock, sleep=clock.sleep))


def test_the_first_question_has_schema_cap_temperature_and_effort_of_the_others() -> None:
    with Speaker(OPENAI_LUNA) as provider:
        asked = question("gpt-6-luna", OPENAI_BASE_URL)
        said = check(provider, asked)
        assert (said.dialect, said.requests) == (asked.dialect, 1) and said.usage.prompt_tokens > 0
    assert provider.asked[0].body == asked.body(asked.prepare("OK"))
    body = json.loads(provider.asked[0].body)
    assert body["response_format"]["json_schema"]["strict"] is True
    assert (body["reasoning_effort"], body["max_completion_tokens"], "temperature" in body) == ("none", 100, False)


@pytest.mark.parametrize("tells_param", [True, False])
@pytest.mark.parametrize(
    ("name", "model", "taught", "calls"),
    [
        ("gpt-5-mini", OPENAI_MINI, Dialect("max_completion_tokens", False, (), "minimal", THINKING_TOKENS), 2),
        ("prod-fast", OPENAI_MINI, Dialect("max_completion_tokens", False, (), "minimal", THINKING_TOKENS), 4),
        ("prod-fast", OPENAI_LUNA, Dialect("max_completion_tokens", False, (), "none"), 3),
        ("gpt-6-luna", Model("max_tokens"), Dialect("max_tokens", False, (), None, THINKING_TOKENS), 2),
        ("gpt-5.1", Model("max_completion_tokens", True, ("none", "low")), Dialect("max_completion_tokens", False), 2),
        ("o1", Model(efforts=("medium", "high")), Dialect("max_tokens", False, (), "medium", THINKING_TOKENS), 2),
        ("claude", Model("max_tokens", False), Dialect("max_tokens", False, (), None, THINKING_TOKENS), 3),
        ("qwen3", Model("max_tokens"), Dialect("max_tokens", True), 1),
    ],
)
def test_what_is_refused_is_learned_whatever_the_model_is_called(
    name: str, model: Model, taught: Dialect, calls: int, tells_param: bool
) -> None:
    model = Model(**{**vars(model), "tells_param": tells_param})
    with Speaker(model) as provider:
        found = check(provider, question(name))
        assert found.requests == calls == len(provider.asked)
        assert Dialect(**{**vars(found.dialect), "refused": ()}) == taught
        # It holds: nothing is refused once more.
        again = Question(found.dialect, name, PROMPT, Answer, 100)
        said = check(provider, again)
        assert (said.dialect, said.requests) == (found.dialect, 1) and said.usage.prompt_tokens > 0


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "This model is only supported in v1/responses and not in v1/chat/completions."),
        (404, "This is not a chat model and thus not supported in the v1/chat/completions endpoint."),
        (400, "The chatCompletion operation does not work with the specified model, gpt-5-codex."),
        (400, "The model does not support Chat Completions API"),
    ],
)
def test_a_model_without_chat_completions_is_named_in_the_providers_words(status: int, message: str) -> None:
    refused = Reply(status, {"error": {"message": message, "code": None, "param": "model"}})
    with Speaker(lambda _: refused) as provider, pytest.raises(EndpointUnusable) as caught:
        check(provider, question("gpt-5-codex"))
    assert "'gpt-5-codex' does not answer chat completions" in str(caught.value)
    assert message in str(caught.value)
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    ("message", "calls"),
    [
        # A schema, a JSON object, a tool, text.
        ("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.", 4),
        # The schema, without what may go, a JSON object, a tool, text.
        ("Grammar error: the schema is too complex.", 5),
        # What nobody can tell may be any of them.
        ("Model is overloaded with rules.", 4),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_an_endpoint_that_takes_no_structure_at_all_stops_the_run_in_its_words(
    message: str, calls: int, status: int
) -> None:
    refused = Reply(status, {"error": {"message": message, "code": None, "param": None}})
    with Speaker(lambda _: refused) as provider, pytest.raises(EndpointUnusable) as caught:
        check(provider, question("prod-fast"))
    assert message in str(caught.value)
    assert len(provider.asked) == calls


@pytest.mark.parametrize("status", [200, 400, 404, 422, 500, 501])
def test_structure_is_learned_whatever_the_status_of_the_refusal_is(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    words = "json_schema is not supported by this backend"

    def answer(asked: Asked) -> Reply:
        if b'"json_schema"' in asked.body:
            return Reply(status, {"error": {"message": words}})
        return completion("{}")

    with Speaker(answer) as provider:
        found = check(provider, question("prod-fast"))
    assert (found.dialect.structure, found.requests) == ("json_object", 2)
    assert words in caplog.text and "asked with: json_object, max_tokens" in caplog.text


@pytest.mark.parametrize(("takes", "requests"), [("json_object", 2), ("tool", 3), ("text", 4)])
def test_words_that_nobody_knows_are_answered_by_the_next_structure(takes: str, requests: int) -> None:
    def answer(asked: Asked) -> Reply:
        found = json.loads(asked.body)
        way = "tool" if "tools" in found else found.get("response_format", {}).get("type", "text")
        return completion("{}") if way == takes else Reply(400, {"error": {"message": "Petición rechazada: 7731"}})

    with Speaker(answer) as provider:
        found = check(provider, question("prod-fast"))
    assert (found.dialect.structure, found.requests) == (takes, requests)


def test_a_server_that_breaks_at_every_schema_is_asked_without_one_when_waiting_has_not_helped() -> None:
    def answer(asked: Asked) -> Reply:
        if b'"json_schema"' in asked.body:
            return Reply(500, {"error": {"message": "failed to load model vocabulary"}})
        return completion("{}")

    with Speaker(answer) as provider:
        found = check(provider, question("prod-fast"))
    assert found.dialect.structure == "json_object"
    assert found.requests == PATIENCE_SECONDS / PAUSE_SECONDS + 2


def test_an_endpoint_that_refuses_whatever_is_sent_is_not_asked_for_ever() -> None:
    def refuses_all(asked: object) -> Reply:
        return Reply(400, {"error": {"message": "Unsupported parameter: 'max_tokens', use 'max_completion_tokens'."}})

    with Speaker(refuses_all) as provider, pytest.raises(EndpointUnusable, match="max_tokens"):
        check(provider, question("prod-fast"))
    assert len(provider.asked) <= 3


def test_nobody_is_asked_in_more_forms_than_a_few() -> None:
    offers = "Unsupported value: reasoning_effort; supported are: 'low', 'medium', 'high'."
    said = iter(
        [
            "Unsupported parameter: 'max_tokens'", "Unsupported parameter: temperature", offers, offers,
            "Unknown parameter: 'strict'", "'maxLength' is not permitted", "'minItems' is not permitted",
            "json_schema is not supported", "json_object is not supported", "tools are not supported",
        ]
    )  # fmt: skip
    with Speaker(lambda _: Reply(400, {"error": {"message": next(said)}})) as provider:
        with pytest.raises(EndpointUnusable, match="json_object is not supported"):
            check(provider, question("prod-fast"))
        assert len(provider.asked) == MOST_REFUSED + 1


def test_a_server_that_is_starting_is_waited_for_and_one_that_stays_away_is_not() -> None:
    with Speaker(lambda _: completion("yes")) as provider:
        provider.fail(Reply(503, b"loading"), times=3)
        assert check(provider, question("qwen3")).requests == 4
        provider.fail(Reply(503, b"loading"), times=99)
        with pytest.raises(EndpointUnusable, match="OPENAI_BASE_URL"):
            check(provider, question("qwen3"))


def test_answers_that_are_none_are_paid_for_three_times_at_most() -> None:
    with Speaker(lambda _: Reply(200, b"<html>Welcome</html>")) as provider:
        with pytest.raises(EndpointUnusable, match="/v1"):
            check(provider, question("qwen3"))
        assert len(provider.asked) == MOST_DAMAGED


@pytest.mark.parametrize("lasts", [5, 100])
def test_what_the_endpoint_calls_its_own_trouble_is_waited_for_like_a_server_that_is_starting(lasts: int) -> None:
    broken = completion("", finish_reason="error")
    with Speaker(lambda _: broken if len(provider.asked) <= lasts else completion("{}")) as provider:
        if lasts == 5:
            assert check(provider, question("test-model")).requests == lasts + 1
        else:
            with pytest.raises(EndpointUnusable, match="finish_reason error"):
                check(provider, question("test-model"))
            assert len(provider.asked) == 1 + PATIENCE_SECONDS / PAUSE_SECONDS


def test_a_rate_limit_passes() -> None:
    with Speaker(lambda _: Reply(429, {"error": {"code": "rate_limit_exceeded"}})) as provider:
        assert check(provider, question("qwen3")).requests == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500, 503])
def test_no_message_traceback_or_log_shows_the_key_that_an_endpoint_repeats(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}
    with Speaker(lambda _: Reply(status, said)) as provider, pytest.raises(EndpointUnusable) as caught:
        check(provider, question("qwen3"))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in caplog.text


def test_without_a_key_no_authorization_is_sent() -> None:
    with Speaker(lambda _: completion("yes")) as provider:
        check(provider, question("qwen3"), key=None)
        check(provider, question("qwen3"))
    assert [asked.headers.get("Authorization") for asked in provider.asked] == [None, f"Bearer {KEY}"]


FLEX_ANSWERS = [
    ("no_flex", "flex is not available", [200, 400]),
    ("no_service_tier", "Extra inputs are not permitted", [200, 422]),
    ("billed_at_default", "is billed at default", [200]),
    ("tier_not_named", None, [200]),
    # It is there, and only busy.
    ("resource_unavailable", None, [429]),
]


@pytest.mark.parametrize(("fault", "why", "statuses"), FLEX_ANSWERS)
def test_whether_an_endpoint_has_flex_shows_in_the_first_question(
    fault: str, why: str | None, statuses: list[int], fault_server: FaultServer
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=fault),)))
    clock = Clock()
    endpoint = Endpoint(fault_server.base_url, KEY, is_demo=False)
    said = asyncio.run(check_endpoint(endpoint, question("m"), clock=clock, sleep=clock.sleep, at_flex=True))
    assert (said.no_flex is None) == (why is None) and (why or "") in (said.no_flex or "")
    assert sorted(fault_server.counters().by_status) == statuses and said.requests == len(statuses)
    assert said.service_tier == ("default" if fault == "billed_at_default" else None)
    assert said.dialect == question("m").dialect


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "The model m does not support flex"), (403, "Flex processing is not enabled for your plan"),
     (402, "The flex tier needs a paid plan")],
)  # fmt: skip
def test_flex_may_be_refused_with_any_status(status: int, words: str) -> None:
    def paid_only(asked: Asked) -> Reply:
        if "service_tier" in json.loads(asked.body):
            return Reply(status, {"error": {"message": words}})
        return completion("yes")

    with Speaker(paid_only) as provider:
        clock, endpoint = Clock(), Endpoint(provider.base_url, KEY, is_demo=False)
        said = asyncio.run(check_endpoint(endpoint, question("m"), clock=clock, sleep=clock.sleep, at_flex=True))
        assert words in (said.no_flex or "") and said.requests == len(provider.asked) == 2
        # What is refused without it too is nobody's flex.
        provider.fail(Reply(status, {"error": {"message": words}}), times=2)
        with pytest.raises(EndpointUnusable, match=words):
            asyncio.run(check_endpoint(endpoint, question("m"), clock=clock, sleep=clock.sleep, at_flex=True))


def test_a_first_question_at_flex_says_at_which_tier_it_is_billed(fault_server: FaultServer) -> None:
    endpoint = Endpoint(fault_server.base_url, KEY, is_demo=False)
    said = asyncio.run(check_endpoint(endpoint, question("m"), at_flex=True))
    assert (said.service_tier, said.no_flex, said.requests) == ("flex", None, 1)
