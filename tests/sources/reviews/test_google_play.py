"""Google Play's reviews, by Google's documentation of `androidpublisher.reviews.list`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from include.errors import ConfigurationError, RetryLater
from include.sources.record import UnreadableRecord
from include.sources.reviews.google_play import GooglePlay
from include.sources.reviews.play_console_exports import PlayConsoleExports
from include.sources.web_api import MAX_ATTEMPTS
from tests.servers.provider import Answer, Asked, Provider
from tests.sources.pulling import pull, record, records, window

PACKAGE = "org.example.app"
NEWEST = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def review(number: int, reply: str | None = None, **comment: Any) -> dict[str, Any]:
    """A review, `number` hours older than the newest one."""
    modified = {"seconds": str(int((NEWEST - timedelta(hours=number)).timestamp())), "nanos": 713000000}
    given = {"text": f"Text {number}", "lastModified": modified, "starRating": 4, "reviewerLanguage": "en"}
    given |= {"device": "trltecan", "androidOsVersion": 21, "appVersionCode": 12345, "appVersionName": "1.2.3"}
    comments: list[dict[str, Any]] = [{"userComment": given | comment}]
    if reply:
        comments.append({"developerComment": {"text": reply, "lastModified": modified}})
    return {"reviewId": f"gp:AOqp{number}", "authorName": "Jane Bloggs", "comments": comments}


class Reviews:
    """Google's token service and the reviews of one app."""

    def __init__(self) -> None:
        self.pages: list[list[Any]] = [[]]

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            return Answer(body={"access_token": "ya29.canary", "expires_in": 3600, "token_type": "Bearer"})
        if asked.headers.get("Authorization") != "Bearer ya29.canary":
            return Answer(401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        if asked.path != f"/androidpublisher/v3/applications/{PACKAGE}/reviews":
            return Answer(404, {"error": {"code": 404, "message": "Package not found"}})
        number = int(asked.query.get("token", "page-1").removeprefix("page-"))
        page: dict[str, Any] = {"reviews": self.pages[number - 1]} if self.pages[number - 1] else {}
        if number < len(self.pages):
            page["tokenPagination"] = {"nextPageToken": f"page-{number + 1}"}
        return Answer(body=page)


@pytest.fixture
def reviews() -> Reviews:
    return Reviews()


@pytest.fixture
def provider(reviews: Reviews) -> Iterator[Provider]:
    with Provider(reviews) as server:
        yield server


@pytest.fixture
def key_file(provider: Provider, tmp_path: Path) -> Path:
    """The key of a service account whose tokens come from the local server."""
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path / "account.json"
    key = {"type": "service_account", "client_email": "nightshift@example.iam.gserviceaccount.com"}
    key |= {"private_key_id": "1", "private_key": PRIVATE_KEY.private_bytes(*encoding).decode()}
    path.write_text(json.dumps(key | {"token_uri": f"{provider.base_url}/token"}))
    return path


def source(provider: Provider, key_file: Path, package: str = PACKAGE, **options: Any) -> GooglePlay:
    given = {"base_url": provider.base_url, "sleep": lambda _: None, "clock": lambda: NEWEST} | options
    return GooglePlay(package, str(key_file), **given)


def is_list(asked: Asked) -> bool:
    return asked.path.endswith("/reviews")


def test_a_review_becomes_a_record_with_its_columns(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    reviews.pages = [[review(0, "Fixed in 2.0.", text="Crash\tIt crashes.", starRating=1)]]
    made = record(pull(source(provider, key_file)).rows[0])
    assert (made.record_id, made.text) == ("gp:AOqp0", "It crashes.")
    assert made.occurred_at == NEWEST + timedelta(milliseconds=713)
    assert made.source_url == f"https://play.google.com/store/apps/details?id={PACKAGE}&reviewId=gp%3AAOqp0"
    assert made.attributes == {
        "title": "Crash",
        "rating": 1,
        "app_version": "1.2.3",
        "country": None,
        "language": "en",
        "device": "trltecan",
        "developer_reply": "Fixed in 2.0.",
        "app_id": PACKAGE,
        "store": "google_play",
    }


@pytest.mark.parametrize(
    ("given", "title", "text"),
    [
        ("Only a text", None, "Only a text"),
        ("\tNo title", None, "No title"),
        ("Title\tText", "Title", "Text"),
        ("Title\t", "Title", "Title"),
        ("Title\tText\twith a tab", "Title", "Text\twith a tab"),
    ],
)
def test_title_and_text_are_separated_by_a_tab(
    reviews: Reviews, provider: Provider, key_file: Path, given: str, title: str | None, text: str
) -> None:
    reviews.pages = [[review(0, text=given)]]
    made = record(pull(source(provider, key_file)).rows[0])
    assert (made.attributes["title"], made.text) == (title, text)


def test_who_wrote_a_review_is_left_out(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    reviews.pages = [[review(0)]]
    assert "Jane" not in str(pull(source(provider, key_file)).rows)


def test_pages_are_followed_by_their_tokens_to_the_end(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    reviews.pages = [[review(0)], [review(1)], [review(2)]]
    assert pull(source(provider, key_file)).ids == ["gp:AOqp0", "gp:AOqp1", "gp:AOqp2"]
    queries = [asked.query for asked in provider.asked if is_list(asked)]
    assert queries == [
        {"maxResults": "100"},
        {"maxResults": "100", "token": "page-2"},
        {"maxResults": "100", "token": "page-3"},
    ]


def test_one_access_token_serves_all_pages(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    reviews.pages = [[review(0)], [review(1)]]
    pull(source(provider, key_file))
    assert [is_list(asked) for asked in provider.asked] == [False, True, True]


def test_pages_older_than_the_window_are_not_asked_for(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    reviews.pages = [[review(hour)] for hour in range(10)]
    asked = window("2026-11-20T10:30", "2026-11-21")
    assert pull(source(provider, key_file), asked).ids == ["gp:AOqp0", "gp:AOqp1", "gp:AOqp2"]


def test_a_window_beyond_the_last_week_is_reported(
    reviews: Reviews, provider: Provider, key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pull(source(provider, key_file), window("2026-11-14", "2026-11-15"))
    assert caplog.messages == []
    pull(source(provider, key_file), window("2026-11-13", "2026-11-15"))
    assert "no reviews from before 2026-11-13T12:00:00+00:00" in caplog.text and "GOOGLE_PLAY_EXPORTS" in caplog.text


def test_an_edited_review_keeps_its_id_and_gets_a_new_version(
    reviews: Reviews, provider: Provider, key_file: Path
) -> None:
    reviews.pages = [[review(5)]]
    (before,) = pull(source(provider, key_file)).rows
    edited = {"text": "Better now.", "lastModified": {"seconds": str(int(NEWEST.timestamp())), "nanos": 0}}
    reviews.pages = [[review(5, **edited)]]
    (after,) = pull(source(provider, key_file)).rows
    assert before.row["id"] == after.row["id"]
    assert before.row["record_version"] != after.row["record_version"]
    assert after.changed_at == NEWEST


def test_a_failure_on_page_three_loses_nothing(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    reviews.pages = [[review(0), review(1)], [review(2)], [review(3)], [review(4)]]
    provider.fail(Answer(500), times=MAX_ATTEMPTS, when=lambda asked: asked.query.get("token") == "page-3")
    failed = pull(source(provider, key_file))
    assert isinstance(failed.error, RetryLater)
    resumed = pull(source(provider, key_file), resume=failed.resume)
    assert failed.checkpointed_ids + resumed.ids == [f"gp:AOqp{number}" for number in range(5)]
    assert resumed.ids == ["gp:AOqp3", "gp:AOqp4"]


def test_a_page_token_that_has_expired_starts_the_pull_anew(
    reviews: Reviews, provider: Provider, key_file: Path
) -> None:
    reviews.pages = [[review(0)], [review(1)]]
    provider.fail(Answer(400, {"error": {"message": "Invalid page token"}}), when=is_list)
    assert pull(source(provider, key_file), resume={"next": "old"}).ids == ["gp:AOqp0", "gp:AOqp1"]


def test_an_app_without_reviews_gives_no_rows(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    pulled = pull(source(provider, key_file))
    assert (pulled.rows, pulled.error) == ([], None)


def test_a_used_up_quota_waits_as_long_as_google_asks(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    waits: list[float] = []
    reviews.pages = [[review(0)]]
    provider.fail(Answer(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}, {"Retry-After": "30"}), when=is_list)
    assert pull(source(provider, key_file, sleep=waits.append)).ids == ["gp:AOqp0"]
    assert waits == [30.0]


def test_an_account_without_the_permission_says_which_setting(
    reviews: Reviews, provider: Provider, key_file: Path
) -> None:
    provider.fail(Answer(403, {"error": {"message": "The caller does not have permission"}}), when=is_list)
    error = pull(source(provider, key_file)).error
    assert isinstance(error, ConfigurationError)
    assert "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE" in str(error) and "does not have permission" in str(error)


def test_a_token_that_is_refused_in_mid_pull_is_made_anew(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    reviews.pages = [[review(0)], [review(1)]]
    provider.fail(
        Answer(401, {"error": {"status": "UNAUTHENTICATED"}}), when=lambda a: a.query.get("token") == "page-2"
    )
    assert pull(source(provider, key_file)).ids == ["gp:AOqp0", "gp:AOqp1"]
    assert [is_list(asked) for asked in provider.asked] == [False, True, True, False, True]


def test_a_revoked_key_says_which_setting(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    provider.fail(Answer(400, refusal), when=lambda asked: asked.path == "/token")
    error = pull(source(provider, key_file)).error
    assert isinstance(error, ConfigurationError)
    assert "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE" in str(error) and "Invalid JWT Signature" in str(error)


def test_an_unknown_app_says_which_setting(reviews: Reviews, provider: Provider, key_file: Path) -> None:
    error = pull(source(provider, key_file, package="org.example.gone")).error
    assert isinstance(error, ConfigurationError) and "GOOGLE_PLAY_PACKAGE" in str(error)


@pytest.mark.parametrize("content", [None, "", "{}", '{"private_key": "canary"}'])
def test_a_key_file_that_is_none_says_so_without_showing_it(
    content: str | None, provider: Provider, tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    error = pull(source(provider, path)).error
    assert isinstance(error, ConfigurationError)
    assert "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE" in str(error) and "canary" not in str(error)


def test_the_exports_have_the_same_record_in_the_same_version(
    reviews: Reviews, provider: Provider, key_file: Path, tmp_path: Path
) -> None:
    """So a review that both give is answered once, and the fresher row, which comes later, is kept."""
    reviews.pages = [[review(0, "Fixed.", text="Crash\t It crashes \r\n always. ")]]
    (of_api,) = pull(source(provider, key_file)).rows
    made = record(of_api)
    cells = {
        "Star Rating": "4",
        "Review Title": "Crash",
        "Review Text": " It crashes \n always.",
        "Review Link": f"https://play.google.com/console/x?reviewId={made.record_id}",
        "Review Last Update Millis Since Epoch": str(int(NEWEST.timestamp()) * 1_000 + 713),
    }
    lines = [",".join(cells), ",".join(f'"{cell}"' for cell in cells.values())]
    (tmp_path / f"reviews_{PACKAGE}_202611.csv").write_bytes("\n".join(lines).encode("utf-16"))
    (of_export,) = pull(PlayConsoleExports(str(tmp_path))).rows
    for name in ("id", "record_version", "store", "app_id"):
        assert of_api.row[name] == of_export.row[name]
    assert of_api.changed_at == of_export.changed_at


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"reviewId": "gp:0", "comments": []}, "empty_text"),
        ("no object", "empty_text"),
        (review(0, lastModified={"seconds": "soon"}), "bad_timestamp"),
        (review(0, text="\t \n"), "empty_text"),
        (review(0) | {"reviewId": None}, "missing_id"),
    ],
)
def test_a_review_that_cannot_be_read_stops_no_other(
    reviews: Reviews, provider: Provider, key_file: Path, broken: Any, reason: str
) -> None:
    reviews.pages = [[broken, review(1)]]
    bad, good = records(pull(source(provider, key_file)).rows)
    assert isinstance(bad, UnreadableRecord) and bad.error_type == reason
    assert good.record_id == "gp:AOqp1"
