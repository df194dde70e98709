"""What a night's survey answers must fulfil besides what the answer model says."""

from great_expectations import expectations as expect
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

# Most answers weigh little, so `weight` may well be one-sided.
FIELDS_THAT_VARY = ("kind", "theme", "sentiment")


def expectations() -> dict[str, list[Expectation]]:
    """By table. Nobody loses an answer by labels that contradict each other; somebody should look at the prompt."""
    says_nothing = Column("kind") == "no_answer"
    return {
        "records": [
            expect.ExpectColumnValuesToNotBeNull(
                column="quote",
                row_condition=Column("kind") != "no_answer",
                severity=FailureSeverity.WARNING,
                meta={"says": "quote must be there for every kind but no_answer"},
            ),
            expect.ExpectColumnValuesToBeInSet(
                column="suggestion",
                value_set=[""],
                row_condition=says_nothing,
                severity=FailureSeverity.WARNING,
                meta={"says": "suggestion must be empty for kind no_answer"},
            ),
            expect.ExpectColumnValuesToBeInSet(
                column="weight",
                value_set=["low"],
                row_condition=says_nothing,
                severity=FailureSeverity.WARNING,
                meta={"says": "weight must be low for kind no_answer"},
            ),
        ]
    }
