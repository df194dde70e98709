"""The suites of one pipeline: the standard expectations and its own ones. Importing this imports Great Expectations."""

from typing import Any

import great_expectations as gx
from pydantic import BaseModel

from include.answer.closed_sets import closed_sets
from include.errors import ConfigurationError
from include.quality.standard import row_suites, shares_suite
from include.quality.suite import Suite


class Suites:
    """Made once for all parts of a run, because that costs more than to judge a part.

    Args:
        answer: the pipeline's answer model.
        own: its `expectations.py`, which has `FIELDS_THAT_VARY` and, by table, its own `expectations()`.

    Raises:
        ConfigurationError: an expectation has no sentence, or there is no such field or table.
    """

    def __init__(self, answer: type[BaseModel], own: Any) -> None:
        self._own = own
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        rules, tables = own.expectations(), row_suites(answer)
        labels = {closed.label for closed in closed_sets(answer)}
        unknown = sorted({*rules} - {*tables, "shares"}) + sorted({*own.FIELDS_THAT_VARY} - labels)
        if unknown:
            raise ConfigurationError(
                f"{own.__name__} speaks of {', '.join(unknown)}. Tables are {', '.join(tables)} and shares; fields "
                f"that vary are among {', '.join(sorted(labels))}."
            )
        self.of_rows = [
            Suite(self._context, table, [*standard, *rules.get(table, ())]) for table, standard in tables.items()
        ]

    def of_shares(self, blocking: bool) -> Suite:
        """About the run as a whole; see `shares_suite`."""
        standard = shares_suite(self._own.FIELDS_THAT_VARY, blocking)
        return Suite(self._context, "shares", [*standard, *self._own.expectations().get("shares", ())])
