"""The numbers and quotes of the report."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from include.pipelines.definition import SENTIMENTS
from include.report.digest import Digest, Group, Item, in_words
from include.report.report_input import ReportInput

QUOTES = 8
QUOTES_PER_TOPIC = 2
MOST_TOPICS = 12


@dataclass(frozen=True)
class TopicRow:
    """One topic: how often, how severe, and how its share compares with earlier runs (None: there are none)."""

    topic: str
    count: int
    share: float
    by_severity: Mapping[str, int]
    earlier_share: float | None
    shares_over_time: Sequence[float]

    @property
    def change_points(self) -> float | None:
        """Change of the share in percentage points."""
        return None if self.earlier_share is None else 100 * (self.share - self.earlier_share)


def topic_rows(outcome: ReportInput) -> list[TopicRow]:
    """Topics by volume, the largest first; the small ones of a long tail summed up as one row."""
    digest, names = outcome.digest, outcome.pipeline.report_fields
    field = f"{names.items}.{names.topic}" if names.items else names.topic
    history = [shares for run in outcome.earlier or () if (shares := run.shares.get(field))]
    top = [topic for topic, _ in digest.topics.most_common(MOST_TOPICS)]
    # A measure knows of no free label, so those are compared with nothing.
    is_free = {topic for topic in top if names.topic_other and topic.partition(":")[0] == "other"}
    rows = [_topic_row(digest, topic, [topic], [] if topic in is_free else history) for topic in top]
    rest = digest.topics.keys() - set(top)
    if rest:
        rows.append(_topic_row(digest, f"{len(rest)} smaller topics", rest, []))
    return rows


def _topic_row(digest: Digest, name: str, topics: Collection[str], history: Sequence[Mapping[str, float]]) -> TopicRow:
    shares = [sum(share for value, share in run.items() if in_words(value) == name) for run in history]
    count = sum(digest.topics[topic] for topic in topics)
    share = count / digest.topics.total()
    return TopicRow(
        topic=name,
        count=count,
        share=share,
        by_severity=sum((digest.severities.get(topic, Counter()) for topic in topics), Counter()),
        earlier_share=sum(shares) / len(shares) if shares else None,
        shares_over_time=[*shares, share],
    )


def sentiment_counts(outcome: ReportInput) -> dict[str, int]:
    """Records by sentiment, in the order positive, neutral, mixed, negative; empty where the answer has none."""
    counts = outcome.digest.sentiments
    return {name: counts[name] for name in SENTIMENTS if counts[name]}


def best_quotes(outcome: ReportInput) -> list[Item]:
    """The most useful quotes: severe ones first, at most two a topic and one a record, neither too short nor long."""
    chosen: list[Item] = []
    per_topic: Counter[str] = Counter()
    for item in outcome.digest.quotes:
        seen = {other.record_id for other in chosen} | {other.quote for other in chosen}
        if per_topic[item.topic] < QUOTES_PER_TOPIC and item.record_id not in seen and item.quote not in seen:
            chosen.append(item)
            per_topic[item.topic] += 1
        if len(chosen) == QUOTES:
            break
    return chosen


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
