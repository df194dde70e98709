"""What one Great Expectations expectation said of one run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExpectationResult:
    """One line of the quality section.

    Args:
        table: `records`, `shares`, or the list field whose items were looked at.
        expectation: its sentence, such as "sentiment must be one of positive, neutral, negative, mixed".
        severity: `critical` or `warning`.
        success: whether it held.
        unexpected_count: failing rows; None for an expectation about the whole table.
        observed: what was seen instead, if it says.
        field: what it looks at, such as `feedback.topic`; None where that is no one field.
    """

    table: str
    expectation: str
    severity: str
    success: bool
    unexpected_count: int | None
    observed: str | None
    field: str | None = None
