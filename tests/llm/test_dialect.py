"""How a model is asked: guessed by its name, learned from what an endpoint refuses, and what of it is in a key."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from include.llm.endpoint import OPENAI_BASE_URL, Endpoint
from include.llm.providers.dialect import THINKING_TOKENS, Dialect, first_dialect
from include.llm.providers.provider_errors import Refused, failure_of
from include.llm.providers.refusals import Refusal, has_no_chat, refusal_of
from include.llm.request import Question
from tests.llm.asking import PROMPT, Answer

GATEWAY, AZURE = "https://gateway.test/v1", "https://us.openai.azure.com/openai/v1"


def question(model: str, dialect: Dialect | None = None, base_url: str = OPENAI_BASE_URL) -> Question:
    """A question with a cap of 100 tokens."""
    return Question(dialect or first_dialect(model, base_url), model, PROMPT, Answer, 100)


def body(asked: Question) -> dict[str, Any]:
    """What is sent, without the messages."""
    sent = json.loads(asked.body(asked.prepare("Fine.")))
    del sent["messages"], sent["response_format"]
    return dict(sent)


# The identities of version 89266dc, whose lakes hold answers under them.
@pytest.mark.parametrize(
    ("model", "identity"),
    [
        ("gpt-4.1-mini", "57105465bdf824aac09a2a1dfe42c50edf9d17af6f0c814db98548ca3df7c30f"),
        ("gpt-4o", "8462151337d846c9a2eb99e6e8811c26d862d1018d00baaee314644aa004b569"),
        ("gpt-5.1", "5d55d384d8cdd977ce2bb60819b3b4b1084fbd89f9a789a54b077dcabc85a6e0"),
        ("gpt-5.4-mini", "988c34637eceea718f73b99775b547e38b100d97378809f16776c1925d387e17"),
        ("gpt-5-chat-latest", "0ececc13e062b1e4b737ff29f4724a1c8a025318b1ca8a971f68ff7ca64385a3"),
        ("gpt-35-turbo", "afb021338b502e0a0800ef7db80708e47fb47e75f5aa4f4751814bc203412758"),
        ("smollm2-135m-instruct", "1a4f871f93f023cd02ae6fd24775a971756eeb512a358e88a350e4073c3c9b32"),
        ("qwen3", "f7e8ce618812abf056a2a1049ab38eb68a4431b661e43af0557a113ca9228153"),
        ("openai/gpt-5.4-mini", "c136e8214ccaffb444f938fce46025b17681f07b0ea4630186ed983e54afc8a1"),
        ("prod-fast", "97875ef742122f2cb5001d95534f1e5aad6b5e97968c8ec35fd960b2a17f7e75"),
        ("ft:gpt-4.1-mini:org::id", "3d2e7fd9b03e55f60aa0c2bbceacfbae2deca63706ccbbd84435b5f4e0219f45"),
    ],
)
@pytest.mark.parametrize("base_url", [OPENAI_BASE_URL, AZURE, GATEWAY, "https://api.anthropic.com/v1"])
def test_a_question_that_means_what_it_meant_keeps_its_key(model: str, identity: str, base_url: str) -> None:
    assert question(model, base_url=base_url).identity == identity


@pytest.mark.parametrize(
    ("model", "identity"),
    [
        ("gpt-5-mini", "e76085be9c38e5355fa7d7147838c1d93c2b0dc20a51e4f66e226db2fddf5f9b"),
        ("o4-mini", "025d0a0c021dae6bc895d2af204b68b5a82edd2ff76aea4790e0e03847f0c521"),
        ("gpt-6-luna", "81d1c9a05cd269578480ddd994fe9ae984820be80994b2c7af645f724c407150"),
    ],
)
def test_a_question_that_is_now_asked_with_an_effort_has_another_key(model: str, identity: str) -> None:
    assert question(model).identity != identity


@pytest.mark.parametrize(
    ("model", "effort", "room"),
    [
        ("gpt-6-luna", "none", 0),
        ("gpt-6-luna-2026-09-22", "none", 0),
        ("openai/gpt-6-sol", "none", 0),
        ("gpt-5.6-mini", "none", 0),
        ("gpt-5.5", "none", 0),
        ("gpt-7", "none", 0),
        ("gpt-5", "minimal", THINKING_TOKENS),
        ("gpt-5-mini-2025-08-07", "minimal", THINKING_TOKENS),
        ("azure/gpt-5-nano", "minimal", THINKING_TOKENS),
        ("ft:gpt-5-mini:team::1", "minimal", THINKING_TOKENS),
        ("o3", "low", THINKING_TOKENS),
        ("o4-mini", "low", THINKING_TOKENS),
        ("openai/o1", "low", THINKING_TOKENS),
    ],
)
def test_models_that_think_take_their_least_effort_no_temperature_and_room(model: str, effort: str, room: int) -> None:
    asked = question(model)
    assert body(asked) == {"model": model, "reasoning_effort": effort, "max_completion_tokens": 100 + room}
    longer = json.loads(asked.body(asked.prepare("Fine."), longer=True))
    assert longer["max_completion_tokens"] == 2 * (100 + room)


@pytest.mark.parametrize(
    "model", ["gpt-4.1-mini", "gpt-4o", "gpt-35-turbo", "llama-3", "proto3", "openai/gpt-5.4-mini"]
)
def test_other_models_are_asked_at_temperature_zero(model: str) -> None:
    assert body(question(model)) == {"model": model, "temperature": 0.0, "max_completion_tokens": 100}
    assert body(question(model, base_url=GATEWAY)) == {"model": model, "temperature": 0.0, "max_tokens": 100}


def _openai(message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def refused(raw: bytes) -> Refused:
    """What a 400 with this body is to the fan-out."""
    failure = failure_of(400, {}, raw, Endpoint("https://gateway.test/v1", None, is_demo=False))
    assert isinstance(failure, Refused)
    return failure


REFUSALS: list[tuple[str, Any]] = [
    (
        "max_tokens",
        _openai(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
    ),
    ("max_tokens", _openai("Unsupported parameter: 'max_tokens' is not supported with this model.")),
    ("max_completion_tokens", _openai("Unrecognized request argument supplied: max_completion_tokens")),
    (
        "temperature",
        _openai(
            "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is "
            "supported.",
            "temperature",
            "unsupported_value",
        ),
    ),
    ("temperature", _openai("Unsupported parameter: temperature")),
    ("temperature", _openai("litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.0.", code="400")),
    ("temperature", _openai("`temperature` is deprecated for this model.")),
    ("temperature", {"error": "temperature is not supported"}),
    (
        "reasoning_effort",
        _openai("Unsupported value: 'reasoning_effort' does not support 'none' with this model.", "reasoning_effort"),
    ),
    ("reasoning_effort", _openai("Unsupported value: 'none'", "reasoning.effort", "unsupported_value")),
    ("reasoning_effort", _openai("property 'reasoning_effort' is unsupported")),
    (
        "reasoning_effort",
        [{"error": {"code": 400, "message": 'Invalid JSON payload. Unknown name "reasoning_effort": no such field.'}}],
    ),
    (
        "reasoning_effort",
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "reasoning_effort"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        },
    ),
    (
        "reasoning_effort",
        {"object": "error", "message": "Unknown: reasoning_effort", "type": "BadRequest", "code": 400},
    ),
    (
        "strict",
        _openai("Unknown parameter: 'response_format.json_schema.strict'.", "response_format.json_schema.strict"),
    ),
    (
        "keywords",
        _openai("Invalid schema for response_format 'answer': 'maxLength' is not permitted.", "response_format"),
    ),
    (
        "response_format",
        _openai("'response_format' of type 'json_schema' is not supported with this model.", "response_format"),
    ),
]


@pytest.mark.parametrize(("parameter", "said"), REFUSALS)
def test_a_refusal_names_its_parameter_in_every_gateways_way(parameter: str, said: Any) -> None:
    refusal = refusal_of(refused(json.dumps(said).encode()))
    assert refusal is not None
    assert refusal.parameter == parameter


@pytest.mark.parametrize(
    "said",
    [
        b"<html>400</html>",
        b"",
        b"null",
        b'{"error": {"message": "Invalid prompt: it was flagged.", "param": "messages", "code": "invalid_prompt"}}',
        b'{"error": {"message": "max_tokens is too large: 4100. At most 4096.", "param": "max_tokens"}}',
        b'{"error": {"message": "\'max_tokens\' is too large: the context length is 512 tokens.", "code": 400}}',
        b'{"error": {"message": "The room temperature is high today", "type": "invalid_request_error"}}',
        b'{"error": {"message": "Unsupported text: max_tokens", "param": "messages[0].content"}}',
    ],
)
def test_what_names_no_parameter_teaches_nothing(said: bytes) -> None:
    assert refusal_of(refused(said)) is None


def learned(dialect: Dialect, *refusals: tuple[str, str]) -> Dialect | None:
    """What several refusals in a row teach before a run."""
    known: Dialect | None = dialect
    for parameter, words in refusals:
        assert known is not None
        known = known.learn(Refusal(parameter, words))
    return known


def test_a_parameter_that_is_refused_is_spelt_otherwise_or_left_out_and_the_key_stays() -> None:
    plain = question("prod-fast", base_url=GATEWAY)
    known = learned(plain.dialect, ("max_tokens", "no"), ("schema", "no"))
    assert known is not None
    assert body(question("prod-fast", known)) == {
        "model": "prod-fast",
        "temperature": 0.0,
        "max_completion_tokens": 100,
    }
    assert question("prod-fast", known).identity == plain.identity


def test_a_model_that_refuses_a_temperature_is_told_not_to_think_and_gets_room_where_it_does() -> None:
    alias = first_dialect("prod-fast", GATEWAY)
    told = learned(alias, ("temperature", "Only the default (1) value is supported."))
    assert told is not None and (told.temperature, told.effort, told.thinking_tokens) == (False, "none", 0)
    offers = "does not support 'none' with this model. Supported values are: 'minimal', 'low', 'medium', and 'high'."
    thinks = learned(told, ("reasoning_effort", offers))
    assert thinks is not None and (thinks.effort, thinks.thinking_tokens) == ("minimal", THINKING_TOKENS)
    silent = learned(told, ("reasoning_effort", "Unknown parameter"))
    assert silent is not None and (silent.effort, silent.thinking_tokens) == (None, THINKING_TOKENS)
    assert len({question("prod-fast", known).identity for known in (alias, told, thinks, silent)}) == 4


def test_efforts_that_were_refused_are_not_tried_again() -> None:
    offers = "must be one of: none, minimal, low"
    known = first_dialect("gpt-6-luna", OPENAI_BASE_URL)
    efforts = []
    while (following := learned(known, ("reasoning_effort", offers))) is not None:
        known = following
        efforts.append(known.effort)
    assert efforts == ["minimal", "low", None]


def test_two_names_of_the_cap_that_are_both_refused_leave_none() -> None:
    known = first_dialect("prod-fast", GATEWAY)
    assert learned(known, ("max_tokens", "no"), ("max_completion_tokens", "no")) is None


def test_a_schema_that_is_not_taken_strictly_is_another_question() -> None:
    known = first_dialect("prod-fast", GATEWAY)
    loose = learned(known, ("strict", "no"))
    assert loose is not None
    assert question("prod-fast", loose).identity != question("prod-fast", known).identity


def test_once_a_run_is_planned_only_spelling_is_learned() -> None:
    known = first_dialect("gpt-6-luna", GATEWAY)
    for parameter in ("reasoning_effort", "strict", "response_format"):
        assert known.learn(Refusal(parameter, "no"), spelling_only=True) is None
    alias = first_dialect("prod-fast", GATEWAY)
    before = question("prod-fast", alias).identity
    for parameter in ("max_tokens", "temperature", "schema"):
        respelt = alias.learn(Refusal(parameter, "no"), spelling_only=True)
        assert respelt is not None
        assert question("prod-fast", respelt).identity == before
        assert respelt.meaning == alias.meaning


def test_what_was_learned_survives_the_way_through_a_manifest() -> None:
    known = learned(first_dialect("prod-fast", GATEWAY), ("max_tokens", "no"), ("temperature", "no"))
    assert known is not None
    through = TypeAdapter(Dialect)
    assert through.validate_json(through.dump_json(known)) == known
    assert str(known) == "max_completion_tokens, no temperature, effort none"
    assert "not strict" in str(replace(known, strict=False, thinking_tokens=9))


@pytest.mark.parametrize(
    ("words", "is_none"),
    [
        ("This model is only supported in v1/responses and not in v1/chat/completions.", True),
        ("This is not a chat model and thus not supported in the v1/chat/completions endpoint.", True),
        ("The chatCompletion operation does not work with the specified model, gpt-5-codex.", True),
        ("The model does not support Chat Completions API", True),
        ('"nomic-embed-text" does not support chat', True),
        ("The model `x` does not exist or you do not have access to it.", False),
    ],
)
def test_a_model_without_chat_completions_is_known_by_the_endpoints_words(words: str, is_none: bool) -> None:
    assert has_no_chat(words) is is_none
