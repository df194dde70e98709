"""The quality gate: run a pipeline's expectations, tell failing rows from a failing suite, render Data Docs."""

import importlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from include.pipelines.definition import Pipeline
from include.quality.data_docs import Check, data_docs_page
from include.quality.expectation_result import ExpectationResult
from include.quality.frames import validation_frames

# Below this many records a distribution says more about the night than about the model.
SMALL_BATCH_RECORDS = 500


@dataclass(frozen=True)
class GateResult:
    """What the suites said.

    Args:
        outcomes: one for each expectation.
        failing_records: record id to the critical row-level expectations that it fails.
        suite_failures: critical expectations about a whole table that failed; any of them stops the publish.
        data_docs: frame name to its Data Docs page (HTML).
    """

    outcomes: list[ExpectationResult] = field(default_factory=list)
    failing_records: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    suite_failures: list[str] = field(default_factory=list)
    data_docs: dict[str, str] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether every critical expectation passed."""
        return not self.failing_records and not self.suite_failures


def run_gate(rows: pa.Table, pipeline: Pipeline, *, is_demo: bool, report: str | None = None) -> GateResult:
    """Validate the candidates of a run against the pipeline's `expectations.py`.

    Args:
        rows: candidates for `results/`.
        is_demo: the bundled model's distributions prove nothing, so they only warn.
        report: link from the folder of Data Docs to the run's report.
    """
    result = GateResult()
    if not rows.num_rows:
        return result
    blocking = rows.num_rows >= SMALL_BATCH_RECORDS and not is_demo
    module = importlib.import_module(f"include.pipelines.{pipeline.name}.expectations")
    frames = validation_frames(rows, pipeline.answer)
    for name, expectations in module.expectations(blocking).items():
        if not frames[name].empty:
            _run_suite(name, frames[name], expectations, result, report)
    return result


def _run_suite(name: str, frame: pd.DataFrame, expectations: list[Any], result: GateResult, report: str | None) -> None:
    import great_expectations as gx
    from great_expectations.core.expectation_suite import ExpectationSuite

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = context.data_sources.add_pandas("run").add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(ExpectationSuite(name=name, expectations=expectations))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    result_format: dict[str, Any] = {"result_format": "COMPLETE"}
    if "record_id" in frame:
        result_format["unexpected_index_column_names"] = ["record_id"]
    validation = definition.run(batch_parameters={"dataframe": frame}, result_format=result_format)
    checks = [_take_outcome(name, outcome, result) for outcome in validation.results]
    result.data_docs[name] = data_docs_page(name, checks, report)


def _take_outcome(table: str, outcome: Any, result: GateResult) -> Check:
    config, details = outcome.expectation_config, outcome.result
    words = _words(config.type, config.kwargs)
    severity = str(getattr(config.severity, "value", config.severity))
    if broken := _exception_of(outcome.exception_info):
        # An expectation that cannot run proves nothing, so it must not pass as one that held.
        result.suite_failures.append(f"{table}: {words} could not run: {broken}")
    failing = [str(row["record_id"]) for row in details.get("unexpected_index_list") or ()]
    is_row_level = "unexpected_count" in details
    if not outcome.success and severity == "critical" and not broken:
        if is_row_level and failing:
            for record_id in failing:
                if f"{table}: {words}" not in result.failing_records[record_id]:
                    result.failing_records[record_id].append(f"{table}: {words}")
        else:
            result.suite_failures.append(f"{table}: {words}, observed {details.get('observed_value')}")
    observed = details.get("observed_value")
    result.outcomes.append(
        ExpectationResult(
            table=table,
            expectation=words,
            severity=severity,
            success=bool(outcome.success),
            unexpected_count=details.get("unexpected_count") if is_row_level else None,
            observed=None if observed is None else str(observed)[:200],
        )
    )
    return Check(words, severity, broken, outcome)


def _words(kind: str, kwargs: Mapping[str, Any]) -> str:
    columns = [str(kwargs[name]) for name in ("column", "column_A", "column_B") if kwargs.get(name)]
    columns += [str(column) for column in kwargs.get("column_list") or ()]
    what = kind.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    condition = kwargs.get("row_condition")
    where = f" where {_condition_words(condition)}" if condition else ""
    return f"{' and '.join(columns) or 'table'}: {what}{where}"


def _condition_words(condition: Any) -> str:
    """A row condition as people write it; Great Expectations keeps it as nested fields."""
    if isinstance(condition, Mapping) and "operator" in condition:
        return f"{condition['column']['name']} {condition['operator']} {condition['parameter']}"
    return str(condition)


def _exception_of(info: Mapping[str, Any]) -> str | None:
    for part in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if part.get("raised_exception"):
            return str(part.get("exception_message"))[:300]
    return None
