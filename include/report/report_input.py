"""Everything that the report of one run is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from include.llm.providers.model_end import ModelEnd
from include.pipelines.definition import Pipeline
from include.quality.expectation_result import ExpectationResult
from include.report.by_date import ByDate
from include.report.digest import Digest
from include.report.quotes import Quotes
from include.report.theme_rows import ThemeRow


@dataclass(frozen=True)
class Watched:
    """What `watch` says of a night.

    Args:
        sentence: the verdict.
        lines: with what it was compared, what has moved, and across what nothing is compared.
        causes: what has changed: `model`, `customers`, `quality`, or `unclear`.
    """

    sentence: str
    lines: Sequence[str] = ()
    causes: Sequence[str] = ()


@dataclass(frozen=True)
class ReportInput:
    """One run.

    Args:
        run: its row of `runs/`, times as datetimes.
        digest: what it says of its published rows.
        quotes: of its published rows and of this week's.
        records: the CSV with all of them, as a link relative to the report.
        quarantined: its rows of that table.
        skipped: records left for later or already known, by reason.
        expectations: what Great Expectations said.
        by_date: the feedback by its own day; None: there is none, or the run is no night.
        demo_model: whether the bundled model answered.
        data_docs: Data Docs page by table, as links relative to the report.
        dry_run: whether nothing was asked on purpose.
        unreadable_values: how many values of attributes are null because what the source says does not convert.
        no_flex: why the run went online although flex was asked for.
        saved_usd: about how much cheaper its answers at flex were; None: not known.
        model_end: when the model ends; None: nobody says.
        watched: None: it is no night, or `watch` has failed.
        themes: that a page shows; none where nothing is grouped.
    """

    pipeline: Pipeline
    run: Mapping[str, Any]
    digest: Digest
    quotes: Quotes
    records: str
    quarantined: pd.DataFrame
    skipped: Mapping[str, int]
    expectations: Sequence[ExpectationResult]
    demo_model: bool
    data_docs: Mapping[str, str]
    by_date: ByDate | None = None
    dry_run: bool = False
    unreadable_values: Mapping[str, int] = field(default_factory=dict)
    no_flex: str | None = None
    saved_usd: float | None = None
    model_end: ModelEnd | None = None
    watched: Watched | None = None
    themes: Sequence[ThemeRow] = ()
