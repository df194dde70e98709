"""The report as one self-contained HTML page. All customer text is escaped."""

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.report.charts import SENTIMENT_COLOURS, sentiment_bar, severity_colours, sparkline, topic_bars
from include.report.figures import (
    EXAMPLES_PER_TOPIC,
    actions,
    best_quotes,
    grouped,
    quarantine_reasons,
    requests,
    sentiment_counts,
    topic_rows,
)
from include.report.headline import headline
from include.report.outcome import RunOutcome

SKIPPED_IN_WORDS = {
    "has_outcome": "already answered or quarantined, or older copies of a record",
    "over_limit": "above the run's limit; due in the next run",
    "over_budget": "above the run's budget; due in the next run",
    "claimed_by_other_run": "asked about by another run at the same time",
    "provider_stopped": "not asked, because the run had to stop; due in the next run",
    "fuse": "not asked, because too many requests failed; due in the next run",
    "answered_unpublished": "answered and kept, but not published; the next run pays nothing for them",
    "dry_run": "only estimated; left for the next run",
}


def render_page(outcome: RunOutcome) -> str:
    """The page of one run."""
    topics = topic_rows(outcome)
    order = tuple(outcome.pipeline.digest.severity_order) if outcome.pipeline.digest.severity else ()
    moods = sentiment_counts(outcome)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": _count, "usd": _usd, "moment": _moment}
    return environment.get_template("page.html.j2").render(
        outcome=outcome,
        run=outcome.run,
        title=outcome.pipeline.title,
        news=headline(outcome),
        skipped={SKIPPED_IN_WORDS.get(reason, reason): count for reason, count in outcome.skipped.items() if count},
        topics=topics,
        topic_chart=topic_bars([(row.topic, row.count, row.by_severity) for row in topics], order),
        severities=severity_colours(order),
        moods=moods,
        mood_colours=SENTIMENT_COLOURS,
        mood_chart=sentiment_bar(moods),
        trends=[(row, sparkline(row.shares_over_time)) for row in topics if row.earlier_share is not None],
        quotes=best_quotes(outcome),
        requests=requests(outcome),
        defects=grouped(outcome, outcome.pipeline.digest.defect_kinds),
        examples=EXAMPLES_PER_TOPIC,
        actions=actions(outcome),
        reasons=quarantine_reasons(outcome),
        expectations=sorted(outcome.expectations, key=lambda e: (e.success, e.severity != "critical", e.table)),
    )


def _count(value: Any) -> str:
    return "–" if value is None else f"{value:,}"


def _usd(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.2f} USD" if value == 0 or value >= 1 else f"{value:.4f} USD"


def _moment(value: datetime | None) -> str:
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"
