"""Once a run is planned an endpoint may teach another spelling of its question, and never another question."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.errors import EndpointUnusable
from tests.llm.asking import answer_texts, question_for
from tests.llm.speaking import Model, Speaker
from tests.servers.provider import Answer, Asked

TEXTS = [f"Text {number} is fine." for number in range(12)]
VALID = {"mood": "good", "summary": "Fine.", "quote": 1}
IN_FLIGHT = 4


@pytest.mark.parametrize("tells_param", [True, False])
def test_another_spelling_is_learned_once_for_the_shard_and_no_key_changes(tmp_path: Path, tells_param: bool) -> None:
    model = Model("max_completion_tokens", temperature=False, content=VALID, tells_param=tells_param)
    with Speaker(model) as server:
        entries = answer_texts(server, tmp_path, TEXTS, in_flight=IN_FLIGHT)
        assert [entries[text].answer for text in TEXTS] == [{**VALID, "quote": text} for text in TEXTS]
        bodies = [json.loads(asked.body) for asked in server.asked]
        assert bodies[-1].keys() == {"model", "max_completion_tokens", "response_format", "messages"}
        assert len(bodies) <= len(TEXTS) + 2 * IN_FLIGHT
        assert {entry.key for entry in entries.values()} == {question_for(server).key(text) for text in TEXTS}


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("response_format", "'response_format' of type 'json_schema' is not supported with this model."),
        ("response_format.json_schema.strict", "Unknown parameter: 'response_format.json_schema.strict'."),
        (None, "Unsupported parameter: reasoning_effort"),
    ],
)
def test_another_question_is_never_asked_and_the_run_stops_in_the_providers_words(
    tmp_path: Path, param: str | None, message: str
) -> None:
    def refuse(asked: Asked) -> Answer:
        return Answer(400, {"error": {"message": message, "param": param, "code": None}})

    with Speaker(refuse) as server:
        with pytest.raises((EndpointUnusable, ExceptionGroup)) as caught:
            answer_texts(server, tmp_path, TEXTS, in_flight=IN_FLIGHT)
        assert message in "".join(_messages(caught.value))
        kinds = {json.dumps({**json.loads(asked.body), "messages": []}) for asked in server.asked}
        assert len(kinds) == 1


def test_a_text_that_speaks_of_parameters_teaches_nothing_to_others(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if b"unsupported" in asked.body:
            return Answer(400, {"error": {"message": "Flagged: unsupported 'max_tokens'", "param": "messages"}})
        return Model("max_tokens", content=VALID)(asked)

    with Speaker(answer) as server:
        poisoned = "Why is 'max_tokens' unsupported?"
        entries = answer_texts(server, tmp_path, [*TEXTS, poisoned], in_flight=IN_FLIGHT)
        assert [entries[text].answer is None for text in [*TEXTS, poisoned]] == [False] * 12 + [True]


def _messages(error: BaseException) -> list[Any]:
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else []
    return [str(error), *(message for each in inner for message in _messages(each))]
