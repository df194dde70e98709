"""Themes as a page shows them: how often, whether that is news, where else, and whether what was shipped has helped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from include.pipelines.definition import Pipeline
from include.report.by_date import DAY, ByDate, LabelWeeks
from include.report.digest import in_words
from include.report.news import changes
from include.report.news_words import change_line, day_in_words, unit_of
from include.report.quotes import Quotes, Row
from include.report.theme_items import Elsewhere, ThemeItems
from include.themes.theme import Theme

MOST_THEMES, QUOTES = 12, 5
SHIPPED = "shipped"
_THAN_BEFORE = {"fading": "quieter since", "rising": "louder since", "new": "louder since"}


@dataclass(frozen=True)
class ThemeRow:
    """One theme.

    Args:
        weeks: by date, with its id as label.
        news: how it is news, in words; None: it is none.
        shipped: whether it is quieter since it was shipped, in words.
        elsewhere: its counts in other pipelines, in words.
    """

    name: str
    status: str
    weeks: LabelWeeks
    news: str | None = None
    shipped: str | None = None
    elsewhere: Sequence[str] = ()
    quotes: Sequence[Row] = field(default_factory=list)


def theme_rows(pipeline: Pipeline, found: ByDate, items: ThemeItems, quotes: Quotes) -> list[ThemeRow]:
    """The most frequent themes, all that are news, and all that were shipped; how often stays for other pipelines.

    Args:
        quotes: with the id of its theme as topic of each.

    Raises:
        RetryLater: the lake cannot be written.
    """
    items.keep({row.label: row.weeks for row in found.themes}, found.end.date())
    rows, elsewhere = [], items.elsewhere()
    for place, row in enumerate(found.themes):
        theme = items.themes[row.label]
        if place < MOST_THEMES or row.change or theme.status == SHIPPED:
            named = LabelWeeks(theme.name.rstrip("."), row.day, row.weeks, row.change, row.shared)
            news = change_line(pipeline, found, named) if row.change else None
            others = [_other(one) for one in elsewhere[row.label]]
            said = quotes.best(row.label, QUOTES)
            rows.append(
                ThemeRow(theme.name, theme.status, row, news, _shipped(pipeline, found, row, theme), others, said)
            )
    return rows


def _other(one: Elsewhere) -> str:
    if one.weeks is None or one.until is None:
        return f"{in_words(one.pipeline)}: {one.items:,} in all"
    now, before = one.weeks
    return (
        f"{in_words(one.pipeline)}: {now:,} in the week until {day_in_words(one.until)}, {before:,} in the week before"
    )


def _shipped(pipeline: Pipeline, found: ByDate, row: LabelWeeks, theme: Theme) -> str | None:
    """The days after that of the status against those before it; the day itself is neither."""
    if theme.status != SHIPPED or theme.status_at is None:
        return None
    when = f"Shipped on {day_in_words(theme.status_at.astimezone(ZoneInfo(pipeline.timezone)))}"
    after = (found.end - theme.status_at) // DAY
    if after < 1:
        return f"{when}: too early to say whether it is quieter."
    parts = (slice(0, after), slice(after + 1, len(found.days_of)))
    (now, now_of), (before, before_of) = ((sum(row.days[part]), sum(found.days_of[part])) for part in parts)
    unit = unit_of(pipeline, now_of, are_customers=found.are_customers)
    said = f"{when}: {now:,} of {now_of:,} {unit} in the {_days(min(after, len(found.days_of)))} since"
    if not before_of:
        return f"{said}; what was before is older than what this page looks at."
    change = changes({row.label: now}, now_of, {row.label: before}, before_of)
    verdict = _THAN_BEFORE[change[0].kind] if change else "no clear change"
    return f"{said}, {before:,} of {before_of:,} in the {_days(len(found.days_of) - after - 1)} before: {verdict}."


def _days(count: int) -> str:
    return "day" if count == 1 else f"{count} days"
