"""Themes and what happens to them, as rows of `themes/events/`."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

import pyarrow as pa

from include.lake.schemas import UTC_TIME
from include.text.clean import clean_text

STATUSES = ("candidate", "active", "shipped", "declined", "parked")
# Who has named or done what no model and no person has.
RULE = "rule"
MOST_NAME_CHARACTERS = 120

EVENTS_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("theme_id", pa.string(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        *[pa.field(name, pa.string()) for name in ("name", "into_theme_id", "status")],
        pa.field("by", pa.string(), nullable=False),
        pa.field("at", UTC_TIME, nullable=False),
    ]
)


@dataclass(frozen=True)
class Event:
    """Something that happened to a theme once.

    Args:
        event: `created`, `named`, `renamed`, `merged` or `status`.
        by: `model:<name>`, `person:<user>` or `rule`.
        at: UTC.
    """

    theme_id: str
    event: str
    by: str
    at: datetime
    name: str | None = None
    into_theme_id: str | None = None
    status: str | None = None

    @property
    def event_id(self) -> str:
        """The same for what a rule finds again: what a night had not finished is done once more, not twice."""
        said = (self.theme_id, self.event, self.by, self.name, self.into_theme_id, self.status)
        when = "" if self.by == RULE else self.at.isoformat()
        return f"e_{hashlib.sha256(repr((said, when)).encode()).hexdigest()[:16]}"


def events_table(events: Iterable[Event]) -> pa.Table:
    """A file of `themes/events/`."""
    rows = [{"event_id": event.event_id} | asdict(event) for event in events]
    return pa.Table.from_pylist(rows, schema=EVENTS_SCHEMA)


@dataclass
class Theme:
    """One theme.

    Args:
        into_theme_id: the theme that answers for it since they were merged.
        items: by pipeline, how many have been grouped to it or to those that were merged into it.
        first_seen, last_seen: first and last day with items, as the `run_date` of their runs.
        status_at: when it was given its status; None: not noted.
    """

    theme_id: str
    created_at: datetime
    name: str = ""
    status: str = "candidate"
    into_theme_id: str | None = None
    items: Counter[str] = field(default_factory=Counter)
    first_seen: date | None = None
    last_seen: date | None = None
    status_at: datetime | None = None


def clean_name(text: str) -> str:
    """A name as people may see it: one line, nothing that steers a terminal, not too long."""
    words = " ".join(clean_text(text[: 4 * MOST_NAME_CHARACTERS]).split())
    return words if len(words) <= MOST_NAME_CHARACTERS else f"{words[: MOST_NAME_CHARACTERS - 1].rstrip()}…"


def resolve(themes: Mapping[str, Theme], theme_id: str) -> str:
    """The theme that answers for one: itself, or the one that it was merged into."""
    while (into := themes[theme_id].into_theme_id) is not None:
        theme_id = into
    return theme_id


def apply(themes: dict[str, Theme], event: Event) -> None:
    """Take one event in. Once is enough, and more does no harm; what can no longer be is passed over."""
    theme = themes.get(event.theme_id)
    if event.event == "created":
        themes.setdefault(event.theme_id, Theme(event.theme_id, event.at))
    elif theme is None:
        return
    elif event.event == "merged":
        target = resolve(themes, event.into_theme_id) if event.into_theme_id in themes else theme.theme_id
        # Two people may merge two themes into each other at once.
        if theme.into_theme_id is None and target != theme.theme_id:
            theme.into_theme_id = target
            themes[target].items.update(theme.items)
            theme.items.clear()
    elif event.event == "status":
        theme.status, theme.status_at = event.status or theme.status, event.at
    elif event.name:
        theme.name = event.name
