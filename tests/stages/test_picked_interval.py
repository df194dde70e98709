"""Whether a person has set Airflow's data interval of a manual run."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import instance

from include.pipelines.registry import load_pipeline
from include.stages.picked_interval import picked_interval

# Nightly at 3 in Berlin, where the clocks went back on 25 October 2026.
PIPELINE = replace(load_pipeline("support_tickets"), schedule="0 3 * * *", timezone="Europe/Berlin")
NOW = datetime(2026, 11, 23, 9, 15, 3, 250_000, tzinfo=UTC)
Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class ManualRun:
    """What a task sees of a run."""

    run_after: datetime
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None


def run_at(
    run_after: datetime, logical_date: datetime | None, interval: Interval | None, inferred_from: datetime | None = None
) -> ManualRun:
    """A run as Airflow makes it: with the interval that was given, else one that the timetable infers."""
    if interval is None and logical_date is not None:
        timetable = CronDataIntervalTimetable(PIPELINE.schedule, timezone=PIPELINE.timezone)
        given = timetable.infer_manual_data_interval(run_after=instance(inferred_from or logical_date))
        interval = (given.start, given.end)
    return ManualRun(run_after, logical_date, *(interval or (None, None)))


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(run_at(NOW, None, None), id="the API without a logical date"),
        pytest.param(run_at(NOW, NOW, None), id="the API with the time of the call"),
        pytest.param(run_at(NOW, NOW - timedelta(seconds=40), None), id="a form that was open for a while"),
        pytest.param(
            run_at(NOW.replace(hour=2, minute=1), NOW.replace(hour=1, minute=58), None), id="a form open at the hour"
        ),
        pytest.param(run_at(NOW, NOW - timedelta(days=400), None, inferred_from=NOW), id="the command line"),
        pytest.param(
            run_at(datetime(2026, 10, 25, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC), None),
            id="on the day on which the clocks change",
        ),
    ],
)
def test_what_airflow_infers_nobody_has_picked(run: ManualRun) -> None:
    assert picked_interval(PIPELINE, run) is None


@pytest.mark.parametrize(
    "interval",
    [
        (datetime(2015, 4, 1, tzinfo=UTC), datetime(2015, 5, 1, tzinfo=UTC)),
        (NOW - timedelta(days=1), NOW),
        # An hour beside last night, as who forgets the zone would set it.
        (datetime(2026, 11, 22, 3, tzinfo=UTC), datetime(2026, 11, 23, 3, tzinfo=UTC)),
    ],
)
def test_any_other_interval_was_picked(interval: Interval) -> None:
    assert picked_interval(PIPELINE, run_at(NOW, NOW, interval)) == interval


def test_an_earlier_logical_date_picks_the_night_before_it() -> None:
    run = run_at(NOW, datetime(2015, 4, 10, 12, tzinfo=UTC), None)
    night = (datetime(2015, 4, 9, 1, tzinfo=UTC), datetime(2015, 4, 10, 1, tzinfo=UTC))
    assert picked_interval(PIPELINE, run) == night
