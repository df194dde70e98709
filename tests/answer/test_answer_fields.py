"""The schema of an answer, as people read it."""

from typing import Annotated, Literal

from pydantic import Field

from include.answer.answer_fields import AnswerField, answer_fields
from include.answer.structured_output import QuotedSentence, StrictAnswer


class Point(StrictAnswer):
    """One point."""

    kind: Literal["bug", "praise"] = Field(description="bug: does not work. praise: likes it.")
    quote: QuotedSentence | None


class Answer(StrictAnswer):
    """A whole answer."""

    summary: str = Field(max_length=80, description="What it is about, such as 'login'. Never a name.")
    mood: Literal["good", "bad"] = Field(description="How it sounds. good: happy.")
    stars: int | None
    is_spam: bool
    words: list[Annotated[str, Field(max_length=9)]] = Field(max_length=3)
    points: list[Point] = Field(description="Every point.")


def test_each_field_has_a_line_with_its_type_or_values_and_what_it_is() -> None:
    assert list(answer_fields(Answer)) == [
        AnswerField("summary", "text, at most 80 characters", "What it is about, such as 'login'."),
        AnswerField("mood", "one of good, bad", "How it sounds."),
        AnswerField("stars", "whole number, or nothing", ""),
        AnswerField("is_spam", "true or false", ""),
        AnswerField("words", "list of text, at most 3", ""),
        AnswerField("points", "list", "Every point."),
        AnswerField("points.kind", "one of bug, praise", "bug: does not work. praise: likes it."),
        AnswerField("points.quote", "a sentence of the text, verbatim, or nothing", ""),
    ]
