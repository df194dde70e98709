"""The Play Console's bucket, by Google's documentation of Cloud Storage's JSON API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from include.errors import ConfigurationError, RetryLater
from include.sources.play_console_exports import PlayConsoleExports
from include.sources.web_api import MAX_ATTEMPTS, MAX_REFUSALS
from tests.servers.provider import Answer, Asked, Provider
from tests.sources.pulling import ALWAYS, pull
from tests.sources.test_play_console_exports import APP, REAL, export, real_data, row

BUCKET = "pubsite_prod_rev_0123456789"
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Bucket:
    """Google's token service and one bucket: objects by name, with how often each was written."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: dict[str, int] = {}

    def put(self, month: str, content: bytes, app: str = APP) -> None:
        """Write one month's export, or write it anew."""
        name = f"reviews/reviews_{app}_{month}.csv"
        self.objects[name] = content
        self.written[name] = self.written.get(name, 0) + 1

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            return Answer(body={"access_token": "ya29.canary", "expires_in": 3600, "token_type": "Bearer"})
        if asked.headers.get("Authorization") != "Bearer ya29.canary":
            return Answer(401, {"error": {"code": 401, "message": "Anonymous caller"}})
        if asked.path == f"/storage/v1/b/{BUCKET}/o":
            return self.listing(asked.query)
        name = unquote(asked.path.removeprefix(f"/storage/v1/b/{BUCKET}/o/"))
        if name not in self.objects:
            return Answer(404, {"error": {"code": 404, "message": "Not Found"}})
        if asked.query.get("alt") == "media":
            return Answer(body=self.objects[name], headers={"Content-Type": "text/csv"})
        return Answer(body=self.described(name))

    def listing(self, query: Any) -> Answer:
        """One object a page, though more were asked for: the number is an upper bound."""
        names = sorted(name for name in self.objects if name.startswith(query.get("prefix", "")))
        here = [name for name in names if "/" not in name.removeprefix(query.get("prefix", ""))]
        start = int(query.get("pageToken", "0"))
        page: dict[str, Any] = {"kind": "storage#objects", "prefixes": ["reviews/old/"]}
        page |= {"items": [self.described(name) for name in here[start : start + 1]]} if here else {}
        return Answer(body=page | ({"nextPageToken": str(start + 1)} if start + 1 < len(here) else {}))

    def described(self, name: str) -> dict[str, Any]:
        """Numbers are written as text."""
        return {"name": name, "size": str(len(self.objects[name])), "generation": str(self.written[name])}


@pytest.fixture
def bucket() -> Bucket:
    made = Bucket()
    for number, month in enumerate(("202609", "202610", "202611")):
        made.put(month, export([row(number, f"{month[:4]}-{month[4:]}-15")]))
    return made


@pytest.fixture
def provider(bucket: Bucket) -> Iterator[Provider]:
    with Provider(bucket) as server:
        yield server


@pytest.fixture
def key_file(provider: Provider, tmp_path: Path) -> str:
    """The key of a service account whose tokens come from the local server."""
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path / "account.json"
    key = {"type": "service_account", "client_email": "nightshift@example.iam.gserviceaccount.com"}
    key |= {"private_key_id": "1", "private_key": PRIVATE_KEY.private_bytes(*encoding).decode()}
    path.write_text(json.dumps(key | {"token_uri": f"{provider.base_url}/token"}))
    return str(path)


def source(provider: Provider, key_file: str | None, address: str = f"gs://{BUCKET}/reviews/") -> PlayConsoleExports:
    return PlayConsoleExports(address, (), key_file, storage_url=provider.base_url, sleep=lambda _: None)


def is_download(asked: Asked) -> bool:
    return asked.query.get("alt") == "media"


@pytest.mark.parametrize("address", [f"gs://{BUCKET}/reviews/", f"gs://{BUCKET}/reviews", f"gcs://{BUCKET}/reviews"])
def test_the_exports_of_the_folder_are_listed_to_the_end_and_read(
    provider: Provider, key_file: str, address: str
) -> None:
    assert pull(source(provider, key_file, address)).ids == ["gp:AOqp0", "gp:AOqp1", "gp:AOqp2"]
    listings = [asked.query for asked in provider.asked if asked.path.endswith("/o")]
    assert [query.get("pageToken") for query in listings] == [None, "1", "2"]
    assert {query["prefix"] for query in listings} == {"reviews/"}


def test_a_month_that_has_grown_is_read_again(bucket: Bucket, provider: Provider, key_file: str) -> None:
    pull(source(provider, key_file))
    bucket.put("202611", export([row(2, "2026-11-15"), row(3, "2026-11-16")]))
    assert pull(source(provider, key_file)).ids == ["gp:AOqp0", "gp:AOqp1", "gp:AOqp2", "gp:AOqp3"]


def test_a_month_that_changes_while_it_is_read_is_read_later(bucket: Bucket, provider: Provider, key_file: str) -> None:
    items = source(provider, key_file).pull(ALWAYS, None)
    next(items)
    bucket.put("202609", bucket.objects[f"reviews/reviews_{APP}_202609.csv"])
    with pytest.raises(RetryLater, match="changed while it was read"):
        list(items)


def test_a_download_that_breaks_off_gives_each_row_once(bucket: Bucket, provider: Provider, key_file: str) -> None:
    whole = export([row(number, "2026-11-15") for number in range(50)])
    bucket.put("202611", whole)
    half = Answer(body=whole[: len(whole) // 2], headers={"Content-Length": str(len(whole))})
    provider.fail(half, times=2, when=lambda asked: is_download(asked) and "202611" in asked.path)
    assert pull(source(provider, key_file)).ids[2:] == [f"gp:AOqp{number}" for number in range(50)]


def test_a_bucket_that_fails_is_asked_again_from_the_month_on(
    bucket: Bucket, provider: Provider, key_file: str
) -> None:
    provider.fail(Answer(503), times=MAX_ATTEMPTS, when=lambda asked: is_download(asked) and "202610" in asked.path)
    failed = pull(source(provider, key_file))
    assert isinstance(failed.error, RetryLater)
    assert (failed.checkpointed_ids, pull(source(provider, key_file), resume=failed.resume).ids) == (
        ["gp:AOqp0"],
        ["gp:AOqp1", "gp:AOqp2"],
    )


@pytest.mark.parametrize(
    ("answer", "times", "named"),
    [
        (Answer(403, {"error": {"message": "no storage.objects.list access"}}), 1, "bulk reports"),
        (Answer(401, {"error": {"message": "Invalid Credentials"}}), MAX_REFUSALS, "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE"),
        (Answer(404, {"error": {"message": "bucket does not exist"}}), 1, "GOOGLE_PLAY_EXPORTS"),
    ],
)
def test_a_refused_or_unknown_bucket_says_which_setting(
    provider: Provider, key_file: str, answer: Answer, times: int, named: str
) -> None:
    provider.fail(answer, times, when=lambda asked: asked.path != "/token")
    error = pull(source(provider, key_file)).error
    assert isinstance(error, ConfigurationError) and named in str(error)
    assert answer.body["error"]["message"] in str(error) and "canary" not in str(error)


def test_a_key_file_that_is_not_there_says_which_setting(provider: Provider, tmp_path: Path) -> None:
    error = pull(source(provider, str(tmp_path / "gone.json"))).error
    assert isinstance(error, ConfigurationError) and "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE" in str(error)
    assert provider.asked == []


def test_a_machine_without_an_identity_says_which_setting(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    error = pull(source(provider, None)).error
    assert isinstance(error, ConfigurationError) and "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE" in str(error)
    assert provider.asked == []


def test_a_folder_without_exports_says_which_settings(provider: Provider, key_file: str) -> None:
    error = pull(source(provider, key_file, f"gs://{BUCKET}/stats")).error
    assert isinstance(error, ConfigurationError) and "GOOGLE_PLAY_EXPORTS" in str(error)


@pytest.mark.real_data
@real_data
def test_real_exports_in_a_bucket_give_the_same_as_in_a_folder(
    bucket: Bucket, provider: Provider, key_file: str
) -> None:
    bucket.objects = {f"reviews/{path.name}": path.read_bytes() for path in REAL.glob("*.csv")}
    bucket.written = dict.fromkeys(bucket.objects, 1)
    rows = pull(source(provider, key_file)).rows
    assert len(rows) == 576
    assert rows == pull(PlayConsoleExports(str(REAL))).rows
