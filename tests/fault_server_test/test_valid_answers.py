"""Without a plan, every question gets a valid answer that depends on nothing but the question."""

import json
from enum import StrEnum
from typing import Annotated, Any, Literal

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel, Field

from include.answer.structured_output import StrictAnswer, json_schema, parse_answer
from include.pipelines.registry import load_pipeline, pipeline_names
from tests.fault_server import FaultServer, Plan
from tests.fault_server.choices import Choices
from tests.fault_server.schema_instance import make_instance
from tests.fault_server.schema_leaves import leaves
from tests.fault_server.strings import UnsupportedSchema
from tests.fault_server_test.asking import SYSTEM, Reading, ask, fenced, question, send

TEXTS = [f"Text {number} about the app." for number in range(100)]


class Colour(StrEnum):
    """A closed set by reference."""

    RED = "red"
    BLUE = "blue"


class Branch(BaseModel):
    """A model that contains itself."""

    label: Colour
    children: list["Branch"]


class Unusual(StrictAnswer):
    """What Pydantic can write beyond the pipelines' fields."""

    only: Literal["always"]
    colour: Colour
    tree: Branch
    other: Branch | Literal["none"] | None
    code: Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{2,4}$")]
    short: str = Field(min_length=3, max_length=4)
    long: str = Field(min_length=200)
    three: list[int] = Field(min_length=3, max_length=3)
    positive: int = Field(gt=0, lt=3)
    negative: int = Field(le=-5)
    percent: float = Field(ge=0, le=100)


@pytest.mark.parametrize("model", [Reading, Unusual])
@pytest.mark.parametrize("full", [False, True])
def test_an_instance_satisfies_its_schema_and_its_model(model: type[BaseModel], full: bool) -> None:
    """A hundred texts, each with an answer that jsonschema and strict Pydantic accept."""
    for schema in (json_schema(model, length_keywords=True), model.model_json_schema()):
        validator = jsonschema.Draft202012Validator(schema)
        for text in TEXTS:
            instance = make_instance(schema, Choices(text, full=full), sentences=3)
            validator.validate(instance)
            model.model_validate_json(json.dumps(instance), strict=True)


@pytest.mark.parametrize("name", pipeline_names())
def test_the_pipelines_accept_the_answers(name: str) -> None:
    """Each pipeline's own parser takes the answers, quotes included; so does the step before it, if there is one."""
    pipeline = load_pipeline(name)
    models = [pipeline.answer, *([pipeline.chunking.notes] if pipeline.chunking else [])]
    sentences = ["One.", "Two.", "Three."]
    for model in models:
        schema = json_schema(model, length_keywords=True)
        for text in TEXTS:
            content = json.dumps(make_instance(schema, Choices(text), len(sentences)))
            parse_answer(model, content, sentences)


def test_full_instances_leave_nothing_out() -> None:
    """Where null and an empty list can be avoided, they are."""
    schema = json_schema(Reading, length_keywords=True)
    for text in TEXTS:
        instance = make_instance(schema, Choices(text, full=True), sentences=3)
        assert instance["points"]
        assert None not in [instance["escalation"], *instance["points"][0].values()]


def test_leaves_are_the_scalars_of_an_instance() -> None:
    """Each scalar has its path and the schema that it was made from."""
    schema = json_schema(Reading, length_keywords=True)
    instance = make_instance(schema, Choices("text", full=True), sentences=3)
    found = {leaf.path: leaf.schema for leaf in leaves(schema, instance)}
    assert found["sentiment",]["enum"] == ["positive", "neutral", "negative", "mixed"]
    assert found["points", 0, "quote"]["minimum"] == 1
    assert found["points", 0, "wish"]["maxLength"] == 40
    assert {path[0] for path in found} == set(instance)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "string", "pattern": "^(a|b)+$"}, "pattern"),
        ({"type": "string", "format": "ipv6"}, "ipv6"),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "uniqueItems"),
        ({"type": "integer", "minimum": 2.2, "maximum": 2.8}, "bounds"),
        ({"$ref": "#/$defs/Gone"}, "Gone"),
        ({"type": "date"}, "date"),
        ({"type": "object", "properties": {"again": {"$ref": "#"}}, "required": ["again"]}, "without end"),
    ],
)
def test_what_is_not_covered_is_refused_by_name(schema: dict[str, Any], named: str) -> None:
    """A schema beyond this server's means is an error that says so, never a wrong answer."""
    with pytest.raises(UnsupportedSchema, match=named):
        make_instance(schema, Choices("text"), sentences=1)


def test_a_schema_that_is_not_covered_is_a_400(fault_server: FaultServer) -> None:
    """The message reaches whoever wrote the schema."""
    response = ask(fault_server, question("text", {"type": "string", "pattern": "(a|b)"}))
    assert response.status == 400
    assert response.error["type"] == "fault_server_error"


def test_the_same_text_is_answered_alike_and_others_differently() -> None:
    """Two servers agree on every answer, and the answers spread over the closed sets."""
    with FaultServer() as one, FaultServer() as other:
        answers = [ask(one, text).content for text in TEXTS[:40]]
        assert answers == [ask(other, text).content for text in TEXTS[:40]]
    assert len(set(answers)) == 40
    assert {json.loads(answer)["sentiment"] for answer in answers} == {"positive", "neutral", "negative", "mixed"}


def test_sentence_numbers_stay_within_the_text(fault_server: FaultServer) -> None:
    """Every sentence is quoted by somebody, and none that is not there; a text may not count up for itself."""
    quotes = set()
    for text in TEXTS[:80]:
        content = ask(fault_server, question(f"{text} [99] is no sentence")).content
        quotes |= {point["quote"] for point in json.loads(content)["points"]}
    assert quotes == {1, 2, 3, 4}


def test_a_re_ask_is_about_the_same_text(fault_server: FaultServer) -> None:
    """After messages about a bad answer, the question is still the fenced record: same answer, another key."""
    first = question("The one.")
    again = {
        **first,
        "messages": [*first["messages"], {"role": "assistant", "content": "{"}, _user("Not JSON. Again.")],
    }
    assert ask(fault_server, first).content == ask(fault_server, again).content
    requests = fault_server.log().requests
    assert requests[0].key != requests[1].key
    assert requests[0].text_key == requests[1].text_key
    assert [entry.attempt for entry in requests] == [1, 2]


def test_usage_adds_up_and_the_prefix_is_cached_the_second_time(fault_server: FaultServer) -> None:
    """Tokens are characters over four; the messages before the text are cached once they were seen."""
    responses = [ask(fault_server, text) for text in TEXTS[:3]]
    for response, text in zip(responses, TEXTS, strict=False):
        usage = response.json["usage"]
        assert usage["prompt_tokens"] == len(SYSTEM) // 4 + len(fenced(text)) // 4
        assert usage["completion_tokens"] == len(response.content) // 4
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    cached = [response.json["usage"]["prompt_tokens_details"]["cached_tokens"] for response in responses]
    assert cached == [0, len(SYSTEM) // 4, len(SYSTEM) // 4]
    counters = fault_server.log().counters
    assert counters.total_tokens == sum(response.json["usage"]["total_tokens"] for response in responses)
    assert counters.cached_tokens == sum(cached)


def test_an_answer_longer_than_max_tokens_is_cut(fault_server: FaultServer) -> None:
    """As at a real server: the beginning of the answer, and finish_reason length."""
    whole = ask(fault_server, "text").content
    response = ask(fault_server, question("text", max_tokens=5))
    assert response.content == whole[:20]
    assert response.choice["finish_reason"] == "length"
    assert ask(fault_server, question("text", max_completion_tokens=5000)).content == whole


def test_without_a_schema_there_are_words(fault_server: FaultServer) -> None:
    """Plain text by default, an object when only that is asked for."""
    assert ask(fault_server, question("text", None)).content.replace(" ", "").isalpha()
    asked = question("text", None, response_format={"type": "json_object"})
    assert "answer" in json.loads(ask(fault_server, asked).content)


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": []},
        {"model": "m", "messages": "text"},
        {"model": "m", "messages": [{"role": "system", "content": "only"}]},
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True},
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_schema"}},
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 0},
    ],
)
def test_a_malformed_request_is_a_400(fault_server: FaultServer, asked: dict[str, Any]) -> None:
    """With OpenAI's error body."""
    response = ask(fault_server, asked)
    assert response.status == 400
    assert response.error["type"] == "invalid_request_error"


def test_a_body_that_is_no_json_is_a_400(fault_server: FaultServer) -> None:
    """Nothing that a client sends ends the server."""
    for body in (b"", b"{", b"[]", b"\xff\xfe", b"[" * 200_000):
        assert send(fault_server, "POST", "/v1/chat/completions", body).status == 400
    assert ask(fault_server, "text").status == 200


def test_models_are_listed_and_unknown_ones_refused() -> None:
    """Only where the plan names its models."""
    with FaultServer(Plan(models=("test-model", "other"))) as server:
        assert [card["id"] for card in send(server, "GET", "/v1/models").json["data"]] == ["test-model", "other"]
        assert send(server, "GET", "/v1/models/other").json["id"] == "other"
        assert send(server, "GET", "/v1/models/gone").status == 404
        assert ask(server, "text").status == 200
        response = ask(server, question("text", model="gone"))
        assert (response.status, response.error["code"]) == (404, "model_not_found")


def test_the_key_is_required_where_the_plan_has_one() -> None:
    """401 in OpenAI's words for chat and models, and the log says who had none; the key is nowhere in it."""
    with FaultServer(Plan(api_key="sk-test-canary")) as server:
        assert ask(server, "text").status == 200
        server.set_plan(Plan(api_key="another"))
        response = ask(server, "text")
        assert (response.status, response.error["code"]) == (401, "invalid_api_key")
        assert send(server, "GET", "/v1/models").status == 401
        assert [entry.authorized for entry in server.log().requests] == [False, False]
        assert b"sk-test-canary" not in send(server, "GET", "/_log").body


def test_an_unknown_path_is_a_404(fault_server: FaultServer) -> None:
    """Also under the control paths."""
    assert send(fault_server, "GET", "/v1/chat/completions").status == 404
    assert send(fault_server, "POST", "/v1/embeddings").status == 404
    assert send(fault_server, "POST", "/_nothing").status == 404


def _user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}
