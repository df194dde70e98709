"""What by date was found, in the words of the people who read it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from include.pipelines.definition import Pipeline
from include.report.by_date import ByDate, LabelWeeks
from include.report.news import CHANCE_A_MONTH, interval

# More would be read by nobody.
MOST_SHARED = 2
_MONTHS_A_HEADLINE = round(1 / CHANCE_A_MONTH)


def unit_of(pipeline: Pipeline, count: int, *, are_customers: bool = False) -> str:
    """What is counted: `reviews`, `review`, `customers`."""
    unit = "customers" if are_customers else pipeline.report_fields.unit
    return unit.removesuffix("s") if count == 1 else unit


def change_line(pipeline: Pipeline, found: ByDate, row: LabelWeeks) -> str:
    """One piece of news with its numbers: this week's with the range of chance, those of before, what they share."""
    change = row.change
    assert change is not None
    low, high = interval(change.count, change.of)
    unit = unit_of(pipeline, change.of, are_customers=found.are_customers)
    said = (
        f"{row.label}: {change.count:,} of {change.of:,} {unit} {this_week(found)} ({low:,} to {high:,}), "
        f"{_before(found, row)}"
    )
    for shared in row.shared[:MOST_SHARED]:
        records = f" {unit_of(pipeline, shared.of)}" if found.are_customers else ""
        said += f"; {shared.count:,} of {shared.of:,}{records} with {shared.attribute} {shared.value}"
        said += f" (of all others {shared.others:,} of {shared.others_of:,})"
    return f"{said[0].upper()}{said[1:]}"


def short_line(pipeline: Pipeline, found: ByDate, row: LabelWeeks) -> str:
    """The same for a subject."""
    change = row.change
    assert change is not None
    unit = unit_of(pipeline, change.of, are_customers=found.are_customers)
    return f"{row.label} in {change.count:,} of {change.of:,} {unit} {this_week(found)}, {_before(found, row)}"


def this_week(found: ByDate) -> str:
    """The week that is looked at: `last week` if it is a whole one that has ended, else `this week`."""
    return "last week" if found.is_whole else "this week"


def week_of(pipeline: Pipeline, found: ByDate) -> str:
    """From which day to which it goes."""
    end = found.end.astimezone(ZoneInfo(pipeline.timezone))
    return _span(end - timedelta(days=7), end)


def _before(found: ByDate, row: LabelWeeks) -> str:
    change, weeks = row.change, len(found.weeks_of) - 1
    assert change is not None
    count, of, when = change.before, change.before_of, "the week before" if weeks == 1 else f"the {weeks} weeks before"
    if not count:
        return f"none {'' if weeks == 1 else 'in '}{when}"
    # One week is easier to grasp, where it says the same as all of them.
    if found.weeks_of[1] and (row.weeks[1] * change.of < change.count * found.weeks_of[1]) == (change.odds_ratio > 1):
        count, of, when, weeks = row.weeks[1], found.weeks_of[1], "the week before", 1
    way = "down" if change.kind == "fading" else "up"
    return f"{way} from {count:,} of {of:,} {'' if weeks == 1 else 'in '}{when}"


def coverage(pipeline: Pipeline, found: ByDate) -> str:
    """Since when there is feedback, which days this week is, and with what it is compared."""
    zone, week = ZoneInfo(pipeline.timezone), timedelta(days=7)
    end, weeks = found.end.astimezone(zone), len(found.weeks_of) - 1
    since, this = day_in_words(found.since), this_week(found).capitalize()
    said = f"There is feedback since {since}. {this} is {week_of(pipeline, found)}"
    if not weeks:
        return f"{said}; there is nothing before it to compare it with."
    empty = [end - number * week for number, count in enumerate(found.weeks_of) if not count]
    compared = "the week before" if weeks == 1 else f"the {weeks} weeks before"
    gaps = "".join(f" No feedback at all came from {_span(at - week, at)}." for at in reversed(empty))
    return f"{said}, compared with {compared}.{gaps}"


def how_sure(found: ByDate) -> str:
    """What the word news means here."""
    looks = "" if found.looks == 1 else f" and for the {found.looks} nights of the last four weeks"
    return (
        f"News is what chance alone brings in one of {_MONTHS_A_HEADLINE} quiet months (Fisher's exact test, corrected "
        f"for the {found.looked_at} topics that came up often enough{looks}), and changed the odds by half or more. "
        "In brackets: the range in which 95 % of such weeks lie."
    )


def mixed_answers(found: ByDate) -> str | None:
    """That the weeks were not all read by the same model and prompt, which may look like a change; None: they were."""
    now, before = found.answered_by
    if not now or not before or now == before:
        return None
    return (
        f"{this_week(found).capitalize()} was read by {_list(now)}, the weeks before by {_list(before)}: part of a "
        "change may be the reader's, not the customers'"
    )


def _list(names: frozenset[str]) -> str:
    return " and ".join(sorted(names))


def day_in_words(day: date) -> str:
    """A day as people write it, such as 23 November 2026."""
    return f"{day.day} {day:%B %Y}"


def _span(start: datetime, end: datetime) -> str:
    if end.hour or end.minute:
        return f"{day_in_words(start)} {start:%H:%M} to {day_in_words(end)} {end:%H:%M}"
    last = end - timedelta(days=1)
    is_one_month = (start.year, start.month) == (last.year, last.month)
    return f"{start.day if is_one_month else day_in_words(start)} to {day_in_words(last)}"
