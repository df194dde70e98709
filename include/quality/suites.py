"""The suites of one pipeline: the standard expectations and its own ones. Importing this imports Great Expectations."""

import importlib

import great_expectations as gx

from include.answer.closed_sets import closed_sets
from include.errors import ConfigurationError
from include.pipelines.definition import Pipeline
from include.quality.standard import row_suites, shares_suite
from include.quality.suite import Suite


class Suites:
    """Made once for all parts of a run, because that costs more than to judge a part.

    Args:
        pipeline: its `expectations.py` has `FIELDS_THAT_VARY` and, by table, its own `expectations()`.

    Raises:
        ConfigurationError: an expectation has no sentence, or there is no such field or table.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        self._own = importlib.import_module(f"include.pipelines.{pipeline.name}.expectations")
        own, tables = self._own.expectations(), row_suites(pipeline.answer)
        varying, labels = self._own.FIELDS_THAT_VARY, {closed.label for closed in closed_sets(pipeline.answer)}
        unknown = sorted({*own} - {*tables, "shares"}) + sorted({*varying} - labels)
        if unknown:
            raise ConfigurationError(
                f"{self._own.__file__} speaks of {', '.join(unknown)}. Tables are {', '.join(tables)} and shares; "
                f"fields that may vary are the closed sets {', '.join(sorted(labels))}."
            )
        self.of_rows = [Suite(self._context, table, [*rules, *own.get(table, ())]) for table, rules in tables.items()]

    def of_shares(self, blocking: bool) -> Suite:
        """About the run as a whole; see `shares_suite`."""
        standard = shares_suite(self._own.FIELDS_THAT_VARY, blocking)
        return Suite(self._context, "shares", [*standard, *self._own.expectations().get("shares", ())])
