"""How a model is held to the schema: by what the endpoint takes, learned from the words with which it refuses."""

import json
from dataclasses import replace
from typing import Any

import pytest

from include.answer.structured_output import json_schema, without_keywords
from include.llm.endpoint import Endpoint
from include.llm.providers.dialect import Dialect, first_dialect
from include.llm.providers.dialect_settings import KEYWORDS
from include.llm.providers.provider_errors import Refused, failure_of
from include.llm.providers.refusals import Refusal, refusal_of, structure_refused
from include.llm.request import Question
from include.pipelines.registry import load_pipeline
from tests.llm.asking import PROMPT, Answer

LENGTHS = ("minLength", "maxLength")
CHECKS = KEYWORDS[: KEYWORDS.index("additionalProperties")]


def refusal(message: Any, status: int = 400, param: str | None = None) -> Refusal | None:
    """What an endpoint's words teach."""
    said = {"error": {"message": message, "param": param}} if isinstance(message, str) else message
    endpoint = Endpoint("https://gateway.test/v1", None, is_demo=False)
    failure = failure_of(status, {}, json.dumps(said).encode(), endpoint)
    return refusal_of(failure) if isinstance(failure, Refused) else structure_refused(str(failure))


def after(dialect: Dialect, message: Any, status: int = 400, param: str | None = None) -> Dialect | None:
    """The dialect that an endpoint's words teach."""
    said = refusal(message, status, param)
    return dialect.learn(said) if said else None


def _forbidden(*place: str) -> dict[str, Any]:
    wrong = {"type": "extra_forbidden", "loc": ["body", *place], "msg": "Extra inputs are not permitted"}
    return {"detail": [wrong]}


# Of DeepSeek, Volcengine, Groq, OpenAI, FastAPI, LiteLLM, OpenRouter, and servers that have no decoding by a grammar.
@pytest.mark.parametrize(
    ("status", "message", "structure"),
    [
        (400, "This response_format type is unavailable now", "json_object"),
        (422, "Failed to deserialize the JSON: response_format.type `json_schema` is unavailable", "json_object"),
        (400, "`response_format.type` is not valid: `json_schema`, supported are: `json_object`", "json_object"),
        (400, "'response_format.type' : value is not one of the allowed values ['text','json_object']", "json_object"),
        (400, "response_format.type must be one of text, json_object", "json_object"),
        (400, "This model does not support response format `json_schema`.", "json_object"),
        (400, "json_schema is not supported by this model", "json_object"),
        (400, "'response_format' of type 'json_schema' is not supported with this model.", "json_object"),
        (400, "response_format not supported", "tool"),
        (400, "UnsupportedParamsError: it does not support parameters: ['response_format'], for model=x", "tool"),
        (422, _forbidden("response_format"), "tool"),
        (422, {"detail": [{"loc": ["response_format", "type"], "msg": "Should be 'json_object'"}]}, "json_object"),
        (404, "No endpoints found that can handle the requested parameters.", "tool"),
        (500, "Structured outputs are not supported by this backend", "json_object"),
        (501, "response_format is not implemented", "tool"),
        (400, "Invalid response_format: json_schema", "json_object"),
        (400, "unknown variant `json_schema`, expected `text` or `json_object`", "json_object"),
        (400, "The `json_schema` response format is only available for other models", "json_object"),
        (400, "Response format is not supported", "tool"),
        (400, "Structured Output is disabled for this deployment", "json_object"),
        (422, _forbidden("response_format", "json_schema"), "json_object"),
        (500, "guided decoding is not available", "tool"),
        (400, "JSON mode is not enabled for models/gemma-3-27b-it", "json_object"),
        (400, "response_format value as json_schema is enabled only for api versions 2024-08-01", "json_object"),
        (400, "output_config.format: This model does not support output format.", "tool"),
        (400, "Argument not supported on this model: response_format. See https://x.test/json_schema", "tool"),
    ],
)  # fmt: skip
def test_who_refuses_the_schema_as_a_parameter_is_asked_in_the_next_way_that_it_may_take(
    status: int, message: Any, structure: str
) -> None:
    learned = after(Dialect(), message, status)
    assert learned is not None
    assert (learned.structure, learned.strict) == (structure, False)


def test_below_a_json_object_comes_a_tool_and_below_it_the_prompt_alone() -> None:
    unknown = "Unrecognized request argument supplied: response_format"
    rungs = [Dialect(structure="json_object", strict=False)]
    for message in (unknown, '"llama3" does not support tools'):
        following = after(rungs[-1], message)
        assert following is not None
        rungs.append(following)
    assert [rung.structure for rung in rungs] == ["json_object", "tool", "text"]
    assert after(rungs[-1], unknown) is None
    # What it was not sent it cannot refuse.
    assert after(rungs[0], '"llama3" does not support tools') is None
    assert (after(rungs[1], "Tool error: Grammar is not supported") or Dialect()).structure == "tool"
    assert (after(rungs[1], "Tools are not available for this model.") or Dialect()).structure == "text"
    no_tools = "No endpoints found that support tool use."
    assert (after(rungs[1], no_tools, 404) or Dialect()).structure == "text"


@pytest.mark.parametrize(
    ("message", "left_out"),
    [
        ("Invalid schema for response_format 'answer': In context=('a',), 'maxLength' is not permitted.", LENGTHS),
        ("output_config.format.schema: For 'string' type, properties maxLength, minLength are not supported", LENGTHS),
        ("For 'integer' type, property 'minimum' is not supported", CHECKS[2:7]),
        ("response schemas specified unsupported field min_items", CHECKS[7:10]),
        ("Invalid schema: unsupported keyword 'pattern', 'format'", CHECKS[10:]),
        ("Unknown name \"additionalProperties\" at 'config.response_schema': Cannot find field.", KEYWORDS[12:13]),
        ("Unknown name \"additionalProperties\" ... Unknown name \"$ref\" at 'x': Cannot find field.", KEYWORDS[12:]),
        ("The provided JSON schema contains features not supported by xgrammar.", CHECKS),
        ("Failed to initialize samplers: failed to parse grammar", CHECKS),
        ("JSON schema conversion failed: number of repetitions is too large", CHECKS),
    ],
)  # fmt: skip
def test_who_refuses_keywords_gets_the_schema_without_them_and_the_key_stays(
    message: str, left_out: tuple[str, ...]
) -> None:
    learned = after(Dialect(), message)
    assert learned is not None
    assert (learned.structure, learned.strict, learned.without) == ("json_schema", True, left_out)
    assert question(learned).identity == question(Dialect()).identity


def test_who_refuses_one_keyword_after_the_other_is_sent_none_before_long() -> None:
    rungs = [Dialect()]
    for keyword in ("maxLength", "minItems", "minimum"):
        following = after(rungs[-1], f"Invalid schema: '{keyword}' is not permitted.")
        assert following is not None
        rungs.append(following)
    assert [set(rung.without) for rung in rungs[:3]] == [set(), set(LENGTHS), set(CHECKS[:10])]
    # It goes on about what was left out.
    assert rungs[3].structure == "json_object"


def test_what_an_endpoint_wants_of_a_schema_is_no_refusal_of_it() -> None:
    assert refusal("For 'object' type, 'additionalProperties' must be explicitly set to false") is None
    assert refusal("The room temperature is high today, and the format of the letter is odd") is None
    assert refusal("Internal server error", 500) is None
    for words in ("Database schema migration error", "json_decode failed", "tool_router: timeout error"):
        assert refusal(words, 503) is None
    assert structure_refused("Cannot connect to http://grammar-tools.test:8000/v1: refused") is None
    kind = {"error": {"message": "messages[1]: bad tool message", "type": "invalid_request_error"}}
    assert refusal(kind) is None
    assert refusal("Failed to reach the tool server", 500) is None
    assert refusal("The input is no valid JSON object, cannot parse it", 404) is None
    assert refusal("The model `x` does not exist or you do not have access to it.", 404) is None


@pytest.mark.parametrize(
    "message",
    [
        "invalid temperature: only 0.6 is allowed for this model",
        "`temperature` may only be set to 1 when thinking is enabled.",
        "temperature: parameter is out of range (0,1]",
        "temperature参数非法。取值范围是(0.0,1.0)",
    ],
)  # fmt: skip
def test_who_takes_one_temperature_only_is_sent_none(message: str) -> None:
    learned = after(Dialect(), message)
    assert learned is not None and not learned.temperature


def test_who_refuses_strict_is_not_asked_so_and_who_wants_it_then_is_asked_in_another_way() -> None:
    for message in ("Strict mode is not supported for this model", _forbidden("tools", "0", "function", "strict")):
        learned = after(Dialect(structure="tool"), message)
        assert learned is not None
        assert (learned.structure, learned.strict) == ("tool", False)
    wanted = after(Dialect(strict=False), "response_format.json_schema.strict: Input should be True; it must be set")
    assert wanted is not None and wanted.structure == "json_object"


def test_what_was_sent_is_not_taken_for_what_is_said_of_it() -> None:
    wrong = {
        "loc": ["body", "tools"],
        "msg": "Extra inputs are not permitted",
        "input": [{"maxLength": 1, "strict": 1}],
    }
    learned = after(Dialect(structure="tool", strict=False), {"detail": [wrong]}, 422)
    assert learned is not None and learned.structure == "text"


def test_what_a_person_has_set_no_refusal_changes() -> None:
    wanted = first_dialect("prod-fast", "http://x/v1", {"structure": "json_schema", "without": [], "temperature": True})
    for parameter in ("response_format", "keywords", "schema", "temperature"):
        assert wanted.learn(Refusal(parameter, "no", LENGTHS)) is None
    assert (wanted.learn(Refusal("max_tokens", "no")) or wanted).cap_name == "max_completion_tokens"


def question(dialect: Dialect) -> Question:
    """A question with a cap of 100 tokens."""
    return Question(dialect, "prod-fast", PROMPT, Answer, 100)


def sent(dialect: Dialect) -> dict[str, Any]:
    """What is sent."""
    asked = question(dialect)
    return dict(json.loads(asked.body(asked.prepare("Fine."))))


def test_a_json_object_and_text_have_the_schema_below_the_instructions() -> None:
    schema = json_schema(Answer, length_keywords=True)
    for structure in ("json_object", "text"):
        dialect = Dialect(structure=structure, without=CHECKS)
        body, asked = sent(dialect), question(dialect)
        system = body["messages"][0]["content"]
        instructions, told, written = system.rpartition("JSON schema, and with nothing else:\n")
        assert instructions.startswith(PROMPT.system) and told
        assert json.loads(written) == schema
        assert body.get("response_format") == ({"type": "json_object"} if structure == "json_object" else None)
        assert asked.schema_tokens == 0 and asked.constant_tokens > question(Dialect()).constant_tokens


def test_a_tool_is_called_by_force_and_its_parameters_are_the_schema() -> None:
    body = sent(Dialect(structure="tool", strict=False, without=LENGTHS))
    function = {"name": "answer", "parameters": json_schema(Answer, length_keywords=False)}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "answer"}}
    assert "response_format" not in body and body["messages"][0]["content"] == PROMPT.system
    assert sent(Dialect(structure="tool"))["tools"][0]["function"]["strict"] is True


def test_another_structure_and_further_fields_are_another_question() -> None:
    thinking = {"chat_template_kwargs": {"enable_thinking": False}}
    dialects = [
        *(Dialect(structure=structure) for structure in ("json_schema", "json_object", "tool", "text")),
        Dialect(structure="tool", strict=False),
        Dialect(body=thinking),
    ]
    assert len({question(dialect).identity for dialect in dialects}) == len(dialects)
    loose = Dialect(structure="text", strict=False)
    assert question(loose).identity == question(replace(loose, strict=True)).identity
    body = sent(Dialect(body=thinking))
    assert body["chat_template_kwargs"] == thinking["chat_template_kwargs"]
    assert str(dialects[-1]) == "max_tokens, temperature 0, with chat_template_kwargs"
    assert str(loose) == "text, max_tokens, temperature 0"


@pytest.mark.parametrize("name", ["app_store_reviews", "call_transcripts", "support_tickets", "survey_answers"])
def test_a_schema_without_what_may_go_is_whole_and_refers_to_nothing(name: str) -> None:
    schema = json_schema(load_pipeline(name).answer, length_keywords=True)
    reduced = without_keywords(schema, KEYWORDS)
    text = json.dumps(reduced)
    assert not [keyword for keyword in ("$ref", "$defs", "maxLength", "maxItems", "minimum") if f'"{keyword}"' in text]
    assert reduced["properties"].keys() == schema["properties"].keys() and reduced["required"] == schema["required"]
    inlined = without_keywords(schema, ("$ref", "$defs"))
    assert "$ref" not in json.dumps(inlined) and '"additionalProperties": false' in json.dumps(inlined)
