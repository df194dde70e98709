"""What a night's tickets must fulfil before analysts see them."""

import typing

import great_expectations as gx
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

from include.pipelines.support_tickets.output import (
    LANGUAGE_PATTERN,
    MAX_AREA_LENGTH,
    MAX_SENTENCE_LENGTH,
    Category,
    EscalationRisk,
    Priority,
    Sentiment,
)

CRITICAL, WARNING = FailureSeverity.CRITICAL, FailureSeverity.WARNING
CLOSED_SETS = {"category": Category, "priority": Priority, "sentiment": Sentiment, "escalation_risk": EscalationRisk}
# A night in which nearly all tickets get one label is a broken prompt or an outage; both need a person's look.
MAX_SHARE = 0.9


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
            column="problem", min_value=1, max_value=MAX_SENTENCE_LENGTH, severity=CRITICAL
        ),
        expect.ExpectColumnValueLengthsToBeBetween(column="request", max_value=MAX_SENTENCE_LENGTH, severity=CRITICAL),
        expect.ExpectColumnValueLengthsToBeBetween(
            column="product_area", min_value=1, max_value=MAX_AREA_LENGTH, severity=CRITICAL
        ),
        expect.ExpectColumnValuesToBeInSet(column="escalation_quote_in_text", value_set=[True], severity=CRITICAL),
        # Without its sentence nobody can check the alarm, but the ticket itself is still worth reading.
        expect.ExpectColumnValuesToNotBeNull(
            column="escalation_quote", row_condition=Column("escalation_risk") == "high", severity=WARNING
        ),
    ]


def _shares(severity: FailureSeverity) -> list[gx.expectations.Expectation]:
    return [
        gx.expectations.ExpectColumnMaxToBeBetween(
            column="share", max_value=MAX_SHARE, row_condition=Column("field") == field, severity=severity
        )
        for field in ("category", "priority")
    ]
