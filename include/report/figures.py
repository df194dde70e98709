"""The numbers and quotes of the report."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from include.pipelines.definition import SENTIMENTS
from include.report.by_date import ByDate, LabelWeeks
from include.report.digest import Digest, Group
from include.report.quotes import Row
from include.report.report_input import ReportInput

QUOTES = 8
QUOTES_PER_TOPIC = 2
MOST_TOPICS = 12


@dataclass(frozen=True)
class TopicRow:
    """One topic of a run: how often, and how severe."""

    topic: str
    count: int
    by_severity: Mapping[str, int]


def topic_rows(outcome: ReportInput) -> list[TopicRow]:
    """Topics by volume, the largest first; the small ones of a long tail summed up as one row."""
    digest = outcome.digest
    top = [topic for topic, _ in digest.topics.most_common(MOST_TOPICS)]
    rows = [_topic_row(digest, topic, [topic]) for topic in top]
    rest = digest.topics.keys() - set(top)
    return [*rows, _topic_row(digest, f"{len(rest)} smaller topics", rest)] if rest else rows


def _topic_row(digest: Digest, name: str, topics: Collection[str]) -> TopicRow:
    count = sum(digest.topics[topic] for topic in topics)
    severities = sum((digest.severities.get(topic, Counter()) for topic in topics), Counter())
    return TopicRow(name, count, severities)


def label_rows(found: ByDate) -> list[LabelWeeks]:
    """Topics by date that a page shows: the most frequent, and all that is news."""
    shown = {row.label for row in (*found.labels[:MOST_TOPICS], *found.news)}
    return [row for row in found.labels if row.label in shown]


def sentiment_counts(outcome: ReportInput) -> dict[str, int]:
    """Records by sentiment, in the order positive, neutral, mixed, negative; empty where the answer has none."""
    counts = outcome.digest.sentiments
    return {name: counts[name] for name in SENTIMENTS if counts[name]}


def best_quotes(outcome: ReportInput) -> list[Row]:
    """Quotes of the topics that are news and of the largest ones, the most severe first; one a record."""
    news = [row.label for row in outcome.by_date.news] if outcome.by_date else []
    topics = dict.fromkeys([*news, *(topic for topic, _ in outcome.digest.topics.most_common(MOST_TOPICS))])
    order = {severity: place for place, severity in enumerate(outcome.pipeline.report_fields.severity_order)}
    found = [row for topic in topics for row in outcome.quotes.best(topic, QUOTES_PER_TOPIC)]
    ranked = sorted(found, key=lambda row: (row["topic"] not in news, -order.get(row["severity"] or "", 0)))
    return [*{row["record"]: row for row in ranked}.values()][:QUOTES]


def by_size(groups: Mapping[str, Group]) -> list[tuple[str, Group]]:
    """Groups by topic, the largest first."""
    return sorted(groups.items(), key=lambda group: (-group[1].count, group[0]))


def quarantine_reasons(outcome: ReportInput, most_ids: int = 8) -> list[tuple[str, str, int, str]]:
    """(stage, reason, count, record ids) of the quarantine, the most frequent first."""
    if outcome.quarantined.empty:
        return []
    rows = []
    for (stage, reason), group in outcome.quarantined.groupby(["stage", "error_type"]):
        ids = group["record_id"].tolist()
        more = f" and {len(ids) - most_ids} more" if len(ids) > most_ids else ""
        rows.append((str(stage), str(reason), len(ids), ", ".join(ids[:most_ids]) + more))
    return sorted(rows, key=lambda row: -row[2])
