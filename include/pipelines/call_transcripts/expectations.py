"""What a night's calls must fulfil besides what the answer model says."""

from great_expectations import expectations as expect
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

FIELDS_THAT_VARY = ("reason_category", "outcome")


def expectations() -> dict[str, list[Expectation]]:
    """By table. An outcome beside its actions is for people to judge; the call itself is still worth reading."""
    return {
        "records": [
            expect.ExpectColumnValuesToBeBetween(
                column="action_items_elements",
                min_value=1,
                row_condition=Column("outcome") == "follow_up",
                severity=FailureSeverity.WARNING,
                meta={"says": "a call that is to be followed up must have an action"},
            ),
        ]
    }
