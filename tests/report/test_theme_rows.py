"""Themes of a report: by the date of the feedback, joined with what analysts read."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.lake.paths import Lake, open_lake
from include.llm.endpoint import RECORDED_MODEL
from include.pipelines.registry import load_pipeline
from include.report.by_date import ByDate, read_by_date
from include.report.quotes import Quotes
from include.report.records import feedback_rows
from include.report.theme_items import ThemeItems, read_theme_items
from include.report.theme_rows import ThemeRow, theme_rows
from include.themes.items import ITEMS_SCHEMA, LATE
from include.themes.state import commit, read_themes, write_events
from include.themes.theme import Event
from tests.report.test_by_date import END, review, write

NAME = "app_store_reviews"
REVIEWS = load_pipeline(NAME)
SMS, ADS = "t_000000000001", "t_000000000002"
DAY, NIGHT = timedelta(days=1), END.date()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def created(theme_id: str, name: str, **status: Any) -> list[Event]:
    """A theme."""
    at = END - 60 * DAY
    named = [Event(theme_id, "created", "rule", at), Event(theme_id, "named", "rule", at, name)]
    return [
        *named,
        *([Event(theme_id, "status", "person:ann", status["at"], status=status["status"])] if status else []),
    ]


def path_of(lake: Lake, run_key: str, day: date, pipeline: str = NAME) -> str:
    return lake.theme_items(pipeline, day, run_key)


def group(
    lake: Lake,
    run_key: str,
    items: Sequence[tuple[str, int, str | None]],
    events: Sequence[Event] = (),
    late: int = 0,
    day: date = NIGHT,
    pipeline: str = NAME,
    version: str = "1",
) -> None:
    """What `watch` leaves of a run: (record, place in its list, theme) of each item."""
    themes = read_themes(lake)
    themes.fold(events)
    rows = [
        {
            "record_id": record,
            "record_version": version,
            "field": "f",
            "item_index": place,
            "summary": "s",
            "theme_id": of,
        }
        for record, place, of in items
    ]
    table = pa.Table.from_pylist(rows, schema=ITEMS_SCHEMA).replace_schema_metadata({LATE: str(late)})
    for row in rows:
        if row["theme_id"]:
            themes.themes[row["theme_id"]].items[pipeline] += 1
    commit(lake, themes, events, path_of(lake, run_key, day, pipeline), table)


def of_run(days_ago: float, record: str, *topics: str, run: str = "one", **columns: Any) -> dict[str, Any]:
    """A review as `current/` has it, answered by a run."""
    return review(days_ago, *topics, record_id=record, record_version="1", run_id=f"run {run}", **columns)


def items(lake: Lake, run_key: str = "one", *, is_recorded: bool = False) -> ThemeItems:
    keys = {f"run {name}": name for name in ("one", "two", "three")}
    found = read_theme_items(lake, NAME, path_of(lake, run_key, NIGHT), keys, is_recorded=is_recorded)
    assert found is not None
    return found


def look(lake: Lake, *, is_recorded: bool = False) -> tuple[ByDate, list[ThemeRow]]:
    themes, quotes = items(lake, is_recorded=is_recorded), Quotes(REVIEWS.report_fields)

    def take(rows: pa.Table) -> None:
        found = feedback_rows(rows, REVIEWS.report_fields, themes)
        quotes.take(found.set_column(found.column_names.index("topic"), "topic", found["theme"]))

    found = read_by_date(lake, REVIEWS, END, 1, is_recorded=is_recorded, of_week=take, themes=themes)
    assert found is not None
    return found, theme_rows(REVIEWS, found, themes, quotes)


def weeks(rows: Sequence[ThemeRow]) -> dict[str, list[int]]:
    return {row.name: [*row.weeks.weeks] for row in rows}


BOTH = [*created(SMS, "SMS codes come late."), *created(ADS, "Ads are loud")]


def test_a_record_counts_once_in_each_of_its_themes_by_its_own_day(lake: Lake) -> None:
    write(lake, [of_run(1, "a", "login", "login", "ads"), of_run(8, "b", "login"), of_run(2, "c", "login")])
    group(lake, "one", [("a", 0, SMS), ("a", 1, SMS), ("a", 2, ADS), ("b", 0, SMS), ("c", 0, None)], BOTH)
    found, rows = look(lake)
    assert weeks(rows) == {"SMS codes come late.": [1, 1], "Ads are loud": [1, 0]}
    assert found.weeks_of == [2, 1] and sum(found.days_of) == 3


def test_a_record_that_was_processed_again_is_in_the_themes_of_its_answer_alone(lake: Lake) -> None:
    write(lake, [of_run(1, "a", "login", run="two"), of_run(1, "b", "login", run="two")])
    group(lake, "one", [("a", 0, SMS), ("b", 0, SMS)], BOTH)
    group(lake, "two", [("a", 0, ADS), ("b", 0, SMS)], day=NIGHT - DAY)
    assert weeks(look(lake)[1]) == {"SMS codes come late.": [1], "Ads are loud": [1]}


def test_an_item_that_found_its_theme_with_a_later_run_counts_too(lake: Lake) -> None:
    write(lake, [of_run(3, "a", "login", "ads"), of_run(1, "b", "login", run="two")])
    group(lake, "one", [("a", 0, None), ("a", 1, ADS)], BOTH)
    group(lake, "two", [("b", 0, SMS), ("a", 0, SMS)], late=1)
    assert weeks(look(lake)[1]) == {"SMS codes come late.": [2], "Ads are loud": [1]}


def test_a_theme_that_was_merged_answers_with_its_replacement(lake: Lake) -> None:
    write(lake, [of_run(1, "a", "login"), of_run(2, "b", "login", "ads")])
    group(lake, "one", [("a", 0, SMS), ("b", 0, SMS), ("b", 1, ADS)], BOTH)
    write_events(lake, [Event(ADS, "merged", "person:ann", END, into_theme_id=SMS)])
    assert weeks(look(lake)[1]) == {"SMS codes come late.": [2]}


def test_a_report_reads_what_is_new_and_its_own_run_and_nothing_else(lake: Lake) -> None:
    write(lake, [of_run(1, "a", "login"), of_run(2, "b", "ads", run="two")])
    group(lake, "two", [("b", 0, ADS)], BOTH, day=NIGHT - DAY)
    group(lake, "one", [("a", 0, ADS)])
    look(lake)
    Path(path_of(lake, "two", NIGHT - DAY)).write_bytes(b"not read again")
    group(lake, "one", [("a", 0, SMS)])
    assert weeks(look(lake)[1]) == {"SMS codes come late.": [1], "Ads are loud": [1]}


@pytest.mark.parametrize("content", [b"", b"PAR1 damaged"])
def test_an_index_that_is_damaged_is_made_anew(lake: Lake, content: bytes) -> None:
    write(lake, [of_run(1, "a", "login")])
    group(lake, "one", [("a", 0, SMS)], BOTH)
    look(lake)
    (index,) = Path(lake.index(NAME)).glob("themed.parquet")
    index.write_bytes(content)
    assert weeks(look(lake)[1]) == {"SMS codes come late.": [1]}


def test_a_theme_that_rises_is_news_with_its_name_and_what_its_records_share(lake: Lake) -> None:
    rows = [of_run(8 + n % 20, f"old{n}", "login", attr_app_version="6.2") for n in range(80)]
    rows += [of_run(1, f"new{n}", "login", attr_app_version="6.3" if n < 15 else "6.2") for n in range(40)]
    write(lake, rows)
    told = [*((f"new{n}", 0, SMS) for n in range(15)), ("old1", 0, SMS), *((f"old{n}", 0, ADS) for n in range(2, 12))]
    group(lake, "one", [*told, *((f"new{n}", 0, ADS) for n in range(20, 25))], BOTH)
    sms, ads = look(lake)[1]
    assert sms.news and sms.news.startswith("SMS codes come late: 15 of 40 reviews this week")
    assert "15 of 15 with app version 6.3" in sms.news
    assert ads.news is None


def shipped(lake: Lake, days_ago: float, after: int, before: int) -> str | None:
    """What is said of a theme that was shipped then; before it there were five reviews a day, and since."""
    rows = [of_run(day + 0.4, f"{day}-{n}", "login") for day in range(30) for n in range(5)]
    write(lake, rows)
    at, events = END - days_ago * DAY, created(SMS, "SMS", status="shipped", at=END - days_ago * DAY)
    since = [row["record_id"] for row in rows if row["occurred_at"] > at]
    earlier = [row["record_id"] for row in rows if row["occurred_at"] < at - DAY]
    group(lake, "one", [(record, 0, SMS) for record in [*since[:after], *earlier[:before]]], events)
    (row,) = look(lake)[1]
    return row.shipped


def test_what_was_shipped_is_quieter_since_if_the_days_after_it_say_so(lake: Lake) -> None:
    assert shipped(lake, 10, 1, 40) == (
        "Shipped on 13 November 2026: 1 of 50 reviews in the 10 days since, 40 of 95 in the 20 days before: "
        "quieter since."
    )


def test_where_chance_alone_may_have_made_it_quieter_nothing_is_claimed(lake: Lake) -> None:
    assert str(shipped(lake, 10, 2, 6)).endswith("before: no clear change.")


def test_what_was_shipped_today_or_long_ago_is_not_compared(lake: Lake, tmp_path: Path) -> None:
    assert shipped(lake, 0.5, 1, 40) == "Shipped on 22 November 2026: too early to say whether it is quieter."
    long_ago = shipped(open_lake(str(tmp_path / "other")), 50, 4, 0)
    assert long_ago and long_ago.endswith("what was before is older than what this page looks at.")


def test_a_theme_says_in_which_other_pipelines_it_is_with_their_own_counts(lake: Lake) -> None:
    tickets = load_pipeline("support_tickets")
    group(lake, "t", [(f"t{n}", 0, SMS) for n in range(3)], BOTH, pipeline=tickets.name)
    write(lake, [of_run(1, "a", "login")])
    group(lake, "one", [("a", 0, SMS)])
    assert look(lake)[1][0].elsewhere == ["support tickets: 3 in all"]
    rows = [of_run(1 if n else 9, f"t{n}", run="t", category="login") for n in range(3)]
    write(lake, rows, tickets)
    path = path_of(lake, "t", NIGHT, tickets.name)
    found = read_theme_items(lake, tickets.name, path, {"run t": "t"}, is_recorded=False)
    assert found is not None
    by_date = read_by_date(lake, tickets, END, 1, is_recorded=False, themes=found)
    assert by_date is not None
    (row,) = theme_rows(tickets, by_date, found, Quotes(tickets.report_fields))
    assert row.elsewhere == ["app store reviews: 1 in the week until 23 November 2026, 0 in the week before"]
    said = "support tickets: 2 in the week until 23 November 2026, 1 in the week before"
    assert look(lake)[1][0].elsewhere == [said]
    write(lake, [of_run(1, "a", "login", model=RECORDED_MODEL)])
    assert look(lake, is_recorded=True)[1][0].elsewhere == ["support tickets: 3 in all"]
