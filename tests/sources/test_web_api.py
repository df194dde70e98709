"""The client of web APIs: what it obeys, what it tries again, and what its errors say."""

import gzip
import itertools
import logging
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from include.errors import ConfigurationError, RetryLater
from include.sources import web_api
from include.sources.web_api import RequestRefused, WebApi
from tests.servers.provider import Answer, Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(lambda _: Answer(body={"ok": True})) as server:
        yield server


def api(provider: Provider, waits: list[float] | None = None, **options: Any) -> WebApi:
    sleep = ([] if waits is None else waits).append
    settings = {"refused": "Check DEMO_KEY.", "missing": "Check DEMO_APP.", "sleep": sleep} | options
    return WebApi("Demo", provider.base_url, **settings)


def test_a_document_is_asked_for_with_parameters_and_headers(provider: Provider) -> None:
    client = api(provider, headers=lambda: {"Authorization": "Bearer t"})
    assert client.get_json("v1/items", {"limit": 2, "of": "a&b"}) == {"ok": True}
    (asked,) = provider.asked
    assert (asked.path, asked.query) == ("/v1/items", {"limit": "2", "of": "a&b"})
    assert asked.headers["Authorization"] == "Bearer t"


def test_headers_are_made_anew_for_each_request(provider: Provider) -> None:
    tokens = iter(["one", "two"])
    client = api(provider, headers=lambda: {"Authorization": next(tokens)})
    client.get_json("a")
    client.get_json("b")
    assert [asked.headers["Authorization"] for asked in provider.asked] == ["one", "two"]


def test_user_and_password_are_sent(provider: Provider) -> None:
    api(provider, auth=("me", "secret")).get_json("a")
    assert provider.asked[0].headers["Authorization"] == "Basic bWU6c2VjcmV0"


def test_a_link_to_the_next_page_is_followed_as_it_is(provider: Provider) -> None:
    api(provider).get_json(f"{provider.base_url}/v1/items?cursor=a%2Fb")
    assert (provider.asked[0].path, provider.asked[0].query) == ("/v1/items", {"cursor": "a/b"})


def test_a_link_to_another_host_is_not_followed(provider: Provider) -> None:
    client = api(provider, headers=lambda: {"Authorization": "Bearer secret"})
    with Provider(lambda _: Answer()) as other:
        with pytest.raises(ConfigurationError, match="links to"):
            client.get_json(f"{other.base_url}/v1/items")
        with pytest.raises(ConfigurationError, match="links to"):
            client.get_json(f"{provider.base_url}.example/v1/items")
        assert other.asked == []


def test_a_redirect_is_not_followed(provider: Provider) -> None:
    provider.fail(Answer(302, headers={"Location": "/elsewhere"}))
    with pytest.raises(ConfigurationError, match="302"):
        api(provider).get_json("a")
    assert len(provider.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 524])
def test_passing_trouble_is_tried_again_with_growing_waits(provider: Provider, status: int) -> None:
    waits: list[float] = []
    provider.fail(Answer(status), times=3)
    assert api(provider, waits).get_json("a") == {"ok": True}
    assert waits == [1.0, 2.0, 4.0]


def test_retry_after_in_seconds_is_obeyed(provider: Provider) -> None:
    waits: list[float] = []
    provider.fail(Answer(429, headers={"Retry-After": "17"}))
    api(provider, waits).get_json("a")
    assert waits == [17.0]


def test_retry_after_as_a_date_is_obeyed(provider: Provider) -> None:
    waits: list[float] = []
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    provider.fail(Answer(429, headers={"Retry-After": date}))
    api(provider, waits).get_json("a")
    assert 0 < waits[0] <= 100


def test_a_long_pause_is_left_to_the_tasks_retry(provider: Provider) -> None:
    waits: list[float] = []
    provider.fail(Answer(429, headers={"Retry-After": "3600"}))
    with pytest.raises(RetryLater, match="Demo asks for a pause"):
        api(provider, waits).get_json("a")
    assert waits == []


def test_trouble_that_lasts_is_left_to_the_tasks_retry(provider: Provider) -> None:
    provider.fail(Answer(503), times=web_api.MAX_ATTEMPTS)
    with pytest.raises(RetryLater, match="Demo: it answered 503"):
        api(provider).get_json("a")
    assert len(provider.asked) == web_api.MAX_ATTEMPTS


def test_a_server_that_is_away_is_left_to_the_tasks_retry(provider: Provider) -> None:
    with Provider(lambda _: Answer()) as gone:
        pass
    with pytest.raises(RetryLater, match=r"Demo: no answer from 127\.0\.0\.1:\d+ .*without a proxy"):
        api(gone).get_json("a")


@pytest.mark.parametrize("body", [b"", b"<html>Maintenance</html>", b'{"torn', b"[" * 100_000])
def test_an_answer_that_is_no_json_is_asked_for_again(provider: Provider, body: bytes) -> None:
    provider.fail(Answer(body=body))
    assert api(provider).get_json("a") == {"ok": True}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"text": "a \x00\x0b b"}', "a \x00\x0b b"),
        (b'{"text": "caf\xe9"}', "caf\ufffd"),
        (b'{"text": "half \xf0\x9f"}', "half \ufffd"),
        ('{"text": "\u00fc"}'.encode("utf-8-sig"), "\u00fc"),
        ('{"text": "\u00fc"}'.encode("utf-16"), "\u00fc"),
    ],
    ids=["control characters", "Latin-1", "half an emoji", "byte order mark", "UTF-16"],
)
def test_one_damaged_letter_costs_no_more_than_itself(provider: Provider, body: bytes, text: str) -> None:
    provider.fail(Answer(body=body))
    assert api(provider).get_json("a") == {"text": text}
    assert len(provider.asked) == 1


def test_an_answer_that_ends_too_early_is_asked_for_again(provider: Provider) -> None:
    provider.fail(Answer(body=b'{"ok": true}', headers={"Content-Length": "500"}))
    assert api(provider).get_json("a") == {"ok": True}
    assert len(provider.asked) == 2


def test_a_packed_answer_is_unpacked(provider: Provider) -> None:
    provider.fail(Answer(body=gzip.compress(b'{"packed": 1}'), headers={"Content-Encoding": "gzip"}))
    assert api(provider).get_json("a") == {"packed": 1}


def test_a_packed_answer_that_would_fill_the_memory_is_not_unpacked_whole(provider: Provider) -> None:
    bomb = gzip.compress(b" " * (2 * web_api.MAX_ANSWER_BYTES), compresslevel=1)
    provider.fail(Answer(body=bomb, headers={"Content-Encoding": "gzip"}))
    tracemalloc.start()
    with pytest.raises(RetryLater, match="more than 67,108,864 bytes"):
        api(provider).get_json("a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * web_api.MAX_ANSWER_BYTES


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_say_what_to_check_and_what_the_provider_said(provider: Provider, status: int) -> None:
    provider.fail(Answer(status, {"error": {"message": "agreement missing"}}))
    with pytest.raises(ConfigurationError) as error:
        api(provider).get_json("a")
    assert "Check DEMO_KEY." in str(error.value) and "agreement missing" in str(error.value)
    assert len(provider.asked) == 1


def test_a_refused_token_is_renewed_and_the_request_made_again(provider: Provider) -> None:
    tokens = ["old", "new"]
    client = api(provider, headers=lambda: {"Authorization": tokens[0]}, renew=lambda: tokens.pop(0))
    provider.fail(Answer(401))
    assert client.get_json("a") == {"ok": True}
    assert [asked.headers["Authorization"] for asked in provider.asked] == ["old", "new"]


def test_a_token_that_is_refused_once_after_other_trouble_is_renewed_too(provider: Provider) -> None:
    provider.fail(Answer(503), times=3)
    provider.fail(Answer(401))
    assert api(provider, renew=lambda: None).get_json("a") == {"ok": True}


def test_a_token_that_stays_refused_says_what_to_check(provider: Provider) -> None:
    waits: list[float] = []
    provider.fail(Answer(401, {"error": "expired"}), times=web_api.MAX_ATTEMPTS)
    with pytest.raises(ConfigurationError, match=r"\(401\). Check DEMO_KEY.*expired"):
        api(provider, waits, renew=lambda: None).get_json("a")
    assert (len(provider.asked), waits) == (web_api.MAX_REFUSALS, [1.0, 2.0])


def test_a_403_that_speaks_of_a_quota_is_tried_again(provider: Provider) -> None:
    provider.fail(Answer(403, {"error": {"errors": [{"reason": "userRateLimitExceeded"}]}}))
    assert api(provider).get_json("a") == {"ok": True}


def test_a_403_of_an_api_without_credentials_is_tried_again(provider: Provider) -> None:
    provider.fail(Answer(403, b"<html>Forbidden</html>"))
    assert api(provider, refused=None).get_json("a") == {"ok": True}


def test_a_404_says_where_and_what_to_check(provider: Provider) -> None:
    provider.fail(Answer(404))
    with pytest.raises(ConfigurationError, match=r"nothing at /v1/apps/7 \(404\)\. Check DEMO_APP\."):
        api(provider).get_json("v1/apps/7", {"token": "secret"})


@pytest.mark.parametrize("status", [400, 410, 422])
def test_a_refused_request_can_be_told_from_the_rest(provider: Provider, status: int) -> None:
    provider.fail(Answer(status))
    with pytest.raises(RequestRefused, match="Check DEMO_APP"):
        api(provider).get_json("a")


def test_neither_errors_nor_logs_show_the_credentials(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = api(provider, headers=lambda: {"Authorization": "Bearer canary-token"})
    for status in (401, 404, 400, 503):
        provider.fail(Answer(status), times=web_api.MAX_ATTEMPTS if status == 503 else 1)
        with pytest.raises((ConfigurationError, RetryLater)) as error:
            client.get_json("a")
        assert "canary-token" not in str(error.value)
    assert "canary-token" not in caplog.text


def test_a_proxy_of_the_environment_is_not_used(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert api(provider).get_json("a") == {"ok": True}


def test_the_whole_answer_has_a_deadline(provider: Provider) -> None:
    slow_clock = itertools.count(0.0, web_api.ANSWER_SECONDS + 1.0)
    with pytest.raises(RetryLater, match="took longer"):
        api(provider, clock=lambda: next(slow_clock)).get_json("a")
