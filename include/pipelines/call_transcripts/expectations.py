"""What a night's calls must fulfil before analysts see them."""

import typing

import great_expectations as gx
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

from include.pipelines.call_transcripts.output import (
    LANGUAGE_PATTERN,
    MAX_ACTION_LENGTH,
    MAX_REASON_LENGTH,
    MAX_SUMMARY_LENGTH,
    Outcome,
    Owner,
    ReasonCategory,
    Sentiment,
)

CRITICAL, WARNING = FailureSeverity.CRITICAL, FailureSeverity.WARNING
CLOSED_SETS = {
    "reason_category": ReasonCategory,
    "outcome": Outcome,
    "customer_sentiment_start": Sentiment,
    "customer_sentiment_end": Sentiment,
}
# A night in which nearly all calls get one label is a broken prompt or an outage; both need a person's look.
MAX_SHARE = 0.9


def expectations(blocking: bool) -> dict[str, list[gx.expectations.Expectation]]:
    """The suite, by table.

    Args:
        blocking: whether a skewed distribution stops the publish; else it only warns.
    """
    return {
        "records": _records(),
        "action_items": _action_items(),
        "shares": _shares(CRITICAL if blocking else WARNING),
    }


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
            column="summary", min_value=1, max_value=MAX_SUMMARY_LENGTH, severity=CRITICAL
        ),
        expect.ExpectColumnValueLengthsToBeBetween(
            column="reason", min_value=1, max_value=MAX_REASON_LENGTH, severity=CRITICAL
        ),
    ]


def _action_items() -> list[gx.expectations.Expectation]:
    return [
        gx.expectations.ExpectColumnValuesToNotBeNull(column="record_id", severity=CRITICAL),
        gx.expectations.ExpectColumnValuesToBeInSet(
            column="owner", value_set=list(typing.get_args(Owner)), severity=CRITICAL
        ),
        gx.expectations.ExpectColumnValueLengthsToBeBetween(
            column="action", min_value=1, max_value=MAX_ACTION_LENGTH, severity=CRITICAL
        ),
    ]


def _shares(severity: FailureSeverity) -> list[gx.expectations.Expectation]:
    return [
        gx.expectations.ExpectColumnMaxToBeBetween(
            column="share", max_value=MAX_SHARE, row_condition=Column("field") == field, severity=severity
        )
        for field in ("reason_category", "outcome")
    ]
