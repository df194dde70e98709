"""What the report says of published rows, taken in part by part; of each kind it keeps as many as a page shows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.pipelines.definition import ReportFields

# Shorter says nothing, longer is not read.
QUOTE_CHARACTERS = (20, 260)
EXAMPLES_PER_TOPIC = 3
MOST_ACTIONS = 15
UNKNOWN = "–"
# Two a topic are shown; those before them may be of a record or in words that another topic has shown.
_QUOTES_KEPT = 20
_QUOTES_BEFORE_PRUNING = 200


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of feedback: an element of the digest's list, or the whole answer where there is no list."""

    record_id: str
    topic: str
    kind: str | None
    severity: str | None
    summary: str
    quote: str | None
    request: str | None


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
    _quotes: dict[str, list[Item]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Columns of `results/` that it takes."""
        names = self.report_fields
        own = (names.topic, names.topic_other, names.kind, names.severity, names.summary, names.quote, names.request)
        wanted = ("record_id", names.sentiment, names.actions, *((names.items,) if names.items else own))
        return [name for name in wanted if name]

    @property
    def quotes(self) -> list[Item]:
        """Those that may be shown, the most severe first."""
        return sorted((item for items in self._quotes.values() for item in items), key=self._rank)

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take some published rows in, as they come from Parquet."""
        names = self.report_fields
        for record in rows:
            self.records += 1
            if names.sentiment:
                self.sentiments[record.get(names.sentiment) or UNKNOWN] += 1
            record_id = str(record["record_id"])
            for source in _rows(record.get(names.items)) if names.items else [record]:
                self._add(self._item(record_id, source))
            for row in _rows(record.get(names.actions)) if len(self.actions) < MOST_ACTIONS and names.actions else ():
                self.actions.append((record_id, str(row.get("owner") or ""), str(row.get("action") or "")))

    def _item(self, record_id: str, source: Mapping[str, Any]) -> Item:
        def text(name: str | None) -> str | None:
            value = source.get(name) if name else None
            return value if isinstance(value, str) and value else None

        names = self.report_fields
        topic, label = text(names.topic) or UNKNOWN, text(names.topic_other)
        return Item(
            record_id=record_id,
            topic=f"other: {label.lower()}" if topic == "other" and label else in_words(topic),
            kind=text(names.kind),
            severity=text(names.severity),
            summary=text(names.summary) or "",
            quote=text(names.quote),
            request=text(names.request),
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
        if item.quote and QUOTE_CHARACTERS[0] <= len(item.quote) <= QUOTE_CHARACTERS[1]:
            quotes = self._quotes.setdefault(item.topic, [])
            quotes.append(item)
            if len(quotes) > _QUOTES_BEFORE_PRUNING:
                best = {kept.quote: kept for kept in sorted(quotes, key=self._rank, reverse=True)}
                quotes[:] = sorted(best.values(), key=self._rank)[:_QUOTES_KEPT]

    def _rank(self, item: Item) -> tuple[int, str]:
        order = self.report_fields.severity_order
        return -(order.index(item.severity) if item.severity in order else 0), item.record_id


def in_words(value: str) -> str:
    """A value of a closed set as people read it."""
    return value.replace("_", " ")


def _rows(value: Any) -> Iterable[Mapping[str, Any]]:
    # A missing list comes as None, and one of before the field was a list as text.
    return [row for row in value if isinstance(row, Mapping)] if hasattr(value, "__iter__") else []
