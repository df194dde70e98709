"""Data Docs: the page of one validation, safe to open and to forward, whole without a network."""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from include.pages.render import render

# Of an expectation's arguments, those that its sentence has said already.
_SAID = ("column", "column_A", "column_B", "column_list", "row_condition", "condition_parser", "batch_id")


@dataclass(frozen=True)
class Check:
    """One expectation and what Great Expectations found. Values of the rows are no part of it.

    Args:
        words: the expectation for people.
        broken: why it could not run.
    """

    words: str
    severity: str
    broken: str | None
    outcome: Any

    @property
    def success(self) -> bool:
        """Whether it held."""
        return bool(self.outcome.success)

    @property
    def expected(self) -> dict[str, Any]:
        """Its arguments."""
        given = self.outcome.expectation_config.kwargs.items()
        return {name.replace("_", " "): value for name, value in given if name not in _SAID and value is not None}

    def number(self, name: str) -> float | None:
        """A number of its result, None where it has none: lists of values are customers' words and the model's."""
        value = self.outcome.result.get(name)
        return float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else None


def data_docs_page(table: str, checks: Sequence[Check], report: str | None) -> str:
    """The page of one table.

    Args:
        table: name of the frame that was judged.
        report: link to the run's report from one folder above the page.
    """
    rows = max((number for check in checks if (number := check.number("element_count")) is not None), default=None)
    return render(
        "data_docs.html.j2",
        table=table,
        checks=sorted(checks, key=lambda check: (check.success, check.severity != "critical")),
        held=sum(check.success for check in checks),
        rows=rows,
        report=report,
        version=version("great-expectations"),
    )
