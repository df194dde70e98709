"""What the report says of published rows, taken in part by part; of each kind it keeps as many as a page shows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.pipelines.definition import ReportFields

EXAMPLES_PER_TOPIC = 3
MOST_ACTIONS = 15
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of feedback: an element of the digest's list, or the whole answer where there is no list."""

    record_id: str
    topic: str
    kind: str | None
    severity: str | None
    summary: str
    request: str | None
    written: datetime | None
    link: str | None


@dataclass
class Group:
    """Items about one topic: how many, and the first of them."""

    count: int = 0
    examples: list[Item] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """Take one in."""
        self.count += 1
        if len(self.examples) < EXAMPLES_PER_TOPIC:
            self.examples.append(item)


@dataclass
class Digest:
    """The rows of a run, as far as its report speaks of them.

    Args:
        report_fields: of the pipeline.
        records: how many there are.
        topics: items by topic, in the order in which they came up, and by topic and severity.
        requests, defects: what customers ask for and what is broken, by topic.
        actions: (record id, owner, action) of the first open actions.
    """

    report_fields: ReportFields
    records: int = 0
    sentiments: Counter[str] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    severities: dict[str, Counter[str]] = field(default_factory=dict)
    requests: dict[str, Group] = field(default_factory=dict)
    defects: dict[str, Group] = field(default_factory=dict)
    actions: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """Columns of `results/` that it takes."""
        names = self.report_fields
        own = (names.topic, names.topic_other, names.kind, names.severity, names.summary, names.request)
        wanted = (
            "record_id",
            "occurred_at",
            "source_url",
            names.sentiment,
            names.actions,
            *((names.items,) if names.items else own),
        )
        return [name for name in wanted if name]

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take some published rows in, as they come from Parquet."""
        names = self.report_fields
        for record in rows:
            self.records += 1
            if names.sentiment:
                self.sentiments[record.get(names.sentiment) or UNKNOWN] += 1
            record_id = str(record["record_id"])
            for source in _rows(record.get(names.items)) if names.items else [record]:
                self._add(self._item(record, source))
            for row in _rows(record.get(names.actions)) if len(self.actions) < MOST_ACTIONS and names.actions else ():
                self.actions.append((record_id, str(row.get("owner") or ""), str(row.get("action") or "")))

    def _item(self, record: Mapping[str, Any], source: Mapping[str, Any]) -> Item:
        def text(name: str | None) -> str | None:
            value = source.get(name) if name else None
            return value if isinstance(value, str) and value else None

        names = self.report_fields
        topic, label = text(names.topic) or UNKNOWN, text(names.topic_other)
        return Item(
            record_id=str(record["record_id"]),
            topic=f"other: {label.lower()}" if topic == "other" and label else in_words(topic),
            kind=text(names.kind),
            severity=text(names.severity),
            summary=text(names.summary) or "",
            request=text(names.request),
            written=record.get("occurred_at"),
            link=record.get("source_url"),
        )

    def _add(self, item: Item) -> None:
        names = self.report_fields
        self.topics[item.topic] += 1
        if item.severity:
            self.severities.setdefault(item.topic, Counter())[item.severity] += 1
        if item.kind in names.request_kinds if names.request_kinds else item.request:
            self.requests.setdefault(item.topic, Group()).add(item)
        if item.kind in names.defect_kinds:
            self.defects.setdefault(item.topic, Group()).add(item)


def in_words(value: str) -> str:
    """A value of a closed set as people read it."""
    return value.replace("_", " ")


def _rows(value: Any) -> Iterable[Mapping[str, Any]]:
    # A missing list comes as None, and one of before the field was a list as text.
    return [row for row in value if isinstance(row, Mapping)] if hasattr(value, "__iter__") else []
