"""Apple's public feed of reviews, as its recorded answers have it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.errors import ConfigurationError, RetryLater
from include.sources.record import UnreadableRecord
from include.sources.reviews.apple_feed import EMPTY_PAGE_TRIES, AppleFeed
from include.sources.web_api import MAX_ATTEMPTS
from tests.servers.provider import Answer, Asked, Provider
from tests.sources.pulling import PullSpool, pull, record, records, window

APP = "310633997"
NEWEST = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
# The feed's own time zone, as it writes it.
PACIFIC = timedelta(hours=-8)


def entry(number: int, **parts: Any) -> dict[str, Any]:
    """A review, `number` hours older than the newest one."""
    updated = (NEWEST - timedelta(hours=number) + PACIFIC).strftime("%Y-%m-%dT%H:%M:%S-08:00")
    values = {"id": str(13_000_000_000 - number), "updated": updated, "title": f"Title {number}"}
    values |= {"content": f"Text {number}", "im:rating": "4", "im:version": "26.11.0"} | parts
    return {
        "author": {"uri": {"label": "https://itunes.apple.com/us/reviews/id1"}, "name": {"label": "Ann"}, "label": ""},
        **{name: {"label": value} for name, value in values.items() if value is not None},
        "link": {"attributes": {"rel": "related", "href": f"https://itunes.apple.com/us/review?id={APP}&type=Purple"}},
        "im:voteSum": {"label": "0"},
        "im:contentType": {"attributes": {"term": "Application", "label": "Application"}},
        "im:voteCount": {"label": "0"},
    }


APP_ENTRY = {
    "im:name": {"label": "The app"},
    "im:artist": {"label": "Its maker"},
    "id": {"label": "https://apps.apple.com/us/app/id310633997", "attributes": {"im:id": APP}},
    "title": {"label": "The app - Its maker"},
}


class Feed:
    """The feed of one app: pages by number, and whether the store has the app."""

    def __init__(self, *pages: list[Any]) -> None:
        self.pages = list(pages)
        self.exists = True
        self.ratings: int | None = None

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/lookup":
            result = {} if self.ratings is None else {"userRatingCount": self.ratings}
            return Answer(body={"resultCount": int(self.exists), "results": [result] * self.exists})
        number = int(asked.path.split("/page=")[1].split("/")[0])
        if number > 10:
            return Answer(400, b"CustomerReviews RSS page depth is limited to 10")
        entries = self.pages[number - 1] if number <= len(self.pages) else []
        return Answer(body=self.document(asked.path, entries))

    def document(self, path: str, entries: list[Any], last: int | None = None) -> dict[str, Any]:
        """The feed writes a single entry without a list, and no `entry` at all where there is none."""
        last = len(self.pages) if last is None else last
        href = f"https://itunes.apple.com/us/rss/customerreviews/page={last}/id={APP}/sortby=mostrecent/json"
        feed: dict[str, Any] = {
            "author": {"name": {"label": "iTunes Store"}},
            "updated": {"label": "2026-11-20T14:39:21-07:00"},
            "link": [
                {"attributes": {"rel": "self", "href": path}},
                {"attributes": {"rel": "last", "href": href if last else ""}},
            ],
        }
        if entries:
            feed["entry"] = entries if len(entries) > 1 else entries[0]
        return {"feed": feed}


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def provider(feed: Feed) -> Iterator[Provider]:
    with Provider(feed) as server:
        yield server


def source(provider: Provider, country: str = "us") -> AppleFeed:
    return AppleFeed(APP, country, base_url=provider.base_url, sleep=lambda _: None)


def numbers(pulled: PullSpool) -> list[int]:
    """Numbers that the reviews were made with."""
    return [13_000_000_000 - int(review_id) for review_id in pulled.ids]


def test_a_review_becomes_a_record_with_its_columns(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0, title="Crash", content="It crashes.", **{"im:rating": "1"}), entry(1)]]
    made = record(pull(source(provider, "de")).rows[0])
    assert (made.record_id, made.text, made.occurred_at) == ("13000000000", "It crashes.", NEWEST)
    assert made.source_url == f"https://itunes.apple.com/us/review?id={APP}&type=Purple"
    assert made.attributes == {
        "title": "Crash",
        "rating": 1,
        "app_version": "26.11.0",
        "country": "DE",
        "language": None,
        "device": None,
        "developer_reply": None,
        "app_id": APP,
        "store": "app_store",
    }


def test_the_country_and_app_are_asked_for_newest_first(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0)]]
    pull(source(provider, "DE"))
    assert provider.asked[0].path == f"/de/rss/customerreviews/page=1/id={APP}/sortby=mostrecent/json"


def test_who_wrote_a_review_is_left_out(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0)]]
    assert "Ann" not in str(pull(source(provider)).rows)


def test_a_single_review_stands_without_a_list(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0)]]
    assert numbers(pull(source(provider))) == [0]


def test_the_app_itself_before_its_reviews_is_no_review(feed: Feed, provider: Provider) -> None:
    feed.pages = [[APP_ENTRY, entry(0), entry(1)]]
    assert numbers(pull(source(provider))) == [0, 1]


def test_pages_are_pulled_until_there_are_no_more(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(2), entry(3)], [entry(4)]]
    assert numbers(pull(source(provider))) == [0, 1, 2, 3, 4]


def test_pages_older_than_the_window_are_not_asked_for(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(hour), entry(hour + 1)] for hour in range(0, 20, 2)]
    pull(source(provider), window("2026-11-20T08:30", "2026-11-21"))
    assert [asked.path.split("/page=")[1][0] for asked in provider.asked] == ["1", "2", "3"]


def test_one_old_review_out_of_order_does_not_end_the_pull(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(90)], [entry(1), entry(2)]]
    assert numbers(pull(source(provider), window("2026-11-20", "2026-11-21"))) == [0, 90, 1, 2]


def test_reviews_beyond_the_tenth_page_are_reported_as_lost(
    feed: Feed, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    feed.pages = [[entry(2 * page), entry(2 * page + 1)] for page in range(12)]
    pulled = pull(source(provider), window("2026-11-01", "2026-11-21"))
    assert (pulled.error, numbers(pulled)) == (None, list(range(20)))
    (warning,) = caplog.messages
    assert "lost" in warning and "2026-11-19T17:00:00+00:00" in warning and "2026-11-01" in warning


def test_a_tenth_page_that_reaches_beyond_the_window_loses_nothing(
    feed: Feed, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    feed.pages = [[entry(2 * page), entry(2 * page + 1)] for page in range(10)]
    pull(source(provider), window("2026-11-19T17:30", "2026-11-21"))
    assert caplog.messages == []


def test_an_edited_review_keeps_its_id_and_gets_a_new_version(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(5), entry(6)]]
    (before, *_) = pull(source(provider)).rows
    feed.pages = [[entry(5, content="Better now.", updated="2026-11-20T05:00:00-08:00"), entry(6)]]
    (after, *_) = pull(source(provider)).rows
    assert before.row["id"] == after.row["id"]
    assert before.row["record_version"] != after.row["record_version"]
    assert after.changed_at == datetime(2026, 11, 20, 13, 0, tzinfo=UTC)


def test_a_review_that_two_pages_repeat_is_the_same_record(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(1), entry(2)]]
    rows = pull(source(provider)).rows
    assert (rows[1].row, rows[1].place, rows[1].changed_at) == (rows[2].row, rows[2].place, rows[2].changed_at)


def test_the_same_window_gives_the_same_rows(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(2)]]
    assert pull(source(provider)).rows == pull(source(provider)).rows


def test_a_failure_on_page_three_loses_nothing(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(2), entry(3)], [entry(4), entry(5)], [entry(6)]]
    provider.fail(Answer(500), times=MAX_ATTEMPTS, when=lambda asked: "/page=3/" in asked.path)
    failed = pull(source(provider))
    assert isinstance(failed.error, RetryLater)
    asked_before = len(provider.asked)
    resumed = pull(source(provider), resume=failed.resume)
    assert failed.checkpointed_ids + resumed.ids == pull(source(provider)).ids
    assert "/page=3/" in provider.asked[asked_before].path


def test_an_app_without_reviews_gives_no_rows(feed: Feed, provider: Provider) -> None:
    pulled = pull(source(provider))
    assert (pulled.rows, pulled.error) == ([], None)


def test_an_app_that_the_store_does_not_have_says_which_setting(feed: Feed, provider: Provider) -> None:
    feed.exists = False
    error = pull(source(provider)).error
    assert isinstance(error, ConfigurationError)
    assert all(part in str(error) for part in (APP, "'us'", "APP_STORE_APP_ID", "APP_STORE_COUNTRIES"))


def test_an_unknown_country_says_which_setting(feed: Feed, provider: Provider) -> None:
    provider.fail(Answer(400))
    error = pull(source(provider, "zz")).error
    assert isinstance(error, ConfigurationError) and "APP_STORE_COUNTRIES" in str(error)


def test_an_empty_page_by_mistake_is_asked_for_again(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(2)]]
    empty = Answer(body=feed.document("page=2", []))
    provider.fail(empty, when=lambda asked: "/page=2/" in asked.path)
    assert numbers(pull(source(provider))) == [0, 1, 2]


def test_an_empty_page_that_should_not_be_is_reported(
    feed: Feed, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(2)]]
    empty = Answer(body=feed.document("page=2", []))
    provider.fail(empty, times=EMPTY_PAGE_TRIES, when=lambda asked: "/page=2/" in asked.path)
    pulled = pull(source(provider))
    assert (numbers(pulled), pulled.error) == ([0, 1], None)
    assert "no reviews on page 2" in caplog.text


def test_pages_behind_one_that_is_empty_by_mistake_are_pulled(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(2), entry(3)], [entry(4)]]
    for number in (1, 2):
        empty = Answer(body=feed.document(f"page={number}", []))
        provider.fail(empty, EMPTY_PAGE_TRIES, when=lambda asked, number=number: f"/page={number}/" in asked.path)
    assert numbers(pull(source(provider))) == [4]


def test_pages_that_are_empty_at_random_and_do_not_say_so_hide_no_others(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(2), entry(3)], [entry(4), entry(5)], [entry(6)]]
    for number in (1, 3):
        empty = Answer(body=feed.document(f"page={number}", [], last=0 if number == 1 else 1))
        provider.fail(empty, EMPTY_PAGE_TRIES, when=lambda asked, number=number: f"/page={number}/" in asked.path)
    assert numbers(pull(source(provider))) == [2, 3, 6]


def test_an_app_that_nobody_has_rated_is_not_asked_for_ten_pages(feed: Feed, provider: Provider) -> None:
    feed.ratings = 0
    assert pull(source(provider)).rows == []
    assert [asked.path.split("/page=")[-1][0] for asked in provider.asked] == ["1"] * EMPTY_PAGE_TRIES + ["/"]


def test_an_app_without_written_reviews_is_asked_for_each_page_but_the_first_once(
    feed: Feed, provider: Provider
) -> None:
    feed.ratings = 7
    assert pull(source(provider)).rows == []
    pages = [asked.path.split("/page=")[1].split("/")[0] for asked in provider.asked if asked.path != "/lookup"]
    assert pages == ["1"] * EMPTY_PAGE_TRIES + [str(number) for number in range(2, 11)]


def test_the_page_behind_the_last_one_is_asked_for_once(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0), entry(1)], [entry(2)]]
    pull(source(provider))
    assert [asked.path.split("/page=")[-1][0] for asked in provider.asked] == ["1", "2", "3"]


def test_reviews_that_arrive_between_two_tries_push_none_out(feed: Feed, provider: Provider) -> None:
    before = [entry(number) for number in range(8)]
    feed.pages = [before[0:2], before[2:4], before[4:6], before[6:8]]
    provider.fail(Answer(500), times=MAX_ATTEMPTS, when=lambda asked: "/page=3/" in asked.path)
    failed = pull(source(provider))
    after = [entry(-3), entry(-2), entry(-1), *before]
    feed.pages = [after[start : start + 2] for start in range(0, len(after), 2)]
    rows = failed.rows[: failed.rows_before_resume] + pull(source(provider), resume=failed.resume).rows
    versions = {(row.row["id"], row.row["record_version"]) for row in rows}
    assert versions == {(row.row["id"], row.row["record_version"]) for row in pull(source(provider)).rows[3:]}


def test_a_review_that_two_countries_show_is_one_record(feed: Feed, provider: Provider) -> None:
    feed.pages = [[entry(0)]]
    (here,), (there,) = (pull(source(provider, country)).rows for country in ("us", "de"))
    assert [here.row[name] == there.row[name] for name in ("id", "record_version", "country")] == [True, True, False]
    assert here.place == there.place


def test_reviews_without_a_time_are_all_taken_whatever_the_window(feed: Feed, provider: Provider) -> None:
    """Answers that were recorded in 2020 have none."""
    feed.pages = [[entry(0, updated=None), entry(1, updated=None)], [entry(2, updated=None)]]
    rows = pull(source(provider), window("2026-11-20", "2026-11-21")).rows
    assert [(record(row).is_dated, row.changed_at) for row in rows] == [(False, None)] * 3


def test_an_answer_that_is_no_feed_is_asked_for_later(feed: Feed, provider: Provider) -> None:
    provider.fail(Answer(body={"error": "try again"}))
    assert isinstance(pull(source(provider)).error, RetryLater)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (entry(0, id=None), "missing_id"),
        (entry(0, updated="yesterday"), "bad_timestamp"),
        (entry(0, content=None, title=None), "empty_text"),
        ("not an object", "not_json"),
    ],
)
def test_a_review_that_cannot_be_read_stops_no_other(feed: Feed, provider: Provider, broken: Any, reason: str) -> None:
    feed.pages = [[broken, entry(1)]]
    bad, good = records(pull(source(provider)).rows)
    assert isinstance(bad, UnreadableRecord) and bad.error_type == reason
    assert good.record_id == "12999999999"
