"""Subject and first lines: the news of a run, for an e-mail's subject or a Slack message."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from include.llm.prices import NIGHTS_A_MONTH, usd
from include.llm.providers.model_end import SOON_DAYS
from include.llm.providers.service_tier import FLEX
from include.pipelines.definition import Pipeline
from include.report.by_date import ByDate
from include.report.digest import in_words
from include.report.figures import by_size, quarantine_reasons, sentiment_counts, topic_rows
from include.report.news_words import change_line, mixed_answers, short_line, unit_of, week_of
from include.report.purpose import RECORDED_SHORT, mark_of
from include.report.report_input import ReportInput

MOST_NEWS = 3
# Longer subjects are cut by mail programmes.
SUBJECT_CHARACTERS = 200


@dataclass(frozen=True)
class Headline:
    """What people read before they open the report."""

    subject: str
    lines: list[str]


def failure_headline(title: str, row: Mapping[str, Any]) -> Headline:
    """The message that a run failed.

    Args:
        title: of the pipeline.
        row: the run's row of `runs/`.
    """
    mark = mark_of(row, RECORDED_SHORT)
    subject = f"FAILED {title}{f' ({mark})' if mark else ''}: {row['reason']}"
    lines = [row["reason"], f"Run {row['run_id']}: its tab Report says what to do"]
    if row["published"] is not None:
        left = f"{row['published']} published, {row['skipped']} left for the next run"
        lines.insert(1, f"{left}, cost {usd(row['cost_usd'])}")
    return Headline(_one_line(subject), lines)


def headline(outcome: ReportInput) -> Headline:
    """The news of a run: what grew, what customers talk about, what broke; then what could not be read."""
    found = _headline(outcome)
    mark, waiting = mark_of(outcome.run, RECORDED_SHORT), outcome.skipped.get("over_budget", 0)
    stopped = f"budget used up, {waiting} records wait for the next run"
    subject = f"{found.subject}; {stopped}" if waiting else found.subject
    lines = [f"{stopped[0].upper()}{stopped[1:]}", *found.lines] if waiting else found.lines
    if outcome.watched is not None and outcome.watched.causes:
        lines = [outcome.watched.sentence, *lines]
    end, today = outcome.model_end, outcome.run["finished_at"].date()
    if end is not None and end.days_left(today) < SOON_DAYS:
        lines = [*lines, f"{end.sentence(today)}: set NIGHTSHIFT_MODEL"]
    return Headline(_one_line(f"{mark}. {subject}" if mark else subject), lines)


def page_headline(outcome: ReportInput) -> Headline:
    """What heads the page: of a night that carries a whole week the week's news, else the night's."""
    return week_headline(outcome) if outcome.by_date and outcome.by_date.whole_week else headline(outcome)


def night_headline(outcome: ReportInput) -> Headline:
    """The night's news, as if it carried no week."""
    found = outcome.by_date
    return headline(replace(outcome, by_date=replace(found, whole_week=None)) if found else outcome)


def week_headline(outcome: ReportInput) -> Headline:
    """The same of a night that carries the last whole week: the week's news, then what concerns the night."""
    week, pipeline, mark = whole_week(outcome), outcome.pipeline, mark_of(outcome.run, RECORDED_SHORT)
    if week.news:
        news = short_line(pipeline, week, week.news[0])
    else:
        news = f"{week.weeks_of[0]:,} {_unit(pipeline, week)}, nothing changed by more than chance"
    demo = "[demo model] " if outcome.demo_model else ""
    subject = f"{demo}{pipeline.title}, week of {week_of(pipeline, week)}: {news}"
    lines = [*week_lines(outcome), *headline(outcome).lines]
    return Headline(_one_line(f"{mark}. {subject}" if mark else subject), lines)


def week_lines(outcome: ReportInput) -> list[str]:
    """What was said in the last whole week, and what changed in it."""
    week = whole_week(outcome)
    before = f", {week.weeks_of[1]:,} the week before" if len(week.weeks_of) > 1 else ""
    most = ", ".join(f"{row.label} ({row.weeks[0]:,})" for row in week.labels[:MOST_NEWS] if row.weeks[0])
    return [
        f"{week.weeks_of[0]:,} {_unit(outcome.pipeline, week)} last week{before}",
        *_news(replace(outcome, by_date=week)),
        *([f"Most said about last week: {most}"] if most else []),
    ]


def whole_week(outcome: ReportInput) -> ByDate:
    """The last whole week of a night that carries one."""
    week = outcome.by_date and outcome.by_date.whole_week
    assert week is not None
    return week


def _unit(pipeline: Pipeline, week: ByDate) -> str:
    return unit_of(pipeline, week.weeks_of[0], are_customers=week.are_customers)


def _one_line(subject: str) -> str:
    subject = " ".join(subject.split())
    return subject if len(subject) <= SUBJECT_CHARACTERS else f"{subject[: SUBJECT_CHARACTERS - 1]}…"


def _headline(outcome: ReportInput) -> Headline:
    title, count = outcome.pipeline.title, outcome.digest.records
    if outcome.dry_run:
        cost = outcome.run.get("estimated_cost_usd")
        estimate = "unknown cost" if cost is None else f"about {usd(cost)}"
        waiting, skipped = outcome.skipped.get("dry_run", 0), outcome.run["skipped"]
        known = f", {skipped - waiting} have an outcome already" if skipped > waiting else ""
        subject = f"{title}: dry run, {estimate} for {waiting} records"
        lines = [f"{waiting} records wait{known}; nothing was asked."]
        if cost:
            lines.append(
                f"They would cost {estimate}, and a month of such nights about {usd(NIGHTS_A_MONTH * cost)}, without "
                "what the provider's prompt cache saves."
            )
        return Headline(subject, [*lines, *_flex(outcome), *_cost_unknown(outcome, cost)])
    if not count:
        held = len(outcome.quarantined)
        problem = f", {held} could not be answered" if held else ""
        return Headline(
            f"{title}: nothing new{problem}", [f"No new answers in this run{problem}.", *_problems(outcome)]
        )
    topics, found = topic_rows(outcome), outcome.by_date
    lines = [*_news(outcome), _mood(outcome, count)]
    if topics:
        lines.append("Most said about: " + ", ".join(f"{row.topic} ({row.count})" for row in topics[:3]))
    for what, groups in (("defects", outcome.digest.defects), ("requests", outcome.digest.requests)):
        for topic, group in by_size(groups)[:1]:
            total = sum(each.count for each in groups.values())
            lines.append(f"{total} {what}, most about {topic} ({group.count})")
    if found and found.news:
        news = short_line(outcome.pipeline, found, found.news[0])
    elif topics:
        news = f"{topics[0].topic} leads with {topics[0].count} of {sum(row.count for row in topics)}"
    else:
        news = f"{count} answers"
    demo = "[demo model] " if outcome.demo_model else ""
    return Headline(f"{demo}{title}: {news}{_negative(outcome)}", [*lines, *_problems(outcome)])


def _news(outcome: ReportInput) -> list[str]:
    """What changed against the weeks before, or that nothing did; nothing where nothing is compared."""
    found, pipeline = outcome.by_date, outcome.pipeline
    if found is None or len(found.weeks_of) == 1:
        return []
    week = found.whole_week
    news = [row for row in found.news if not week or row.label not in {told.label for told in week.news}]
    if week and not news:
        # The week's own lines say so.
        return []
    if not found.looked_at:
        return [f"Too few {unit_of(pipeline, 0)} to tell whether any topic changed"]
    if not news:
        return [f"Nothing changed by more than chance, of {found.looked_at} topics that came up often enough to tell"]
    lines = [change_line(pipeline, found, row) for row in news[:MOST_NEWS]]
    if len(news) > MOST_NEWS:
        lines.append("Changed too: " + ", ".join(row.label for row in news[MOST_NEWS:]))
    mixed = mixed_answers(found)
    return [*lines, mixed] if mixed else lines


def _mood(outcome: ReportInput, count: int) -> str:
    said = f"{count} {unit_of(outcome.pipeline, count)} in this run"
    parts = [f"{100 * n / count:.0f} % {sentiment}" for sentiment, n in sentiment_counts(outcome).items()]
    return f"{said}: {', '.join(parts)}" if parts else said


def _negative(outcome: ReportInput) -> str:
    counts = sentiment_counts(outcome)
    total = sum(counts.values())
    return f"; {100 * counts.get('negative', 0) / total:.0f} % negative of {total}" if total else ""


def _cost_unknown(outcome: ReportInput, cost: float | None) -> list[str]:
    said = f"The price of {outcome.run['model']} is unknown, so the cost is too, and no budget could be kept."
    return [f"{said} NIGHTSHIFT_PRICES names a file with prices."] if cost is None else []


def _flex(outcome: ReportInput) -> list[str]:
    """At which tier the answers of a run came that asked for flex, and what that has saved."""
    if outcome.no_flex is not None:
        return [f"Flex was asked for, and the run went online: {outcome.no_flex}"]
    tiers = dict(outcome.run.get("service_tier_counts") or ())
    if outcome.run.get("mode") != FLEX or not (tiers or outcome.run["requests"]):
        return []
    if not tiers:
        return ["The endpoint does not say at which tier it bills: the cost is that of the standard one"]
    answered = ", ".join(f"{count} at {tier}" for tier, count in sorted(tiers.items(), key=lambda one: -one[1]))
    saved = "" if outcome.saved_usd is None else f"; flex has saved about {usd(outcome.saved_usd)}"
    return [f"Answers by service tier: {answered}{saved}"]


def _problems(outcome: ReportInput) -> list[str]:
    lines = [*_cost_unknown(outcome, outcome.run["cost_usd"]), *_flex(outcome)]
    reasons = quarantine_reasons(outcome)
    if reasons:
        named = ", ".join(f"{count} {in_words(reason)}" for _, reason, count, _ in reasons[:3])
        lines.append(f"{len(outcome.quarantined)} set aside: {named}")
    broken = [e for e in outcome.expectations if not e.success]
    if broken:
        lines.append(f"{len(broken)} of {len(outcome.expectations)} checks of the answers did not hold")
    return lines
