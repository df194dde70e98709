"""What a night's tickets must fulfil besides what the answer model says."""

from great_expectations import expectations as expect
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

FIELDS_THAT_VARY = ("category", "priority")


def expectations() -> dict[str, list[Expectation]]:
    """By table. Without its sentence nobody can check the alarm, but the ticket itself is still worth reading."""
    return {
        "records": [
            expect.ExpectColumnValuesToNotBeNull(
                column="escalation_quote",
                row_condition=Column("escalation_risk") == "high",
                severity=FailureSeverity.WARNING,
                meta={"says": "a ticket of high escalation_risk must have an escalation_quote"},
            ),
        ]
    }
