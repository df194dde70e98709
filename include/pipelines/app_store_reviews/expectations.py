"""What a night's reviews must fulfil before analysts see them."""

import typing

import great_expectations as gx
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

from include.pipelines.app_store_reviews.output import (
    LANGUAGE_PATTERN,
    MAX_SUMMARY_LENGTH,
    MAX_TOPIC_OTHER_LENGTH,
    Kind,
    Sentiment,
    Severity,
    Topic,
)

CRITICAL, WARNING = FailureSeverity.CRITICAL, FailureSeverity.WARNING
ITEM_CLOSED_SETS = {"kind": Kind, "topic": Topic, "severity": Severity}
# A night in which nearly all reviews get one label is a broken prompt or an outage; both need a person's look.
MAX_SHARE = 0.9
FIELDS_THAT_VARY = ("sentiment", "feedback.kind", "feedback.topic")


def expectations(blocking: bool) -> dict[str, list[gx.expectations.Expectation]]:
    """The suite, by table.

    Args:
        blocking: whether a skewed distribution stops the publish; else it only warns.
    """
    return {"records": _records(), "feedback": _feedback(), "shares": _shares(CRITICAL if blocking else WARNING)}


def _records() -> list[gx.expectations.Expectation]:
    expect = gx.expectations
    return [
        expect.ExpectColumnValuesToNotBeNull(column="record_id", severity=CRITICAL),
        expect.ExpectColumnValuesToBeUnique(column="record_id", severity=CRITICAL),
        expect.ExpectColumnValueLengthsToBeBetween(column="text", min_value=1, severity=CRITICAL),
        expect.ExpectColumnValuesToBeInSet(
            column="sentiment", value_set=list(typing.get_args(Sentiment)), severity=CRITICAL
        ),
        expect.ExpectColumnValuesToMatchRegex(column="language", regex=LANGUAGE_PATTERN, severity=CRITICAL),
    ]


def _feedback() -> list[gx.expectations.Expectation]:
    expect = gx.expectations
    return [
        expect.ExpectColumnValuesToNotBeNull(column="record_id", severity=CRITICAL),
        *(
            expect.ExpectColumnValuesToBeInSet(
                column=column, value_set=list(typing.get_args(values)), severity=CRITICAL
            )
            for column, values in ITEM_CLOSED_SETS.items()
        ),
        expect.ExpectColumnValueLengthsToBeBetween(
            column="summary", min_value=1, max_value=MAX_SUMMARY_LENGTH, severity=CRITICAL
        ),
        expect.ExpectColumnValueLengthsToBeBetween(
            column="topic_other", max_value=MAX_TOPIC_OTHER_LENGTH, severity=CRITICAL
        ),
        expect.ExpectColumnValuesToNotBeNull(column="quote", severity=CRITICAL),
        expect.ExpectColumnValuesToBeInSet(column="quote_in_text", value_set=[True], severity=CRITICAL),
        # A label at the wrong place or missing is untidy; the point itself is still worth reading.
        expect.ExpectColumnValuesToBeInSet(
            column="topic_other", value_set=[""], row_condition=Column("topic") != "other", severity=WARNING
        ),
        expect.ExpectColumnValueLengthsToBeBetween(
            column="topic_other", min_value=1, row_condition=Column("topic") == "other", severity=WARNING
        ),
    ]


def _shares(severity: FailureSeverity) -> list[gx.expectations.Expectation]:
    return [
        gx.expectations.ExpectColumnMaxToBeBetween(
            column="share", max_value=MAX_SHARE, row_condition=Column("field") == field, severity=severity
        )
        for field in FIELDS_THAT_VARY
    ]
