"""JSON that models wrap is taken out of its wrapping; nothing is repaired, nothing is guessed."""

import json

import pytest

from include.answer.structured_output import StrictAnswer, parse_answer
from include.answer.unwrap import Unwrapped, one_level_down, unwrap
from include.errors import Quarantine
from tests.linear_time import LONG_TEXT, in_linear_time

JSON = '{"mood": "good", "why": "a \\"{x}\\" and </b>", "parts": [{"n": 1}, {"n": 2}]}'
DRAFT = '{"mood": "bad"}'


@pytest.mark.parametrize(
    ("content", "stood"),
    [
        (f"```json\n{JSON}\n```", "in a code fence"),
        (f"```\n{JSON}```", "in a code fence"),
        (f"```JSON {JSON}", "in a code fence"),
        (f"Sure, here it is:\n```json\n{JSON}\n```\nAnything else?", "in a code fence"),
        (f"Here it is: {JSON}", "among other words"),
        (f"{JSON}\n\nI chose {{good}} and {{}} for it.", "among other words"),
        (f"{JSON}<|im_end|>", "among other words"),
        (f"{JSON}}}", "among other words"),
        (f"\ufeff{JSON}", "among other words"),
        (f"<think>\nHm. {DRAFT}?\n</think>\n\n{JSON}", "behind a thought"),
        (f"<think></think>{JSON}", "behind a thought"),
        (f"<thinking>{DRAFT}</thinking>{JSON}", "behind a thought"),
        (f"<thought>{DRAFT}</thought>{JSON}", "behind a thought"),
        (f"<seed:think>{DRAFT}</seed:think>{JSON}", "behind a thought"),
        (f"Hm. {DRAFT}?\n</think>\n\nSo: {JSON}", "behind a thought"),
        (f"<think>Hm.</think>\n```json\n{JSON}\n```", "in a code fence"),
        (f"<think>One.</think><think>Two. {DRAFT}</think>{JSON}", "behind a thought"),
        (f"<think>Hm.</think>{JSON}<think>Was {DRAFT} better?", "behind a thought"),
        (f"[THINK]{DRAFT}[/THINK]{JSON}", "behind a thought"),
        (
            f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant"
            f"<|channel|>final <|constrain|>json<|message|>{JSON}<|return|>",
            "behind a thought",
        ),
        (f"analysisWe need JSON. {DRAFT}assistantfinal{JSON}", "behind a thought"),
        (f"<|channel>thought\n{DRAFT}<channel|>{JSON}", "behind a thought"),
        (json.dumps(JSON), "in a JSON string"),
        (f"\n{json.dumps(JSON)}\n", "in a JSON string"),
    ],
)
def test_one_object_is_found_whatever_is_around_it(content: str, stood: str) -> None:
    assert unwrap(content) == Unwrapped(JSON, stood)


@pytest.mark.parametrize(
    "content",
    [
        # JSON already, whatever it is.
        JSON,
        f" {JSON}\n",
        f"[{JSON}]",
        "3",
        json.dumps("a sentence"),
        json.dumps(f"Here: {JSON}"),
        '{"mood": "</think>{\\"mood\\": 1}"}',
        # More than one, or another one that may have been meant.
        f"{DRAFT}\n{JSON}",
        f"{JSON}\n{JSON}",
        f"```json\n{DRAFT}\n```\nor\n```json\n{JSON}\n```",
        f'{{"mood": "go...\n\n{JSON}',
        f'{JSON}\n{{"mood": "go',
        # Cut, or broken: nothing is repaired, and a part of it is no answer.
        f"```json\n{JSON[:-9]}\n```",
        '```json\n{"holder": {"mood": "good"}, "why": oops}\n```',
        "{'mood': 'good'}",
        '{"mood": NaN}',
        # A thought is no answer, also where none follows.
        f"<think>{JSON}",
        f"<think>{JSON}</think>",
        f"{JSON}</think>",
        f"{JSON}</think>I cannot say.",
        f"<think>Hm.</think>I cannot say.<think>{JSON}",
        f"<|channel|>analysis<|message|>{JSON}<|end|>",
        f"<|channel|>commentary<|message|>{JSON}<|end|>",
        f"analysisWe need JSON. {JSON}",
        "",
        "I cannot say.",
        "{}",
    ],
)
def test_nothing_is_guessed(content: str) -> None:
    assert unwrap(content) is None


@pytest.mark.parametrize(
    "content",
    [
        '{"a":' * LONG_TEXT,
        "[" * LONG_TEXT,
        "{ " * LONG_TEXT,
        "{" + " " * LONG_TEXT,
        'x{"' + "a" * LONG_TEXT,
        'x{"a":"' + '{\\"' * LONG_TEXT,
        'x{"a":' + "9" * LONG_TEXT + "}",
        "</think>" * LONG_TEXT,
        "<think>" * LONG_TEXT,
        "</" + "a" * LONG_TEXT + ":think>",
        "<|channel|>" + " " * LONG_TEXT,
        '"' + "\\\\" * LONG_TEXT,
    ],
)
def test_hostile_answers_are_searched_in_linear_time(content: str) -> None:
    with in_linear_time():
        assert unwrap(content) is None


@pytest.mark.parametrize("depth", [100, 300, 900, 100_000])
def test_brackets_without_end_are_no_answer_and_no_trouble(depth: int) -> None:
    brackets = "[" * depth + "]" * depth
    assert one_level_down(f'{{"answer": {{"a": {brackets}}}}}') == (f'{{"a":{brackets}}}' if depth == 100 else None)


class Answer(StrictAnswer):
    """Of one field."""

    number: int


@pytest.mark.parametrize("inner", ['{"number": NaN}', '{"number": "3"}', '{"number": 3, "more": 1}', '{"number": 3.5}'])
def test_what_is_unwrapped_is_judged_as_strictly_as_what_was_not(inner: str) -> None:
    unwrapped = unwrap(f"```json\n{inner}\n```")
    assert unwrapped is not None
    reasons = []
    for content in (inner, unwrapped.json):
        with pytest.raises(Quarantine) as caught:
            parse_answer(Answer, content, [])
        reasons.append((caught.value.error_type, caught.value.message))
    assert reasons[0] == reasons[1]
