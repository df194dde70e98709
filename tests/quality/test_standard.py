"""The standard expectations say what the answer model says, each in one sentence."""

from enum import Enum
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
from great_expectations import expectations as expect
from pydantic import Field

from include.answer.closed_sets import ClosedSet, closed_sets, closed_values
from include.answer.structured_output import QuotedSentence, StrictAnswer
from include.errors import ConfigurationError
from include.quality.frames import row_frames
from include.quality.suites import Suites
from tests.quality.judging import table_of


class Mood(Enum):
    """A closed set may be an enumeration."""

    GOOD = "good"
    BAD = "bad"


class Point(StrictAnswer):
    """An element of a list."""

    quote: QuotedSentence | None
    topic: Literal["room", "food"] | None


class Odd(StrictAnswer):
    """All kinds of fields."""

    mood: Mood
    code: str = Field(pattern="^[a-z]{2}$")
    note: str = Field(min_length=2, max_length=4)
    score: int | None
    tags: list[Literal["new", "old"]] = Field(min_length=1)
    names: list[Annotated[str, Field(max_length=3)]]
    points: list[Point] = Field(max_length=1)


GOOD: dict[str, Any] = {
    "text": "Bad room. Good food.",
    "mood": "bad",
    "code": "en",
    "note": "none",
    "score": None,
    "tags": ["new"],
    "names": [],
    "points": [{"quote": "Bad room.", "topic": "room"}],
}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"mood": "sad"}, "mood must be one of good, bad"),
    ({"mood": None}, "mood must not be null"),
    ({"code": "eng"}, "code must match ^[a-z]{2}$"),
    ({"note": "n"}, "note must have 2 to 4 characters"),
    ({"tags": []}, "tags must have at least 1 elements"),
    ({"tags": ["new", "used"]}, "tags must be one of new, old"),
    ({"names": ["Anna"]}, "names must have at most 3 characters"),
    ({"names": None}, "names must not be null"),
    ({"points": [{"quote": None, "topic": None}] * 2}, "points must have at most 1 elements"),
    ({"points": [{"quote": "Bad food.", "topic": None}]}, "points.quote must stand in the text word for word"),
    ({"points": [{"quote": None, "topic": "staff"}]}, "points.topic must be one of room, food"),
    ({"text": ""}, "text must not be empty"),
]


def own(varying: tuple[str, ...] = (), **rules: Any) -> SimpleNamespace:
    """A pipeline's `expectations.py`."""
    return SimpleNamespace(__name__="expectations", FIELDS_THAT_VARY=varying, expectations=lambda: rules)


def test_each_rule_of_the_model_fails_what_breaks_it_and_nothing_else() -> None:
    rows = [GOOD, *({**GOOD, **changes} for changes, _ in BAD)]
    # A quote is in no empty text.
    rows[-1]["points"] = []
    frames = row_frames(table_of(Odd, rows), Odd)
    frames["records"]["record_id_once"] = True
    failing: dict[str, list[str]] = {}
    for suite in Suites(Odd, own()).of_rows:
        for record_id, sentences in suite.judge(frames[suite.table]).items():
            failing.setdefault(record_id, []).extend(sentences)
    assert failing == {str(number): [sentence] for number, (_, sentence) in enumerate(BAD, 1)}


def test_closed_sets_are_found_wherever_they_stand() -> None:
    assert closed_sets(Odd) == [
        ClosedSet(None, "mood", ("good", "bad")),
        ClosedSet("tags", "tags", ("new", "old")),
        ClosedSet("points", "topic", ("room", "food")),
    ]
    assert [closed.label for closed in closed_sets(Odd)] == ["mood", "tags", "points.topic"]


@pytest.mark.parametrize("annotation", [str, str | None, Literal["a"] | str, bool, list[Literal["a"]]])
def test_what_allows_any_word_is_no_closed_set(annotation: Any) -> None:
    assert closed_values(annotation) == ()


def test_an_expectation_without_a_sentence_is_refused() -> None:
    rule = expect.ExpectColumnValuesToNotBeNull(column="score")
    with pytest.raises(ConfigurationError, match="no sentence"):
        Suites(Odd, own(records=[rule]))


@pytest.mark.parametrize("wrong", [own(("note",)), own(record=[])])
def test_a_field_or_a_table_that_is_none_is_refused(wrong: SimpleNamespace) -> None:
    """Else nobody would notice that it is never judged."""
    with pytest.raises(ConfigurationError, match=r"expectations speaks of (note|record)\."):
        Suites(Odd, wrong)
