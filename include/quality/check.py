"""What one expectation has found in all parts of a run."""

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.quality.expectation_result import ExpectationResult

# Enough to look one up in the quarantine table.
EXAMPLES = 5


@dataclass
class Check:
    """One expectation. Values of the rows are no part of it.

    Args:
        table: `records`, `shares`, or a list field.
        says: the expectation for people.
        field: what it looks at, such as `feedback.topic`.
        severity: `critical` or `warning`.
        expected: its arguments.
        broken: why it could not run.
        rows, missing: rows that it has looked at, and values that were null; None for one about a whole table.
        unexpected: rows that fail; None for one about a whole table.
        observed: the number that was seen, of one about a whole table.
        examples: some of the record ids that fail.
    """

    table: str
    says: str
    field: str | None
    severity: str
    expected: Mapping[str, Any]
    success: bool = True
    broken: str | None = None
    rows: int | None = None
    missing: int | None = None
    unexpected: int | None = None
    observed: float | None = None
    examples: Sequence[str] = ()

    @property
    def is_critical(self) -> bool:
        """Whether what fails it is not published."""
        return self.severity == "critical"

    @property
    def failing_share(self) -> float | None:
        """Of the values that are not null, those that fail (0 to 1)."""
        values = (self.rows or 0) - (self.missing or 0)
        return None if self.unexpected is None or not values else self.unexpected / values

    @property
    def suite_failure(self) -> str | None:
        """Why it stops the publish: it could not run, or a critical one about a whole table did not hold."""
        if self.broken:
            # An expectation that cannot run proves nothing, so it must not pass as one that held.
            return f"{self.says} (could not run: {self.broken})"
        if self.success or not self.is_critical or self.examples:
            return None
        return f"{self.says} ({'there was none' if self.observed is None else f'observed {self.observed:.3g}'})"

    @property
    def result(self) -> ExpectationResult:
        """For the report."""
        observed = None if self.observed is None else f"{self.observed:.3g}"
        return ExpectationResult(
            self.table, self.says, self.severity, self.success, self.unexpected, observed, self.field
        )

    def add(self, outcome: Any, record_ids: Sequence[str]) -> None:
        """Take in what Great Expectations has found in one part."""
        found = outcome.result
        self.success &= bool(outcome.success)
        self.broken = self.broken or _exception_of(outcome.exception_info)
        self.rows = _plus(self.rows, found.get("element_count"))
        self.missing = _plus(self.missing, found.get("missing_count"))
        self.unexpected = _plus(self.unexpected, found.get("unexpected_count"))
        # Lists of values are customers' words and the model's.
        if isinstance(found.get("observed_value"), numbers.Real):
            self.observed = float(found["observed_value"])
        self.examples = [*self.examples, *record_ids][:EXAMPLES]


def _exception_of(info: Mapping[str, Any]) -> str | None:
    for part in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if part.get("raised_exception"):
            return str(part.get("exception_message"))[:300]
    return None


def _plus(so_far: int | None, found: int | None) -> int | None:
    return so_far if found is None else (so_far or 0) + int(found)
