"""One Great Expectations suite that is made once and judges a run's frames one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from great_expectations import ExpectationSuite, ValidationDefinition
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context import AbstractDataContext
from great_expectations.expectations.expectation import Expectation

from include.errors import ConfigurationError
from include.quality.check import Check

# Of an expectation's arguments, those that its sentence has said already.
_SAID = ("column", "column_A", "column_B", "column_list", "row_condition", "condition_parser", "batch_id")


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
        suite = context.suites.add(ExpectationSuite(name=table, expectations=list(expectations)))
        self._definition = context.validation_definitions.add(
            ValidationDefinition(name=table, data=asset.add_batch_definition_whole_dataframe("part"), suite=suite)
        )
        # The context keeps every result; under one name only the last.
        self._run_id = RunIdentifier(run_name=table)
        self._by_id = {str(each.id): _check(table, each.configuration) for each in suite.expectations}

    @property
    def checks(self) -> list[Check]:
        """The expectations in their order."""
        return list(self._by_id.values())

    def judge(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """Judge a frame, which may be one part of many.

        Returns:
            Record id to the sentences of the critical expectations that its rows fail.
        """
        failing: dict[str, list[str]] = {}
        if frame.empty:
            return failing
        self.has_judged = True
        outcomes = self._outcomes(frame, "BASIC")
        if not all(outcome.success for outcome in outcomes):
            # Only here which rows it was; asking for it costs as much as judging.
            outcomes = self._outcomes(frame, "COMPLETE")
        for outcome in outcomes:
            check = self._by_id[str(outcome.expectation_config.id)]
            ids = list(
                dict.fromkeys(str(row["record_id"]) for row in outcome.result.get("unexpected_index_list") or ())
            )
            check.add(outcome, ids)
            if not outcome.success and check.is_critical:
                for record_id in ids:
                    failing.setdefault(record_id, []).append(check.says)
        return failing

    def _outcomes(self, frame: pd.DataFrame, how: str) -> list[Any]:
        result_format: dict[str, Any] = {"result_format": how}
        if "record_id" in frame:
            result_format["unexpected_index_column_names"] = ["record_id"]
        parameters = {"dataframe": frame}
        return list(
            self._definition.run(batch_parameters=parameters, result_format=result_format, run_id=self._run_id).results
        )


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
