"""Feedback by its own day: this week, the weeks before, and what is news; read from `current/`.

A run that is made again or makes up for an old night is no earlier night here, because `current/` has each record once,
under the day on which it was written.
"""

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.current_ids import list_months, month_of
from include.lake.paths import Lake
from include.lake.row_groups import file_schema, read_groups
from include.lake.whole_months import is_whole
from include.llm.endpoint import RECORDED_MODEL
from include.pipelines.definition import Pipeline
from include.report.labelled import Pairs, labelled, pairs_of, text_column
from include.report.news import Change, Shared, changes, looked_at
from include.report.period_counts import PeriodCounts
from include.report.records import read_columns
from include.report.shared_counts import CUSTOMER_KEY, SharedCounts
from include.report.theme_items import ThemeItems

DAY, WEEK = timedelta(days=1), timedelta(days=7)
# This one and those that it is compared with: enough to know what is usual, few enough to be of today's product.
WEEKS = 5
_BY = ["model", "prompt_version", "sign"]
_NOW, _BEFORE = slice(0, 1), slice(1, None)


@dataclass(frozen=True)
class LabelWeeks:
    """One label by date.

    Args:
        day: how many bear it in the last 24 hours.
        weeks: in each week, this one first.
        change: how it is news; None: it is none.
        shared: what this week's records with it have in common, if it is news.
        days: in each day, the last one first; of a topic in that one alone.
    """

    label: str
    day: int
    weeks: Sequence[int]
    change: Change | None = None
    shared: Sequence[Shared] = ()
    days: Sequence[int] = ()


@dataclass(frozen=True)
class ByDate:
    """What was said when.

    Args:
        end: of this week and of the last 24 hours.
        since: day of the first feedback that there is.
        are_customers: whether customers are counted, as every record has a customer key, and not records.
        day_of: how many there are in the last 24 hours.
        weeks_of: how many there are in each week, this one first, as far back as there is feedback.
        labels: the most frequent of this week first.
        news: those that are news, the most important first.
        looked_at: how many labels were tested.
        looks: nights of the last four weeks, this one among them.
        answered_by: models with their prompt, of this week and of the weeks before.
        is_whole: whether this week is the last one from Monday to Sunday, and not the last seven days.
        whole_week: the last one from Monday to Sunday; None: not looked at, or nothing was said in it.
        themes: as `labels`, by the ids of themes; none where nothing is grouped.
        days_of: how many there are in each day of these weeks, the last one first, as far as themes are counted.
    """

    end: datetime
    since: date
    are_customers: bool
    day_of: int
    weeks_of: Sequence[int]
    labels: Sequence[LabelWeeks]
    news: Sequence[LabelWeeks]
    looked_at: int
    looks: int
    answered_by: tuple[frozenset[str], frozenset[str]]
    is_whole: bool = False
    whole_week: "ByDate | None" = None
    themes: Sequence[LabelWeeks] = ()
    days_of: Sequence[int] = ()


def last_monday(moment: datetime, timezone: str) -> datetime:
    """When the week began in which a moment lies: its Monday, 00:00 there."""
    local = moment.astimezone(ZoneInfo(timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) - local.weekday() * DAY


def read_by_date(
    lake: Lake,
    pipeline: Pipeline,
    end: datetime,
    looks: int,
    *,
    is_recorded: bool,
    of_week: Callable[[pa.Table], object] | None = None,
    whole_week: bool = False,
    themes: ThemeItems | None = None,
) -> ByDate | None:
    """Count the feedback of some weeks; None where there is none before the end.

    Days and weeks are those of the pipeline's time zone, also where one of them has 23 or 25 hours. Where the newest
    feedback is older than a week, as that of an old file, its own last week is looked at.

    Args:
        end: when the run's window ends.
        looks: nights of the last four weeks, this one among them.
        is_recorded: whether recorded answers are counted, or those of models.
        of_week: gets this week's rows part by part, without their texts.
        whole_week: whether the last week from Monday to Sunday is counted too; `of_week` gets it as well.
        themes: of the records, which are counted for the seven days alone.

    Raises:
        RetryLater: the lake cannot be read.
    """
    days = {
        path: span for files in list_months(lake, pipeline.name).values() for path in files for span in [_days(path)]
    }
    known = [path for path, (first, _) in days.items() if first <= end]
    if not known:
        return None
    newest = max(days[path][1] for path in known)
    is_old = newest <= end - WEEK
    ends = [(newest if is_old else end).astimezone(ZoneInfo(pipeline.timezone))]
    if whole_week and not is_old:
        ends.append(last_monday(end, pipeline.timezone))
    readings = [_Reading(pipeline, ends[0], themes), *(_Reading(pipeline, moment) for moment in ends[1:])]
    names = read_columns(file_schema(lake, known[-1]).names)
    for path in known:
        if days[path][1] > ends[-1] - WEEKS * WEEK:
            columns = names if days[path][1] > ends[-1] - WEEK else readings[0].columns
            for rows in read_groups(lake, path, columns):
                recorded = pc.fill_null(pc.equal(text_column(rows, "model"), RECORDED_MODEL), False)
                rows = _only(rows, recorded if is_recorded else pc.invert(recorded))
                part = _only(rows, pa.array(np.any([reading.take(rows) for reading in readings], axis=0)))
                if of_week and part.num_rows:
                    of_week(part)
    since = min(days.values())[0]
    found, *whole = [reading.found(since, looks) if reading.has_any else None for reading in readings]
    whole = [replace(week, is_whole=True) for week in whole if week and week.weeks_of[0]]
    return replace(found, whole_week=whole[0]) if found and whole else found


def _days(path: str) -> tuple[datetime, datetime]:
    """From when to when a file of `current/` may have feedback."""
    first = datetime.fromisoformat(f"{month_of(path)}-01T00:00:00+00:00")
    if is_whole(path):
        return first, (first + 31 * DAY).replace(day=1)
    day = first.replace(day=int(posixpath.basename(path)[len("part-") : -len(".parquet")]))
    return day, day + DAY


class _Counted:
    """Records by label: by topic, or by theme.

    Args:
        end: of this week and of the last day.
        days: how many are counted one by one.
    """

    def __init__(self, end: datetime, days: int) -> None:
        self.weeks, self.days = PeriodCounts(end, WEEK, WEEKS), PeriodCounts(end, DAY, days)
        self.shared = SharedCounts()

    def found(self, covered: Sequence[int], looks: int) -> tuple[list[LabelWeeks], list[LabelWeeks], int]:
        """The labels, the most frequent of this week first; the news among them; how many were tested.

        Args:
            covered: weeks of which there may be feedback.
        """
        weeks = {label: [counts[week] for week in covered] for label, counts in self.weeks.by_label().items()}
        now, before = ({label: sum(counts[part]) for label, counts in weeks.items()} for part in (_NOW, _BEFORE))
        now_of, *before_of = (self.weeks.totals()[week] for week in covered)
        news = {change.label: change for change in changes(now, now_of, before, sum(before_of), looks)}
        days = self.days.by_label()
        rows = {
            label: LabelWeeks(
                label,
                days[label][0],
                counts,
                news.get(label),
                self.shared.shared(label) if label in news else (),
                days[label],
            )
            for label, counts in weeks.items()
            if any(counts)
        }
        ranked = sorted(rows.values(), key=lambda row: (-row.weeks[0], -sum(row.weeks), row.label))
        return ranked, [rows[label] for label in news], len(looked_at(now, before))


class _Reading:
    """What is counted while files go by."""

    def __init__(self, pipeline: Pipeline, end: datetime, themes: ThemeItems | None = None) -> None:
        self._names, self._zone, self._end = pipeline.report_fields, pipeline.timezone, end
        # By the clock on the wall, in which each day has 24 hours.
        wall = end.replace(tzinfo=UTC)
        self._topics, self._of_themes = _Counted(wall, 1), _Counted(wall, WEEKS * 7)
        self._themes = themes
        self._answered_by: tuple[set[str], set[str]] = set(), set()

    @property
    def columns(self) -> list[str]:
        """That are needed of every week."""
        names, ids = self._names, ("record_id", "record_version", "run_id") if self._themes else ()
        own = [f"{names.items}.{name}" if names.items else name for name in (names.topic, names.topic_other) if name]
        return ["occurred_at", "model", "prompt_version", CUSTOMER_KEY, *own, *ids]

    def take(self, rows: pa.Table) -> np.ndarray:
        """Count some rows.

        Returns:
            Which of them are of this week.
        """
        keys = text_column(rows, CUSTOMER_KEY)
        moments = pc.local_timestamp(rows["occurred_at"].cast(pa.timestamp("us", self._zone)))
        weeks = self._topics.weeks.periods_of(moments)
        for counted, pairs in self._pairs(rows):
            counted.weeks.take(weeks, pairs, keys)
            counted.days.take(counted.days.periods_of(moments), pairs, keys)
        by = pa.table([text_column(rows, "model"), text_column(rows, "prompt_version"), np.sign(weeks)], _BY)
        for who in by.group_by(_BY).aggregate([]).to_pylist():
            if who["model"] and who["sign"] >= 0:
                self._answered_by[who["sign"]].add(f"{who['model']} {who['prompt_version']}")
        of_week = _only(rows, pa.array(weeks == 0))
        if of_week.num_rows:
            for counted, pairs in self._pairs(of_week, only_largest=True):
                counted.shared.take(of_week, pairs)
        return weeks == 0

    def _pairs(self, rows: pa.Table, *, only_largest: bool = False) -> Iterator[tuple[_Counted, Pairs]]:
        said = labelled(rows, self._names)
        yield self._topics, pairs_of(rows.num_rows, said.rows, said.labels)
        if self._themes:
            ids = self._themes.of(rows, said)
            ids = self._themes.only_largest(ids) if only_largest else ids
            yield self._of_themes, pairs_of(rows.num_rows, said.rows, ids)

    @property
    def has_any(self) -> bool:
        """Whether there was anything to count."""
        return any(self._topics.weeks.totals())

    def found(self, since: datetime, looks: int) -> ByDate:
        """What was counted.

        Args:
            since: before it there is no feedback.
        """
        covered = [week for week in range(WEEKS) if self._end - week * WEEK > since]
        totals, (day_of,) = self._topics.weeks.totals(), self._topics.days.totals()
        labels, news, tested = self._topics.found(covered, looks)
        days_of = self._of_themes.days.totals()
        return ByDate(
            end=self._end,
            since=since.date(),
            are_customers=self._topics.weeks.are_customers,
            day_of=day_of,
            weeks_of=[totals[week] for week in covered],
            labels=labels,
            news=news,
            looked_at=tested,
            looks=looks,
            answered_by=(frozenset(self._answered_by[0]), frozenset(self._answered_by[1])),
            themes=self._of_themes.found(covered, looks)[0] if self._themes else (),
            days_of=[count for day, count in enumerate(days_of) if self._end - day * DAY > since],
        )


def _only(rows: pa.Table, wanted: pa.Array) -> pa.Table:
    # Nearly always all of them, and lists take long to copy.
    return rows if pc.all(wanted).as_py() else rows.filter(wanted)
