"""The numbers and quotes of the report."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.pipelines.definition import ReportFields
from include.report.report_input import ReportInput

QUOTES = 8
QUOTES_PER_TOPIC = 2
# Shorter says nothing, longer is not read.
QUOTE_CHARACTERS = (20, 260)
EXAMPLES_PER_TOPIC = 3
MOST_TOPICS = 12
UNKNOWN = "–"


@dataclass(frozen=True)
class Item:
    """One piece of feedback: an element of the digest's list, or the whole answer where there is no list."""

    record_id: str
    topic: str
    kind: str | None
    severity: str | None
    summary: str
    quote: str | None
    request: str | None


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


def items_of(published: pd.DataFrame, report_fields: ReportFields) -> list[Item]:
    """All items of published rows."""
    items = []
    for record in published.to_dict("records"):
        for source in _rows(record.get(report_fields.items)) if report_fields.items else [record]:
            items.append(
                Item(
                    record_id=str(record["record_id"]),
                    topic=_topic(source, report_fields),
                    kind=_text(source.get(report_fields.kind)) if report_fields.kind else None,
                    severity=_text(source.get(report_fields.severity)) if report_fields.severity else None,
                    summary=_text(source.get(report_fields.summary)) or "",
                    quote=_text(source.get(report_fields.quote)) if report_fields.quote else None,
                    request=_text(source.get(report_fields.request)) if report_fields.request else None,
                )
            )
    return items


def _topic(source: Mapping[str, Any], report_fields: ReportFields) -> str:
    topic = _text(source.get(report_fields.topic)) or UNKNOWN
    label = _text(source.get(report_fields.topic_other)) if report_fields.topic_other else None
    return f"other: {label.lower()}" if topic == "other" and label else _words(topic)


def _words(value: str) -> str:
    return value.replace("_", " ")


def _rows(value: Any) -> Iterable[Mapping[str, Any]]:
    # Parquet lists come back as arrays; a missing one as None or NaN, and one of before the field was a list as text.
    return [row for row in value if isinstance(row, Mapping)] if hasattr(value, "__iter__") else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def topic_rows(outcome: ReportInput) -> list[TopicRow]:
    """Topics by volume, the largest first; the small ones of a long tail summed up as one row."""
    report_fields = outcome.pipeline.report_fields
    items = items_of(outcome.published, report_fields)
    counts = Counter(item.topic for item in items)
    top = [topic for topic, _ in counts.most_common(MOST_TOPICS)]
    field = f"{report_fields.items}.{report_fields.topic}" if report_fields.items else report_fields.topic
    history = [shares for run in outcome.earlier or () if (shares := run.shares.get(field))]
    # A measure knows of no free label, so those are compared with nothing.
    is_free = {topic for topic in top if report_fields.topic_other and topic.partition(":")[0] == "other"}
    rows = [
        _topic_row(
            topic, [item for item in items if item.topic == topic], len(items), [] if topic in is_free else history
        )
        for topic in top
    ]
    rest = [item for item in items if item.topic not in top]
    if rest:
        rows.append(_topic_row(f"{len(counts) - len(top)} smaller topics", rest, len(items), []))
    return rows


def _topic_row(topic: str, items: Sequence[Item], total: int, history: Sequence[Mapping[str, float]]) -> TopicRow:
    shares = [sum(share for value, share in run.items() if _words(value) == topic) for run in history]
    return TopicRow(
        topic=topic,
        count=len(items),
        share=len(items) / total,
        by_severity=Counter(item.severity for item in items if item.severity),
        earlier_share=sum(shares) / len(shares) if shares else None,
        shares_over_time=[*shares, len(items) / total],
    )


def sentiment_counts(outcome: ReportInput) -> dict[str, int]:
    """Records by sentiment, in the order positive, neutral, mixed, negative."""
    counts = Counter(outcome.published.get(outcome.pipeline.report_fields.sentiment, pd.Series(dtype=str)))
    return {name: counts[name] for name in ("positive", "neutral", "mixed", "negative") if counts[name]}


def best_quotes(outcome: ReportInput) -> list[Item]:
    """The most useful quotes: severe ones first, at most two a topic and one a record, neither too short nor long."""
    report_fields = outcome.pipeline.report_fields
    weight = {severity: number for number, severity in enumerate(report_fields.severity_order)}
    shortest, longest = QUOTE_CHARACTERS
    candidates = sorted(
        (
            item
            for item in items_of(outcome.published, report_fields)
            if item.quote and shortest <= len(item.quote) <= longest
        ),
        key=lambda item: (-weight.get(item.severity or "", 0), item.record_id),
    )
    chosen: list[Item] = []
    per_topic: Counter[str] = Counter()
    for item in candidates:
        seen = {other.record_id for other in chosen} | {other.quote for other in chosen}
        if per_topic[item.topic] < QUOTES_PER_TOPIC and item.record_id not in seen and item.quote not in seen:
            chosen.append(item)
            per_topic[item.topic] += 1
    return chosen[:QUOTES]


def grouped(outcome: ReportInput, kinds: Sequence[str]) -> list[tuple[str, list[Item]]]:
    """Items of some kinds by topic, the largest group first."""
    items = [item for item in items_of(outcome.published, outcome.pipeline.report_fields) if item.kind in kinds]
    return _by_topic(items)


def requests(outcome: ReportInput) -> list[tuple[str, list[Item]]]:
    """What customers ask for, by topic: items of a request's kind, or answers with a request."""
    report_fields = outcome.pipeline.report_fields
    if report_fields.request_kinds:
        return grouped(outcome, report_fields.request_kinds)
    return _by_topic([item for item in items_of(outcome.published, report_fields) if item.request])


def _by_topic(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    groups: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.topic].append(item)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def actions(outcome: ReportInput, most: int = 15) -> list[tuple[str, str, str]]:
    """(record id, owner, action) of open actions."""
    name = outcome.pipeline.report_fields.actions
    found = []
    for record in outcome.published.to_dict("records") if name else []:
        for row in _rows(record.get(name)):
            found.append((str(record["record_id"]), str(row.get("owner") or ""), str(row.get("action") or "")))
    return found[:most]


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
