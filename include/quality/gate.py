"""The quality gate: judge a run's rows part by part, then the run as a whole; tell failing rows from a failing run."""

import importlib
import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from include.pipelines.definition import Pipeline
from include.quality.data_docs import data_docs_page
from include.quality.expectation_result import ExpectationResult
from include.quality.frames import row_frames
from include.quality.late_imports import put_off
from include.quality.measures import Measure, expectation_measure
from include.quality.run_counts import RunCounts

if TYPE_CHECKING:
    from include.quality.suites import Suites

# Below this many records a distribution says more about the night than about the model.
SMALL_BATCH_RECORDS = 500


@dataclass(frozen=True)
class GateResult:
    """What the expectations said about a whole run.

    Args:
        success: whether every critical expectation held.
        outcomes: one for each expectation.
        suite_failures: critical expectations about the whole run that failed; any of them stops the publish.
        data_docs: table name to its Data Docs page (HTML).
        measures: what was counted of the rows that hold, and how each expectation fared.
    """

    success: bool = True
    outcomes: list[ExpectationResult] = field(default_factory=list)
    suite_failures: list[str] = field(default_factory=list)
    data_docs: dict[str, str] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)


class QualityGate:
    """Judges the candidates of one run. Keeps counts and three numbers a record, but no rows.

    A part costs about half a second whether it has a hundred rows or ten thousand.

    Args:
        pipeline: its answer model and its `expectations.py` say what must hold.
        is_demo: the bundled model's distributions prove nothing, so they only warn.
        report: link from the folder of Data Docs to the run's report.
    """

    def __init__(self, pipeline: Pipeline, *, is_demo: bool, report: str | None = None) -> None:
        self._pipeline, self._is_demo, self._report = pipeline, is_demo, report
        self._counts = RunCounts(pipeline.answer)
        self._seen: set[int] = set()
        self._rows = 0

    def take(self, candidates: pa.Table) -> dict[str, list[str]]:
        """Judge one part's rows, and count the values of those that hold.

        Args:
            candidates: rows for `results/` that no part before had.

        Returns:
            Record id to the sentences of the critical expectations that its rows fail. A record that a part before
            has had fails.

        Raises:
            ConfigurationError: see `Suites`.
        """
        failing: dict[str, list[str]] = {}
        if not candidates.num_rows:
            return failing
        self._rows += candidates.num_rows
        frames = row_frames(candidates, self._pipeline.answer)
        records = frames["records"]
        keys = records["record_id"].map(hash)
        records["record_id_once"] = ~(keys.duplicated(keep=False) | keys.map(self._seen.__contains__))
        self._seen.update(keys)
        for suite in self._suites.of_rows:
            for record_id, sentences in suite.judge(frames[suite.table]).items():
                failing.setdefault(record_id, []).extend(sentences)
        self._counts.take(frames, failing)
        return failing

    def finish(self) -> GateResult:
        """Judge the run as a whole, after its last part."""
        if not self._rows:
            return GateResult()
        shares = self._suites.of_shares(blocking=self._rows >= SMALL_BATCH_RECORDS and not self._is_demo)
        shares.judge(self._counts.shares())
        suites = [suite for suite in (*self._suites.of_rows, shares) if suite.has_judged]
        checks = [check for suite in suites for check in suite.checks]
        outcomes = [check.result for check in checks]
        return GateResult(
            success=all(check.success or not check.is_critical for check in checks),
            outcomes=outcomes,
            suite_failures=[failure for check in checks if (failure := check.suite_failure)],
            data_docs={suite.table: data_docs_page(suite.table, suite.checks, self._report) for suite in suites},
            measures=[*self._counts.measures(), *map(expectation_measure, outcomes)],
        )

    @cached_property
    def _suites(self) -> "Suites":
        # It says of each of its functions that it has none to register.
        logging.getLogger("great_expectations").setLevel(logging.WARNING)
        # Great Expectations takes seconds to import, for nothing where there is nothing to judge; half of them are for
        # charts and distributions that no expectation here has.
        with put_off("altair", "boto3", "scipy.stats"):
            from include.quality.suites import Suites

        own = importlib.import_module(f"include.pipelines.{self._pipeline.name}.expectations")
        return Suites(self._pipeline.answer, own)
