"""The report as one self-contained HTML page. All customer text is escaped."""

from collections.abc import Sequence
from typing import Any

from include.pages.render import render
from include.report.digest import MOST_ACTIONS
from include.report.figures import (
    best_quotes,
    by_size,
    label_rows,
    quarantine_reasons,
    sentiment_counts,
    topic_rows,
)
from include.report.headline import headline, page_headline, week_lines
from include.report.news_words import coverage, how_sure, unit_of, week_of
from include.report.purpose import mark_of, purpose_of
from include.report.quotes import facts
from include.report.report_input import ReportInput

SEVERITY_COLOURS = ("#9fb3c8", "#f0b429", "#e66a3c", "#b42318")
SENTIMENT_COLOURS = {"positive": "#2f9e6e", "neutral": "#9fb3c8", "mixed": "#f0b429", "negative": "#c4402f"}


def render_page(outcome: ReportInput) -> str:
    """The page of one run."""
    topics = topic_rows(outcome)
    order = tuple(outcome.pipeline.report_fields.severity_order) if outcome.pipeline.report_fields.severity else ()
    moods = sentiment_counts(outcome)
    held = quarantine_reasons(outcome)
    return render(
        "page.html.j2",
        outcome=outcome,
        run=outcome.run,
        title=outcome.pipeline.title,
        subject=page_headline(outcome).subject,
        news=headline(outcome).lines,
        mark=mark_of(outcome.run),
        purpose=purpose_of(outcome.run),
        skipped={reason: count for reason, count in outcome.skipped.items() if count},
        topics=topics,
        severities=severity_colours(order),
        moods=moods,
        mood_colours=SENTIMENT_COLOURS,
        **_by_date(outcome),
        quotes=best_quotes(outcome),
        facts=facts,
        requests=by_size(outcome.digest.requests),
        defects=by_size(outcome.digest.defects),
        actions=outcome.digest.actions[:MOST_ACTIONS],
        reasons=held,
        asked_again=any(stage != "extract" and reason != "too_long" for stage, reason, _, _ in held),
        too_long=any(reason == "too_long" for _, reason, _, _ in held),
        expectations=sorted(outcome.expectations, key=lambda e: (e.success, e.severity != "critical", e.table)),
    )


def _by_date(outcome: ReportInput) -> dict[str, Any]:
    found, pipeline = outcome.by_date, outcome.pipeline
    if found is None:
        return {"week": None}
    week = found.whole_week
    return {
        "by_date": label_rows(found),
        "week": {"found": week, "rows": label_rows(week), "lines": week_lines(outcome), "span": week_of(pipeline, week)}
        if week
        else None,
        "counted": unit_of(pipeline, 2, are_customers=found.are_customers),
        "coverage": coverage(pipeline, found),
        "how_sure": how_sure(found),
    }


def severity_colours(order: Sequence[str]) -> dict[str, str]:
    """A colour for each severity, mildest first."""
    step = (len(SEVERITY_COLOURS) - 1) / max(len(order) - 1, 1)
    return {severity: SEVERITY_COLOURS[round(number * step)] for number, severity in enumerate(order)}
