"""Feedback by its own day, counted from `current/`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.lake.paths import Lake, open_lake
from include.lake.write import write_table
from include.llm.endpoint import RECORDED_MODEL
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.report.by_date import ByDate, last_monday, read_by_date
from include.report.labelled import pairs_of
from include.report.news import changes
from include.report.news_words import change_line, coverage, mixed_answers, short_line
from include.report.period_counts import PeriodCounts

REVIEWS, SURVEYS = load_pipeline("app_store_reviews"), load_pipeline("survey_answers")
END = datetime(2026, 11, 23, 2, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def review(days_ago: float, *topics: str, **columns: Any) -> dict[str, Any]:
    """A review as `current/` has it; other columns override."""
    feedback = [{"topic": topic, "topic_other": "", "summary": f"About {topic}."} for topic in topics]
    row = {"occurred_at": END - timedelta(days=days_ago), "model": "gpt", "prompt_version": "v3", "feedback": feedback}
    return row | columns


def write(lake: Lake, rows: Sequence[Mapping[str, Any]], pipeline: Pipeline = REVIEWS) -> None:
    """Put rows where they belong."""
    days: dict[str, list[dict[str, Any]]] = {}
    for number, row in enumerate(rows):
        days.setdefault(f"{row['occurred_at']:%Y-%m-%d}", []).append({"record_id": f"r{number}", **row})
    for day, of_day in days.items():
        write_table(lake, lake.current_file(pipeline.name, day), pa.Table.from_pylist(of_day))


def read(lake: Lake, pipeline: Pipeline = REVIEWS, looks: int = 1, **options: Any) -> ByDate:
    found = read_by_date(lake, pipeline, options.pop("end", END), looks, is_recorded=options.pop("is_recorded", False))
    assert found is not None and not options
    return found


def weeks(found: ByDate) -> dict[str, tuple[int, ...]]:
    return {row.label: (row.day, *row.weeks) for row in found.labels}


def test_a_record_counts_in_the_week_of_its_date_and_once_for_each_topic(lake: Lake) -> None:
    rows = [review(0.5, "login", "login", "ads"), review(6.99, "login"), review(7.01, "login"), review(34.9, "ads")]
    write(lake, [*rows, review(35.1, "ads"), review(-0.5, "login"), review(3)])
    found = read(lake)
    assert weeks(found) == {"login": (1, 2, 1, 0, 0, 0), "ads": (1, 1, 0, 0, 0, 1)}
    assert (found.day_of, found.weeks_of) == (1, [3, 1, 0, 0, 1])


def test_weeks_before_the_first_feedback_are_unknown_and_not_empty(lake: Lake) -> None:
    write(lake, [review(1, "login"), review(17, "login")])
    found = read(lake)
    assert found.weeks_of == [1, 0, 1]
    said = coverage(REVIEWS, found)
    assert said.startswith(
        "There is feedback since 6 November 2026. This week is 16 November 2026 02:00 to 23 November"
    )
    assert "compared with the 2 weeks before" in said
    assert "No feedback at all came from 9 November 2026 02:00 to 16 November 2026 02:00." in said


def test_without_weeks_before_nothing_is_compared(lake: Lake) -> None:
    write(lake, [review(1, "login") for _ in range(50)])
    found = read(lake)
    assert not found.news
    assert "nothing before it to compare it with" in coverage(REVIEWS, found)


def test_no_feedback_is_none(lake: Lake) -> None:
    assert read_by_date(lake, REVIEWS, END, 1, is_recorded=False) is None
    write(lake, [review(-5, "login")])
    assert read_by_date(lake, REVIEWS, END, 1, is_recorded=False) is None


def test_an_old_file_has_its_own_last_week(lake: Lake) -> None:
    write(lake, [review(400, "login"), review(404, "login"), review(409, "ads")])
    found = read(lake)
    assert found.weeks_of == [2, 1]
    assert found.end.date() == (END - timedelta(days=399)).date()


def test_a_backfill_of_an_old_night_looks_at_the_weeks_before_it(lake: Lake) -> None:
    write(lake, [review(1, "login"), review(61, "ads"), review(70, "ads")])
    assert weeks(read(lake, end=END - timedelta(days=60))) == {"ads": (1, 1, 1)}


def test_recorded_answers_and_those_of_models_are_never_counted_together(lake: Lake) -> None:
    write(lake, [review(1, "login"), review(2, "ads", model=RECORDED_MODEL)])
    assert weeks(read(lake)) == {"login": (1, 1)}
    assert weeks(read(lake, is_recorded=True)) == {"ads": (0, 1)}


def risen(**columns: Any) -> list[dict[str, Any]]:
    """A week of which a third is about login, on a new version; before it one in twenty was."""
    before = [review(8 + n % 26, "login" if n % 20 == 0 else "ads", attr_app_version="6.2") for n in range(120)]
    other = [review(n % 7 + 0.5, "ads", attr_app_version="6.3" if n % 5 == 0 else "6.2") for n in range(40)]
    login = [review(n % 7 + 0.5, "login", attr_app_version="6.3" if n < 16 else "6.2", **columns) for n in range(20)]
    return [*before, *other, *login]


def test_news_says_how_many_of_how_many_with_a_range_and_what_they_share(lake: Lake) -> None:
    write(lake, risen())
    found = read(lake)
    login, ads = found.news
    assert change_line(REVIEWS, found, login) == (
        "Login: 20 of 60 reviews this week (14 to 28), up from 2 of 35 the week before; "
        "16 of 20 with app version 6.3 (of all others 8 of 40)"
    )
    assert short_line(REVIEWS, found, login) == "login in 20 of 60 reviews this week, up from 2 of 35 the week before"
    assert ads.change and ads.change.kind == "fading"
    assert (found.looked_at, found.looks) == (2, 1)


def test_a_topic_that_was_never_there_before_is_new(lake: Lake) -> None:
    write(lake, [*(review(8, "ads") for _ in range(60)), *(review(1, "crashes") for _ in range(20))])
    found = read(lake)
    assert "Crashes: 20 of 20 reviews this week (17 to 20), none the week before" in change_line(
        REVIEWS, found, found.news[0]
    )


def test_a_customer_who_writes_often_is_one_customer(lake: Lake) -> None:
    write(lake, [{**row, "attr_customer_key": f"c{n}"} for n, row in enumerate(risen())])
    found = read(lake)
    assert found.are_customers
    assert "20 of 60 customers this week (14 to 28)" in change_line(REVIEWS, found, found.news[0])
    assert "16 of 20 reviews with app version 6.3" in change_line(REVIEWS, found, found.news[0])


def test_twenty_reviews_of_one_customer_are_no_news(lake: Lake) -> None:
    write(lake, [{"attr_customer_key": f"c{n}", **row} for n, row in enumerate(risen(attr_customer_key="the same"))])
    found = read(lake)
    assert weeks(found)["login"][1] == 1
    assert found.weeks_of[0] == 41 and not found.news


def test_where_some_records_have_a_customer_key_the_others_count_each(lake: Lake) -> None:
    rows = [review(1, "login", attr_customer_key=key) for key in ("a", "a", None, None)]
    write(lake, [*rows, review(2, "login", attr_customer_key="a")])
    found = read(lake)
    assert weeks(found)["login"] == (3, 3)
    assert not found.are_customers


def test_a_free_label_is_a_label_of_its_own(lake: Lake) -> None:
    other = [{"topic": "other", "topic_other": "Parking"}, {"topic": "customer_support", "topic_other": ""}]
    write(lake, [review(1, feedback=other)])
    assert set(weeks(read(lake))) == {"other: parking", "customer support"}


def test_an_answer_that_is_no_list_has_news_of_its_own_closed_set(lake: Lake) -> None:
    rows = [review(n / 3 + 0.5, theme="check_in_out" if n < 12 else "room", attr_score=n % 3) for n in range(18)]
    write(lake, [*rows, *(review(8 + n % 20, theme="room") for n in range(60))], SURVEYS)
    found = read(lake, SURVEYS)
    assert change_line(SURVEYS, found, found.news[0]).startswith("Check in out: 12 of 18 answers this week")


def test_a_lake_of_before_has_fewer_columns_and_lists_as_text(lake: Lake) -> None:
    rows = [{"occurred_at": END - timedelta(days=day), "feedback": "[]"} for day in (1, 8)]
    write(lake, rows)
    assert read(lake).weeks_of == [1, 1]
    write(lake, [{"occurred_at": END - timedelta(days=day)} for day in (1, 8)])
    assert read(lake).weeks_of == [1, 1]


def test_a_month_in_one_file_is_read_too(lake: Lake) -> None:
    rows = pa.Table.from_pylist([review(1, "login"), review(9, "login")])
    write_table(lake, lake.current_file(REVIEWS.name, "2026-11-01").replace("part-01", "part"), rows)
    found = read(lake)
    assert weeks(found) == {"login": (1, 1, 1, 0, 0)} and found.since == date(2026, 11, 1)


def test_weeks_that_different_prompts_have_read_are_said_to_be(lake: Lake) -> None:
    write(lake, [review(1, "login"), review(8, "login", prompt_version="v2")])
    said = mixed_answers(read(lake))
    assert said and "This week was read by gpt v3, the weeks before by gpt v2" in said
    write(lake, [review(1, "login"), review(8, "login")])
    assert mixed_answers(read(lake)) is None


def test_a_column_that_tells_each_record_apart_is_shared_by_none(lake: Lake) -> None:
    rows = [{**row, "attr_title": f"title {n}"} for n, row in enumerate(risen())]
    write(lake, rows)
    found = read(lake)
    assert [one.attribute for one in found.news[0].shared] == ["app version"]


def test_any_labels_of_records_are_counted_and_tested_alike() -> None:
    """Records with any number of labels, such as themes."""
    counts = PeriodCounts(END, timedelta(days=7), 2)
    for week, count in ((0, 12), (1, 1)):
        moments = pa.array([END - timedelta(days=7 * week + 1)] * 40, pa.timestamp("us", "UTC"))
        rows = np.array([*range(count), 39, 39])
        labels = pa.array(["t_late"] * count + ["t_other", None])
        counts.take(counts.periods_of(moments), pairs_of(40, rows, labels), pa.nulls(40, pa.string()))
    assert counts.totals() == [40, 40]
    assert counts.by_label() == {"t_late": (12, 1), "t_other": (1, 1)}
    now, before = ({label: of[week] for label, of in counts.by_label().items()} for week in (0, 1))
    assert [change.label for change in changes(now, 40, before, 40)] == ["t_late"]


def test_days_are_those_of_the_pipelines_zone(lake: Lake) -> None:
    write(lake, [review(1, "login"), review(8, "login")])
    berlin = replace(REVIEWS, timezone="Europe/Berlin")
    assert "16 November 2026 03:00 to 23 November 2026 03:00" in coverage(berlin, read(lake))


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        ("2026-11-23T00:00+00:00", "2026-11-23T00:00+00:00"),
        ("2026-11-22T23:30+00:00", "2026-11-16T00:00+00:00"),
        ("2026-11-29T23:59+00:00", "2026-11-23T00:00+00:00"),
    ],
)
def test_a_week_begins_on_monday_at_midnight(moment: str, monday: str) -> None:
    assert last_monday(datetime.fromisoformat(moment), "UTC") == datetime.fromisoformat(monday)


def test_a_week_is_that_of_the_pipeline_s_zone_also_where_it_has_an_hour_more(lake: Lake) -> None:
    berlin = replace(REVIEWS, timezone="Europe/Berlin")
    assert last_monday(datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "Europe/Berlin") == datetime(
        2026, 11, 22, 23, tzinfo=UTC
    )
    # From Sunday, 22:00 UTC, in summer to Sunday, 23:00 UTC, in winter.
    moments = ("2026-10-18T21:59", "2026-10-18T22:00", "2026-10-25T22:59", "2026-10-25T23:00")
    rows = [
        review(0, topic, occurred_at=datetime.fromisoformat(f"{at}+00:00"))
        for at, topic in zip(moments, "abcd", strict=True)
    ]
    write(lake, rows)
    seen: list[str] = []
    found = read_by_date(
        lake,
        berlin,
        datetime(2026, 10, 27, 2, tzinfo=UTC),
        1,
        is_recorded=False,
        of_week=lambda rows: seen.extend(rows["record_id"].to_pylist()),
        whole_week=True,
    )
    assert found is not None and found.whole_week is not None
    assert weeks(found.whole_week) == {"b": (0, 1, 0), "c": (1, 1, 0), "a": (0, 0, 1)}
    assert (
        coverage(berlin, found.whole_week)
        .partition("Last week is ")[2]
        .startswith("19 to 25 October 2026, compared with the week before")
    )
    assert sorted(seen) == ["r1", "r2", "r3"], "each once, those of the last seven days and of the week"


@pytest.mark.parametrize("days_ago", [0.01, 40])
def test_a_week_in_which_nothing_was_said_is_no_week_without_trouble(lake: Lake, days_ago: float) -> None:
    write(lake, [review(days_ago, "login")])
    found = read_by_date(lake, REVIEWS, END, 1, is_recorded=False, whole_week=True)
    assert found is not None and found.whole_week is None
