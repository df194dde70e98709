"""What a report talks about is in the answer, or the pipeline is refused."""

import re
from dataclasses import replace
from typing import Any, Literal

import pytest

from include.answer.structured_output import QuotedSentence, StrictAnswer
from include.errors import ConfigurationError
from include.pipelines.definition import ReportFields
from include.pipelines.registry import load_pipeline

TICKETS = load_pipeline("support_tickets")


class Point(StrictAnswer):
    """One point."""

    theme: Literal["app", "other"]
    says: str
    quote: QuotedSentence | None


class Answer(StrictAnswer):
    """A whole answer."""

    topic: Literal["app", "other"]
    summary: str
    mood: Literal["positive", "negative"] | None
    feeling: Literal["happy", "positive"]
    weight: Literal["low", "high"]
    stars: Literal["1", "2"]
    points: list[Point]
    tags: list[str]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"sentiment": "mood"},
        {"severity": "weight"},
        {"kind": "stars", "request_kinds": ("1",), "defect_kinds": ("2",)},
        {"severity": "stars", "severity_order": ("1", "2")},
        {"items": "points", "topic": "theme", "summary": "says", "quote": "quote", "sentiment": "mood"},
    ],
)
def test_what_the_answer_has_can_be_reported(fields: dict[str, Any]) -> None:
    """Without a sentiment too, and of a set some values only."""
    assert ReportFields(**{"topic": "topic", "summary": "summary", **fields}).problems(Answer) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"topic": "subject"}, "topic='subject' is no field of the answer"),
        ({"actions": "todo"}, "actions='todo' is no field of the answer"),
        ({"sentiment": "severity"}, "sentiment='severity' is no field of the answer"),
        (
            {"sentiment": "weight"},
            "sentiment='weight' takes low, high, and may take positive, neutral, mixed",
        ),
        ({"sentiment": "feeling"}, "sentiment='feeling' takes happy, positive, and may take"),
        ({"sentiment": "summary"}, "sentiment='summary' takes any value"),
        ({"severity": "stars"}, "severity='stars' takes 1, 2, and may take low, medium, high only"),
        (
            {"severity": "weight", "severity_order": ("low",)},
            "severity='weight' takes low, high, and may take low",
        ),
        ({"kind": "stars", "defect_kinds": ("bug", "1")}, "defect_kinds name bug, which kind='stars' is never"),
        ({"request_kinds": ("wish",)}, "defect_kinds name wish, which kind=None is never"),
        ({"items": "lists"}, "items='lists' is no list of models"),
        ({"items": "tags"}, "items='tags' is no list of models"),
        ({"items": "points", "summary": "says"}, "topic='topic' is no field of points"),
    ],
)
def test_what_does_not_fit_stops_the_pipeline_and_names_the_file_and_the_way_out(
    fields: dict[str, Any], said: str
) -> None:
    wrong = ReportFields(**{"topic": "topic", "summary": "summary", **fields})
    with pytest.raises(ConfigurationError, match=re.escape(said)) as caught:
        replace(TICKETS, answer=Answer, report_fields=wrong)
    message = str(caught.value)
    assert "include/pipelines/support_tickets/pipeline.py" in message and "output.py" in message
    assert "`severity_order`" in message and "all but topic and summary" in message
