"""Buckets of Google Cloud Storage, by Google's documentation of its JSON API: exports, and transcripts of calls."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from include.errors import ConfigurationError, RetryLater
from include.sources.calls.transcripts import Transcripts
from include.sources.reviews.play_console_exports import PlayConsoleExports
from include.sources.source import Window
from tests.servers.provider import Answer, Asked, Provider
from tests.sources.pulling import ALWAYS, pull
from tests.sources.reviews.test_play_console_exports import APP, REAL, export, real_data, row

BUCKET = "pubsite_prod_rev_0123456789"
# How often gcsfs asks before it gives up.
ASKED = 6
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Bucket:
    """Google's token service and one bucket: objects by name, with how often each was written."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: dict[str, int] = {}

    def put(self, month: str, content: bytes, app: str = APP) -> None:
        """Write one month's export, or write it anew."""
        self.write(f"reviews/reviews_{app}_{month}.csv", content)

    def write(self, name: str, content: bytes) -> None:
        """Write an object, or write it anew."""
        self.objects[name] = content
        self.written[name] = self.written.get(name, 0) + 1

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            return Answer(body={"access_token": "ya29.canary", "expires_in": 3600, "token_type": "Bearer"})
        if asked.headers.get("Authorization") != "Bearer ya29.canary":
            return Answer(401, {"error": {"code": 401, "message": "Anonymous caller"}})
        if asked.path == f"/storage/v1/b/{BUCKET}/o":
            return self.listing(asked.query)
        name = unquote(asked.path.partition(f"/storage/v1/b/{BUCKET}/o/")[2])
        if name not in self.objects:
            return Answer(404, {"error": {"code": 404, "message": "Not Found"}})
        if not is_download(asked):
            return Answer(body=self.described(name))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("Range") or "")
        if wanted is None:
            return Answer(body=self.objects[name], headers={"Content-Type": "text/csv"})
        return Answer(206, self.objects[name][int(wanted[1]) : int(wanted[2]) + 1])

    def listing(self, query: Any) -> Answer:
        """One object a page, though more were asked for: the number is an upper bound."""
        names = sorted(name for name in self.objects if name.startswith(query.get("prefix", "")))
        here = [name for name in names if "/" not in name.removeprefix(query.get("prefix", ""))]
        start = int(query.get("pageToken", "0"))
        page: dict[str, Any] = {"kind": "storage#objects"}
        page |= {"prefixes": ["reviews/old/"]} if query.get("prefix") == "reviews/" else {}
        page |= {"items": [self.described(name) for name in here[start : start + 1]]} if here else {}
        return Answer(body=page | ({"nextPageToken": str(start + 1)} if start + 1 < len(here) else {}))

    def described(self, name: str) -> dict[str, Any]:
        """Numbers are written as text."""
        size, generation = str(len(self.objects[name])), str(self.written[name])
        return {"name": name, "size": size, "generation": generation, "updated": "2026-11-20T08:30:00.123Z"}


@pytest.fixture
def bucket() -> Bucket:
    made = Bucket()
    for number, month in enumerate(("202609", "202610", "202611")):
        made.put(month, export([row(number, f"{month[:4]}-{month[4:]}-15")]))
    return made


@pytest.fixture
def provider(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with Provider(bucket) as server:
        # The variable by which Google's own libraries find a server that stands in for the storage.
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.base_url)
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


def source(key_file: str | None, address: str = f"gs://{BUCKET}/reviews/") -> PlayConsoleExports:
    return PlayConsoleExports(address, (), key_file)


def is_download(asked: Asked) -> bool:
    return asked.query.get("alt") == "media"


@pytest.mark.parametrize("address", [f"gs://{BUCKET}/reviews/", f"gs://{BUCKET}/reviews", f"gcs://{BUCKET}/reviews"])
def test_the_exports_of_the_folder_are_listed_to_the_end_and_read(
    provider: Provider, key_file: str, address: str
) -> None:
    assert pull(source(key_file, address)).ids == ["gp:AOqp0", "gp:AOqp1", "gp:AOqp2"]
    listings = [asked.query for asked in provider.asked if asked.path.endswith("/o")]
    assert [query.get("pageToken") for query in listings[:3]] == [None, "1", "2"]
    assert listings[0]["prefix"] == "reviews/"


def test_a_month_that_has_grown_is_read_again(bucket: Bucket, provider: Provider, key_file: str) -> None:
    pull(source(key_file))
    bucket.put("202611", export([row(2, "2026-11-15"), row(3, "2026-11-16")]))
    assert pull(source(key_file)).ids == ["gp:AOqp0", "gp:AOqp1", "gp:AOqp2", "gp:AOqp3"]


def test_a_month_that_changes_while_it_is_read_is_read_later(bucket: Bucket, provider: Provider, key_file: str) -> None:
    items = source(key_file).pull(ALWAYS, None)
    next(items)
    bucket.put("202609", bucket.objects[f"reviews/reviews_{APP}_202609.csv"])
    with pytest.raises(RetryLater, match="changed while it was read"):
        list(items)


def test_a_bucket_that_fails_for_a_moment_gives_each_row_once(
    bucket: Bucket, provider: Provider, key_file: str
) -> None:
    bucket.put("202611", export([row(number, "2026-11-15") for number in range(50)]))
    provider.fail(Answer(503), when=lambda asked: is_download(asked) and "202611" in asked.path)
    assert pull(source(key_file)).ids[2:] == [f"gp:AOqp{number}" for number in range(50)]


@pytest.mark.slow
def test_a_bucket_that_stays_away_is_asked_again_from_the_month_on(
    bucket: Bucket, provider: Provider, key_file: str
) -> None:
    provider.fail(Answer(503), times=ASKED, when=lambda asked: is_download(asked) and "202610" in asked.path)
    failed = pull(source(key_file))
    assert isinstance(failed.error, RetryLater)
    assert (failed.checkpointed_ids, pull(source(key_file), resume=failed.resume).ids) == (
        ["gp:AOqp0"],
        ["gp:AOqp1", "gp:AOqp2"],
    )


@pytest.mark.parametrize(
    ("answer", "said", "named"),
    [
        (Answer(403, {"error": {"message": "no storage.objects.list access"}}), "no storage", "bulk reports"),
        (Answer(401, {"error": {"message": "Invalid issuer"}}), "Invalid issuer", "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE"),
        (Answer(404, {"error": {"message": "bucket does not exist"}}), "FileNotFoundError", "GOOGLE_PLAY_EXPORTS"),
    ],
)
def test_a_refused_or_unknown_bucket_says_which_setting(
    provider: Provider, key_file: str, answer: Answer, said: str, named: str
) -> None:
    provider.fail(answer, times=9, when=lambda asked: asked.path != "/token")
    error = pull(source(key_file)).error
    assert isinstance(error, ConfigurationError) and named in str(error)
    assert said in str(error) and "canary" not in str(error)


def test_a_key_file_that_is_not_there_says_which_setting(provider: Provider, tmp_path: Path) -> None:
    error = pull(source(str(tmp_path / "gone.json"))).error
    assert isinstance(error, ConfigurationError) and "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE" in str(error)
    assert provider.asked == []


def test_a_machine_without_an_identity_says_which_setting(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    error = pull(source(None)).error
    assert isinstance(error, ConfigurationError) and "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE" in str(error)
    assert provider.asked == []


def test_a_folder_without_exports_says_which_settings(provider: Provider, key_file: str) -> None:
    error = pull(source(key_file, f"gs://{BUCKET}/stats")).error
    assert isinstance(error, ConfigurationError) and "GOOGLE_PLAY_EXPORTS" in str(error)


@pytest.mark.real_data
@real_data
def test_real_exports_in_a_bucket_give_the_same_as_in_a_folder(
    bucket: Bucket, provider: Provider, key_file: str
) -> None:
    bucket.objects = {f"reviews/{path.name}": path.read_bytes() for path in REAL.glob("*.csv")}
    bucket.written = dict.fromkeys(bucket.objects, 1)
    rows = pull(source(key_file)).rows
    assert len(rows) == 576
    assert rows == pull(PlayConsoleExports(str(REAL))).rows


@pytest.fixture
def connection(key_file: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection with the same key; each test has its own, because Airflow keeps what it has opened."""
    name = f"google_{uuid.uuid4().hex}"
    extra = {"keyfile_dict": Path(key_file).read_text()}
    monkeypatch.setenv(
        f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "google_cloud_platform", "extra": json.dumps(extra)})
    )
    return name


def test_calls_in_a_bucket_are_read_through_an_airflow_connection(
    bucket: Bucket, provider: Provider, connection: str
) -> None:
    bucket.write("calls/c-1.txt", b"agent: Hello, how can I help?\ncustomer: My card was charged twice.")
    pulled = pull(Transcripts(f"gs://{connection}@{BUCKET}/calls"))
    assert (pulled.ids, pulled.error) == (["c-1"], None)


def test_calls_in_a_bucket_that_are_not_of_the_window_are_not_read(
    bucket: Bucket, provider: Provider, connection: str
) -> None:
    bucket.write("calls/c-1.txt", b"agent: Hello, how can I help?\ncustomer: My card was charged twice.")
    after = Window(datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
    pulled = pull(Transcripts(f"gs://{connection}@{BUCKET}/calls"), after)
    assert (pulled.rows, pulled.error) == ([], None)
    assert not any(map(is_download, provider.asked))


def test_a_bucket_of_calls_that_refuses_the_connection_says_what_to_check(provider: Provider, connection: str) -> None:
    refused = Answer(403, {"error": {"message": "no storage.objects.list access"}})
    provider.fail(refused, times=9, when=lambda asked: asked.path != "/token")
    error = pull(Transcripts(f"gs://{connection}@{BUCKET}/calls")).error
    assert isinstance(error, ConfigurationError) and "Airflow connection" in str(error)
