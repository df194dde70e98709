"""What a night's reviews must fulfil besides what the answer model says."""

from great_expectations import expectations as expect
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

FIELDS_THAT_VARY = ("sentiment", "feedback.kind", "feedback.topic")


def expectations() -> dict[str, list[Expectation]]:
    """By table. A label at the wrong place or missing is untidy; the point itself is still worth reading."""
    return {
        "feedback": [
            expect.ExpectColumnValuesToBeInSet(
                column="topic_other",
                value_set=[""],
                row_condition=Column("topic") != "other",
                severity=FailureSeverity.WARNING,
                meta={"says": "feedback.topic_other must be empty for every topic but other"},
            ),
            expect.ExpectColumnValueLengthsToBeBetween(
                column="topic_other",
                min_value=1,
                row_condition=Column("topic") == "other",
                severity=FailureSeverity.WARNING,
                meta={"says": "feedback.topic_other must name the topic where that is other"},
            ),
        ]
    }
