"""App Store Connect's customer reviews, by Apple's documentation of the API."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from include.errors import ConfigurationError, RetryLater
from include.sources.record import UnreadableRecord
from include.sources.reviews.app_store_connect import AppStoreConnect, ConnectKey
from include.sources.web_api import MAX_ATTEMPTS, MAX_REFUSALS
from tests.servers.provider import Answer, Asked, Provider
from tests.sources.pulling import pull, record, records, window

APP = "310633997"
NEWEST = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRIVATE_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def key(tmp_path: Path) -> ConnectKey:
    """As Apple gives it out: PKCS #8 in PEM."""
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path / "AuthKey_2X9R4HXF34.p8"
    path.write_bytes(PRIVATE_KEY.private_bytes(*encoding))
    return ConnectKey("57246542-96fe-1a63-e053-0824d011072a", "2X9R4HXF34", str(path))


def review(number: int, reply: str | None = None, **attributes: Any) -> dict[str, Any]:
    """A review, `number` hours older than the newest one."""
    created = NEWEST - timedelta(hours=number)
    given = {"rating": 4, "title": f"Title {number}", "body": f"Text {number}", "reviewerNickname": "Ann"}
    given |= {"createdDate": created.astimezone().isoformat(), "territory": "USA"} | attributes
    data = {"type": "customerReviewResponses", "id": reply} if reply else None
    relationships = {"response": {"data": data, "links": {"related": "https://api.appstoreconnect.apple.com/x"}}}
    return {"type": "customerReviews", "id": f"r-{number}", "attributes": given, "relationships": relationships}


class Reviews:
    """The reviews of one app: pages of `data`, and the replies that are sent along."""

    def __init__(self) -> None:
        self.pages: list[list[Any]] = [[]]
        self.replies: list[dict[str, Any]] = []
        self.base_url = ""

    def __call__(self, asked: Asked) -> Answer:
        token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            options = {"require": ["exp", "iat"], "verify_exp": False, "verify_iat": False}
            audience = "appstoreconnect-v1"
            jwt.decode(token, PRIVATE_KEY.public_key(), ["ES256"], audience=audience, options=options)
        except jwt.PyJWTError:
            return Answer(401, {"errors": [{"status": "401", "code": "NOT_AUTHORIZED"}]})
        if asked.path != f"/v1/apps/{APP}/customerReviews":
            return Answer(404, {"errors": [{"status": "404", "code": "NOT_FOUND"}]})
        number = int(asked.query.get("cursor", "page-1").removeprefix("page-"))
        links = {"self": f"{self.base_url}{asked.path}"}
        if number < len(self.pages):
            links["next"] = f"{self.base_url}{asked.path}?cursor=page-{number + 1}&limit=200"
        document = {"data": self.pages[number - 1], "included": self.replies, "links": links}
        return Answer(body=document, headers={"X-Rate-Limit": "user-hour-lim:3500;user-hour-rem:500;"})


@pytest.fixture
def reviews() -> Reviews:
    return Reviews()


@pytest.fixture
def provider(reviews: Reviews) -> Iterator[Provider]:
    with Provider(reviews) as server:
        reviews.base_url = server.base_url
        yield server


def source(provider: Provider, key: ConnectKey, app: str = APP, **options: Any) -> AppStoreConnect:
    return AppStoreConnect(app, key, base_url=provider.base_url, **({"sleep": lambda _: None} | options))


def test_a_review_becomes_a_record_with_its_columns(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    reviews.pages = [[review(0, "reply-1", rating=1, title="Crash", body="It crashes.", territory="FRA")]]
    reviews.replies = [
        {"type": "customerReviewResponses", "id": "reply-2", "attributes": {"responseBody": "Of another review."}},
        {
            "type": "customerReviewResponses",
            "id": "reply-1",
            "attributes": {"responseBody": "Fixed in 27.", "state": "PUBLISHED"},
        },
    ]
    made = record(pull(source(provider, key)).rows[0])
    assert (made.record_id, made.text, made.occurred_at) == ("r-0", "It crashes.", NEWEST)
    assert made.attributes == {
        "title": "Crash",
        "rating": 1,
        "app_version": None,
        "country": "FR",
        "language": None,
        "device": None,
        "developer_reply": "Fixed in 27.",
        "app_id": APP,
        "store": "app_store",
    }


def test_all_reviews_are_asked_for_newest_first_with_their_replies(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    pull(source(provider, key))
    assert provider.asked[0].query == {"sort": "-createdDate", "limit": "200", "include": "response"}


def test_a_territory_that_is_no_country_of_the_standard_stays_as_it_is(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    reviews.pages = [[review(0, territory="QXZ"), review(1, territory=None)]]
    assert [row.row["country"] for row in pull(source(provider, key)).rows] == ["QXZ", None]


def test_kosovo_has_the_code_that_the_feed_has(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    reviews.pages = [[review(0, territory="XKS")]]
    assert pull(source(provider, key)).rows[0].row["country"] == "XK"


def test_who_wrote_a_review_is_left_out(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    reviews.pages = [[review(0)]]
    assert "Ann" not in str(pull(source(provider, key)).rows)


def test_pages_are_followed_by_their_links_to_the_end(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    reviews.pages = [[review(0), review(1)], [review(2)], [review(3)]]
    assert pull(source(provider, key)).ids == ["r-0", "r-1", "r-2", "r-3"]
    assert [asked.query.get("cursor") for asked in provider.asked] == [None, "page-2", "page-3"]


def test_pages_older_than_the_window_are_not_asked_for(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    reviews.pages = [[review(hour)] for hour in range(10)]
    asked = window("2026-11-20T09:30", "2026-11-21")
    assert pull(source(provider, key), asked).ids == ["r-0", "r-1", "r-2", "r-3"]


def test_a_failure_on_page_three_loses_nothing(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    reviews.pages = [[review(0), review(1)], [review(2)], [review(3)], [review(4)]]
    third = lambda asked: asked.query.get("cursor") == "page-3"  # noqa: E731
    provider.fail(Answer(500), times=MAX_ATTEMPTS, when=third)
    failed = pull(source(provider, key))
    assert isinstance(failed.error, RetryLater)
    asked_before = len(provider.asked)
    resumed = pull(source(provider, key), resume=failed.resume)
    assert failed.checkpointed_ids + resumed.ids == ["r-0", "r-1", "r-2", "r-3", "r-4"]
    assert third(provider.asked[asked_before])


def test_a_cursor_that_has_expired_starts_the_pull_anew(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    reviews.pages = [[review(0)], [review(1)]]
    provider.fail(Answer(400, {"errors": [{"code": "PARAMETER_ERROR.INVALID"}]}))
    stale = {"next": f"{provider.base_url}/v1/apps/{APP}/customerReviews?cursor=page-9"}
    assert pull(source(provider, key), resume=stale).ids == ["r-0", "r-1"]


def test_a_cursor_that_expires_in_a_long_pause_starts_the_pull_anew(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    reviews.pages = [[review(0)], [review(1)]]
    provider.fail(Answer(400), when=lambda asked: asked.query.get("cursor") == "page-2")
    pulled = pull(source(provider, key))
    assert (pulled.error, pulled.ids) == (None, ["r-0", "r-0", "r-1"])


def test_a_cursor_that_is_always_refused_is_not_asked_for_again_and_again(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    reviews.pages = [[review(0)], [review(1)]]
    provider.fail(Answer(400), times=10, when=lambda asked: asked.query.get("cursor") == "page-2")
    assert isinstance(pull(source(provider, key)).error, ConfigurationError)
    assert len(provider.asked) == 4


def test_a_page_that_names_itself_as_the_next_one_does_not_run_for_ever(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    reviews.pages = [[review(0)], [review(1)], [review(2)]]
    again = {
        "data": [review(1)],
        "links": {"next": f"{provider.base_url}/v1/apps/{APP}/customerReviews?cursor=page-2&limit=200"},
    }
    provider.fail(Answer(body=again), when=lambda asked: asked.query.get("cursor") == "page-2")
    failed = pull(source(provider, key))
    assert isinstance(failed.error, RetryLater)
    assert failed.checkpointed_ids + pull(source(provider, key), resume=failed.resume).ids == ["r-0", "r-1", "r-2"]


def test_a_refused_request_of_the_first_pull_is_a_wrong_setting(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    provider.fail(Answer(400))
    error = pull(source(provider, key)).error
    assert isinstance(error, ConfigurationError) and "APP_STORE_APP_ID" in str(error)


def test_an_app_without_reviews_gives_no_rows(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    pulled = pull(source(provider, key))
    assert (pulled.rows, pulled.error) == ([], None)


def test_tokens_are_valid_for_less_than_twenty_minutes(key: ConnectKey) -> None:
    token = key.token(now=time.time())
    claims = jwt.decode(token, PRIVATE_KEY.public_key(), ["ES256"], audience="appstoreconnect-v1")
    assert claims["iss"] == key.issuer_id and claims["exp"] - claims["iat"] < 20 * 60
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": key.key_id, "typ": "JWT"}


def test_a_token_is_used_again_and_renewed_before_it_expires(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    reviews.pages = [[review(0)], [review(1)], [review(2)]]
    clock = iter([0.0, 600.0, 1_000.0])
    pull(source(provider, key, clock=lambda: next(clock)))
    first, second, third = (asked.headers["Authorization"] for asked in provider.asked)
    assert first == second != third


def test_a_used_up_hour_is_left_to_the_tasks_retry(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    waits: list[float] = []
    limit = {"X-Rate-Limit": "user-hour-lim:3500;user-hour-rem:0;"}
    provider.fail(Answer(429, {"errors": [{"code": "RATE_LIMIT_EXCEEDED"}]}, limit))
    pulled = pull(source(provider, key, sleep=waits.append))
    assert isinstance(pulled.error, RetryLater) and "3,600 s" in str(pulled.error)
    assert (waits, len(provider.asked)) == ([], 1)


def test_a_429_with_requests_left_is_tried_again(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    waits: list[float] = []
    reviews.pages = [[review(0)]]
    limit = {"X-Rate-Limit": "user-hour-lim:3600;user-hour-rem:3121;"}
    provider.fail(Answer(429, headers=limit))
    provider.fail(Answer(429, headers=limit | {"Retry-After": "9"}))
    assert pull(source(provider, key, sleep=waits.append)).ids == ["r-0"]
    assert waits == [1.0, 9.0]


def test_refused_credentials_say_which_settings(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    provider.fail(Answer(401, {"errors": [{"code": "NOT_AUTHORIZED"}]}), times=MAX_REFUSALS)
    error = pull(source(provider, key)).error
    assert isinstance(error, ConfigurationError)
    assert "APP_STORE_CONNECT_KEY_ID" in str(error) and "NOT_AUTHORIZED" in str(error)


def test_a_good_token_that_is_refused_in_mid_pull_is_made_anew(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    reviews.pages = [[review(0)], [review(1)]]
    second = lambda asked: asked.query.get("cursor") == "page-2"  # noqa: E731
    provider.fail(Answer(401, {"errors": [{"code": "NOT_AUTHORIZED"}]}), when=second)
    clock = itertools.count(1_000.0)
    assert pull(source(provider, key, clock=lambda: next(clock))).ids == ["r-0", "r-1"]
    refused, accepted = (asked.headers["Authorization"] for asked in provider.asked if second(asked))
    assert refused != accepted


def test_an_app_that_is_not_the_accounts_says_which_setting(
    reviews: Reviews, provider: Provider, key: ConnectKey
) -> None:
    error = pull(source(provider, key, app="1")).error
    assert isinstance(error, ConfigurationError) and "APP_STORE_APP_ID" in str(error)


@pytest.mark.parametrize("content", [None, "", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"])
def test_a_key_file_that_is_none_says_so_without_showing_it(
    content: str | None, provider: Provider, tmp_path: Path
) -> None:
    path = tmp_path / "key.p8"
    if content is not None:
        path.write_text(content)
    error = pull(source(provider, ConnectKey("issuer", "id", str(path)))).error
    assert isinstance(error, ConfigurationError)
    assert "APP_STORE_CONNECT_KEY_FILE" in str(error) and "c2VjcmV0" not in str(error)
    assert provider.asked == []


def test_an_answer_that_is_no_page_is_asked_for_later(reviews: Reviews, provider: Provider, key: ConnectKey) -> None:
    provider.fail(Answer(body={"maintenance": True}))
    assert isinstance(pull(source(provider, key)).error, RetryLater)


def test_an_answer_in_the_place_of_a_page_is_told(provider: Provider, key: ConnectKey) -> None:
    provider.fail(Answer(body={"data": {"type": "reports", "attributes": {"state": "PROCESSING"}}}))
    error = pull(source(provider, key)).error
    assert isinstance(error, RetryLater) and "its job is not finished (PROCESSING)" in str(error)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"type": "customerReviews", "id": "r-0"}, "not_json"),
        (None, "not_json"),
        (review(0, createdDate="soon"), "bad_timestamp"),
        (review(0, body=None, title=" "), "empty_text"),
        (review(0) | {"id": None}, "missing_id"),
    ],
)
def test_a_review_that_cannot_be_read_stops_no_other(
    reviews: Reviews, provider: Provider, key: ConnectKey, broken: Any, reason: str
) -> None:
    reviews.pages = [[broken, review(1)]]
    bad, good = records(pull(source(provider, key)).rows)
    assert isinstance(bad, UnreadableRecord) and bad.error_type == reason
    assert good.record_id == "r-1"
