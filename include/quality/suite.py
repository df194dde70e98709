"""One Great Expectations suite that is made once and judges a run's frames one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from great_expectations import ExpectationSuite
from great_expectations.core import ExpectationValidationResult
from great_expectations.data_context import AbstractDataContext
from great_expectations.expectations.expectation import Expectation

from include.errors import ConfigurationError
from include.quality.check import Check

# Of an expectation's arguments, those that its sentence has said already.
_SAID = ("column", "column_A", "column_B", "column_list", "row_condition", "condition_parser", "batch_id")

# All rows that fail, by their places in the frame: looked up by a column each takes twenty times as long.
_WHICH = {"result_format": "COMPLETE", "return_unexpected_index_query": False}


class Suite:
    """The expectations about one table, with what they have found so far.

    Args:
        context: of Great Expectations; one for all suites of a run.
        table: `records`, `shares`, or a list field.
        expectations: new ones, because Great Expectations takes each into one suite only.
    """

    def __init__(self, context: AbstractDataContext, table: str, expectations: Sequence[Expectation]) -> None:
        self.table, self.has_judged = table, False
        asset = context.data_sources.add_pandas(table).add_dataframe_asset(table)
        self._data = asset.add_batch_definition_whole_dataframe("part")
        self._suite = context.suites.add(ExpectationSuite(name=table, expectations=list(expectations)))
        self._by_id = {str(each.id): (each, _check(table, each.configuration)) for each in self._suite.expectations}

    @property
    def checks(self) -> list[Check]:
        """The expectations in their order."""
        return [check for _, check in self._by_id.values()]

    def judge(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """Judge a frame, which may be one part of many.

        Returns:
            Record id to the sentences of the critical expectations that its rows fail.
        """
        failing: dict[str, list[str]] = {}
        if frame.empty:
            return failing
        self.has_judged = True
        # Not a validation definition, which keeps and so writes out each of its results.
        batch = self._data.get_batch({"dataframe": frame})
        for outcome in batch.validate(self._suite, result_format="BASIC").results:
            expectation, check = self._by_id[str(outcome.expectation_config.id)]
            ids = [] if outcome.success else _failing_ids(batch.validate(expectation, result_format=_WHICH), frame)
            check.add(outcome, ids)
            if not outcome.success and check.is_critical:
                for record_id in ids:
                    failing.setdefault(record_id, []).append(check.says)
        return failing


def _failing_ids(outcome: ExpectationValidationResult, frame: pd.DataFrame) -> list[str]:
    rows = outcome.result.get("unexpected_index_list")
    return list(dict.fromkeys(map(str, frame["record_id"].loc[rows]))) if rows and "record_id" in frame else []


def _check(table: str, config: Any) -> Check:
    kwargs = config.kwargs.items()
    meta = config.meta or {}
    if not meta.get("says"):
        raise ConfigurationError(
            f'{config.type} of {table} has no sentence for people. Give it one: meta={{"says": "a bug must ..."}}.'
        )
    return Check(
        table=table,
        says=str(meta["says"]),
        field=_field(table, config.kwargs),
        severity=str(getattr(config.severity, "value", config.severity)),
        expected={name.replace("_", " "): value for name, value in kwargs if name not in _SAID and value is not None},
    )


def _field(table: str, kwargs: Mapping[str, Any]) -> str | None:
    """As people write it: `sentiment`, or `feedback.topic` in a list."""
    column, condition = kwargs.get("column"), kwargs.get("row_condition")
    if table == "shares" and isinstance(condition, Mapping):
        return str(condition.get("parameter"))
    if column is None:
        return None
    for suffix in ("_in_text", "_elements", "_once"):
        column = str(column).removesuffix(suffix)
    return column if table in ("records", "shares", column) else f"{table}.{column}"
