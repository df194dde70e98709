"""A plan's rules: which calls they hold for, and what they do then."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.fault_server import FaultServer, Plan, Rule
from tests.fault_server.__main__ import parse_arguments, plan_of
from tests.fault_server.chat_request import ChatRequest, parse_chat_request
from tests.fault_server.script import Script
from tests.fault_server_test.asking import ask, question, send


def chat(text: str) -> ChatRequest:
    """A parsed question."""
    return parse_chat_request(json.dumps(question(text)).encode(), api_key=None)


def statuses(server: FaultServer, texts: list[str]) -> list[int]:
    """The statuses of one question a text."""
    return [ask(server, text).status for text in texts]


def test_a_marker_in_the_text_decides(fault_server: FaultServer) -> None:
    """Only that text fails, and an example in the prompt with the marker in it changes nothing."""
    fault_server.set_plan(Plan(rules=(Rule(fault="500", marker="refund"),)))
    assert statuses(fault_server, ["I want a refund.", "All is well."]) == [500, 200]
    asked = question("All is well.")
    asked["messages"].insert(1, {"role": "user", "content": "I want a refund. FAULT:500"})
    assert ask(fault_server, asked).status == 200


def test_the_number_of_the_call_decides(fault_server: FaultServer) -> None:
    """Calls two and three fail, whatever their text."""
    fault_server.set_plan(Plan(rules=(Rule(fault="503", calls=(2, 3)),)))
    assert statuses(fault_server, ["a", "b", "c", "d"]) == [200, 503, 503, 200]


def test_a_fault_may_be_over_after_the_first_time_for_each_text(fault_server: FaultServer) -> None:
    """Each text fails once; the re-ask, which has more messages, succeeds."""
    fault_server.set_plan(Plan(rules=(Rule(fault="500", times=1),)))
    assert statuses(fault_server, ["a", "b", "a", "b"]) == [500, 500, 200, 200]
    first = question("c")
    again = {**first, "messages": [*first["messages"], {"role": "user", "content": "Again, please."}]}
    assert [ask(fault_server, asked).status for asked in (first, again)] == [500, 200]


def test_rules_follow_each_other(fault_server: FaultServer) -> None:
    """The first that holds decides: a 500, then a 429, then an answer."""
    fault_server.set_plan(Plan(rules=(Rule(fault="500", times=1), Rule(fault="429", times=1))))
    assert statuses(fault_server, ["a", "a", "a"]) == [500, 429, 200]


def test_a_span_of_time_decides() -> None:
    """A storm of a minute."""
    times = iter([1000.0, 1000.0, 1009.9, 1010.0, 1069.9, 1070.0])
    script = Script(Plan(rules=(Rule(fault="429", seconds=(10, 70)),)), clock=lambda: next(times))
    seen = [script.reply(chat("text"), call=1, attempt=1)[1] for _ in range(5)]
    assert seen == [None, None, "429", "429", None]


def test_a_probability_is_a_function_of_seed_text_and_attempt() -> None:
    """About the share that was asked for; the order of the calls changes nothing, another seed or attempt does."""

    def failed(seed: int, attempt: int, order: int = 1) -> set[int]:
        script = Script(Plan(rules=(Rule(fault="500", probability=0.25),), seed=seed))
        return {
            number
            for number in range(400)[::order]
            if script.reply(chat(f"Text {number}"), call=1, attempt=attempt)[1] is not None
        }

    assert 70 < len(failed(0, 1)) < 130
    assert failed(0, 1) == failed(0, 1, order=-1)
    assert failed(0, 1) != failed(1, 1)
    assert failed(0, 1) != failed(0, 2)


@pytest.mark.parametrize(
    ("answer", "content"),
    [("just words", "just words"), ({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'), ([1], "[1]"), (0, "0")],
)
def test_a_literal_answer_is_given(answer: Any, content: str, fault_server: FaultServer) -> None:
    """A string as it is, anything else as JSON; it counts as a good answer."""
    fault_server.set_plan(Plan(rules=(Rule(answer=answer, marker="literal"),)))
    assert ask(fault_server, "literal").content == content
    assert fault_server.counters().answered_ok == 1


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"fault": "lenght"}, "There is no fault 'lenght'"),
        ({"fault": "429_retry_after", "settings": {"minutes": 1}}, "has no setting 'minutes'. It has: seconds"),
        ({"fault": "429_retry_after", "settings": {"seconds": "soon"}}, "is like 2, not 'soon'"),
        ({"fault": "429", "probability": 2}, "less than or equal to 1"),
        ({"fault": "429", "when": "now"}, "Extra inputs"),
        ({}, "either a fault or an answer"),
        ({"fault": "429", "answer": "x"}, "either a fault or an answer"),
    ],
)
def test_a_wrong_plan_is_refused_where_it_is_written(
    rule: dict[str, Any], message: str, fault_server: FaultServer
) -> None:
    """In Python as well as over HTTP, and the old plan goes on."""
    with pytest.raises(ValidationError, match=message):
        Rule.model_validate(rule)
    response = send(fault_server, "POST", "/_plan", json.dumps({"rules": [rule]}).encode())
    assert response.status == 400
    assert message in response.error["message"]
    assert ask(fault_server, "text").status == 200


def test_a_plan_survives_the_wire(fault_server: FaultServer) -> None:
    """What `GET /_plan` says is what was set."""
    plan = Plan(
        rules=(Rule(fault="429_retry_after", settings={"seconds": 3}, calls=(1, 5), seconds=(0, 60), probability=0.5),),
        latency_seconds=(0.05, 0.1),
        models=("m",),
        seed=7,
    )
    fault_server.set_plan(plan)
    assert Plan.model_validate_json(send(fault_server, "GET", "/_plan").body) == plan


def test_the_command_line_makes_the_same_plan(tmp_path: Any) -> None:
    """Options add to a plan file."""
    path = tmp_path / "plan.json"
    path.write_text('{"rules": [{"fault": "hang", "marker": "x"}], "seed": 3}')
    words = (
        "--fault 429_retry_after:probability=0.1,seconds=7 --fault 503:calls=5-9 --fault 429:seconds=0-60,times=1 "
        "--latency 0.05-0.1 --api-key k --model a --model b --requests-per-minute 600 --tokens-per-minute 1000 "
        "--requests-per-second 10 --window fixed --retry-after 5 --rate-headers --seed 9"
    )
    plan = plan_of(parse_arguments(["--plan", str(path), *words.split()]))
    assert plan == Plan.model_validate(
        {
            "rules": [
                {"fault": "hang", "marker": "x"},
                {"fault": "429_retry_after", "probability": 0.1, "settings": {"seconds": 7}},
                {"fault": "503", "calls": [5, 9]},
                {"fault": "429", "seconds": [0, 60], "times": 1},
            ],
            "latency_seconds": [0.05, 0.1],
            "api_key": "k",
            "models": ["a", "b"],
            "limits": [
                {"requests": 600, "tokens": 1000, "window": "fixed", "retry_after_seconds": 5},
                {"requests": 10, "per_seconds": 1, "window": "fixed", "retry_after_seconds": 5},
            ],
            "rate_headers": True,
            "seed": 9,
        }
    )
