"""What a night's survey answers must fulfil before analysts see them."""

import typing

import great_expectations as gx
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

from include.pipelines.survey_answers.output import (
    LANGUAGE_PATTERN,
    MAX_SENTENCE_LENGTH,
    Kind,
    Sentiment,
    Theme,
    Weight,
)

CRITICAL, WARNING = FailureSeverity.CRITICAL, FailureSeverity.WARNING
CLOSED_SETS = {"kind": Kind, "theme": Theme, "sentiment": Sentiment, "weight": Weight}
# A night in which nearly all answers get one label is a broken prompt or an outage; both need a person's look. Most
# answers weigh little, so `weight` may well be one-sided.
MAX_SHARE = 0.9
FIELDS_THAT_VARY = ("kind", "theme", "sentiment")


def expectations(blocking: bool) -> dict[str, list[gx.expectations.Expectation]]:
    """The suite, by table.

    Args:
        blocking: whether a skewed distribution stops the publish; else it only warns.
    """
    return {"records": _records(), "shares": _shares(CRITICAL if blocking else WARNING)}


def _records() -> list[gx.expectations.Expectation]:
    expect = gx.expectations
    return [
        expect.ExpectColumnValuesToNotBeNull(column="record_id", severity=CRITICAL),
        expect.ExpectColumnValuesToBeUnique(column="record_id", severity=CRITICAL),
        *(
            expect.ExpectColumnValuesToBeInSet(
                column=column, value_set=list(typing.get_args(values)), severity=CRITICAL
            )
            for column, values in CLOSED_SETS.items()
        ),
        expect.ExpectColumnValuesToMatchRegex(column="language", regex=LANGUAGE_PATTERN, severity=CRITICAL),
        expect.ExpectColumnValueLengthsToBeBetween(
            column="summary", min_value=1, max_value=MAX_SENTENCE_LENGTH, severity=CRITICAL
        ),
        expect.ExpectColumnValueLengthsToBeBetween(
            column="suggestion", max_value=MAX_SENTENCE_LENGTH, severity=CRITICAL
        ),
        expect.ExpectColumnValuesToBeInSet(column="quote_in_text", value_set=[True], severity=CRITICAL),
        # Without its sentence nobody can check the reading, but it is still worth counting.
        expect.ExpectColumnValuesToNotBeNull(
            column="quote", row_condition=Column("kind") != "no_answer", severity=WARNING
        ),
        # Something was said after all, or the label is wrong; either way nobody loses an answer by it.
        expect.ExpectColumnValuesToBeInSet(
            column="suggestion", value_set=[""], row_condition=Column("kind") == "no_answer", severity=WARNING
        ),
        expect.ExpectColumnValuesToBeInSet(
            column="weight", value_set=["low"], row_condition=Column("kind") == "no_answer", severity=WARNING
        ),
    ]


def _shares(severity: FailureSeverity) -> list[gx.expectations.Expectation]:
    return [
        gx.expectations.ExpectColumnMaxToBeBetween(
            column="share", max_value=MAX_SHARE, row_condition=Column("field") == field, severity=severity
        )
        for field in FIELDS_THAT_VARY
    ]
