"""The report as one self-contained HTML page. All customer text is escaped."""

from include.pages.render import render
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
from include.report.purpose import mark_of
from include.report.report_input import ReportInput

SKIPPED_IN_WORDS = {
    "has_outcome": "already answered or quarantined, or older copies of a record",
    "over_limit": "above the run's limit; pending: the next run takes it",
    "over_budget": "above the run's budget; pending: the next run takes it",
    "claimed_by_other_run": "asked about by another run at the same time",
    "provider_stopped": "not asked, because the run had to stop; pending: the next run takes it",
    "fuse": "not asked, because too many requests failed; pending: the next run takes it",
    "answered_unpublished": "answered and kept, but not published; the next run pays nothing for them",
    "dry_run": "only estimated; left for the next run",
}


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
        news=headline(outcome),
        mark=mark_of(outcome.run),
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
        defects=grouped(outcome, outcome.pipeline.report_fields.defect_kinds),
        examples=EXAMPLES_PER_TOPIC,
        actions=actions(outcome),
        reasons=held,
        asked_again=any(stage != "extract" and reason != "too_long" for stage, reason, _, _ in held),
        too_long=any(reason == "too_long" for _, reason, _, _ in held),
        expectations=sorted(outcome.expectations, key=lambda e: (e.success, e.severity != "critical", e.table)),
    )
