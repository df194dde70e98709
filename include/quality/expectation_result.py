"""What one Great Expectations expectation said of one run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExpectationResult:
    """One line of the quality section.

    Args:
        table: `records`, `shares`, or the list field whose items were looked at.
        expectation: in words, such as "sentiment: values to be in set".
        severity: `critical` or `warning`.
        success: whether it held.
        unexpected_count: failing rows; None for an expectation about the whole table.
        observed: what was seen instead, if it says.
    """

    table: str
    expectation: str
    severity: str
    success: bool
    unexpected_count: int | None
    observed: str | None
