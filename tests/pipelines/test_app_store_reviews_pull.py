"""All stores of the pipeline in one run, from their servers to `raw/`."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization

from include.errors import ConfigurationError, RetryLater
from include.lake.paths import open_lake
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.sources.combined import CombinedSource
from include.sources.reviews.app_store_connect import AppStoreConnect, ConnectKey
from include.sources.reviews.apple_feed import AppleFeed
from include.sources.reviews.google_play import GooglePlay
from include.sources.reviews.play_console_exports import PlayConsoleExports
from include.sources.source import Source
from include.sources.web_api import MAX_ATTEMPTS
from include.stages.extract import extract_records
from include.stages.manifests import Extracted
from tests.lake.tables import read_tables
from tests.servers.provider import Answer, Asked, Provider
from tests.sources.reviews import test_app_store_connect as connect
from tests.sources.reviews import test_apple_feed as feed
from tests.sources.reviews import test_google_play as play
from tests.sources.reviews import test_play_console_exports as exports
from tests.stages.help_desk_scenario import DAY, settle_night

# Reviews are made by their hours before this moment.
NEWEST = datetime(2026, 11, 20, 12, tzinfo=UTC)
END = NEWEST + timedelta(hours=1)
PAGE = 2


class Stores:
    """Apple's two ways and Google's two ways to reviews of one app each, and a lake."""

    def __init__(self, folder: Path, servers: ExitStack) -> None:
        self.folder = folder
        self.lake = open_lake(str(folder / "lake"))
        self.of_connect: list[dict[str, Any]] = []
        self.feed, self.play = feed.Feed(), play.Reviews()
        self.connect = servers.enter_context(Provider(self._connect))
        self.itunes = servers.enter_context(Provider(self.feed))
        self.google = servers.enter_context(Provider(self.play))
        self.countries = ["us"]

    def _connect(self, asked: Asked) -> Answer:
        """A cursor that counts reviews, as providers' cursors often do: new ones push the others on."""
        start = int(asked.query.get("cursor", "0"))
        page: dict[str, Any] = {"data": self.of_connect[start : start + PAGE], "links": {}}
        if start + PAGE < len(self.of_connect):
            page["links"]["next"] = f"{self.connect.base_url}{asked.path}?cursor={start + PAGE}"
        return Answer(body=page)

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline with these stores."""
        sources: dict[str, Source] = {
            "connect": AppStoreConnect(
                connect.APP, self._connect_key(), base_url=self.connect.base_url, sleep=lambda _: None
            )
        }
        for country in self.countries:
            sources[country] = AppleFeed(feed.APP, country, base_url=self.itunes.base_url, sleep=lambda _: None)
        sources["exports"] = PlayConsoleExports(str(self.folder / "exports"))
        sources["play"] = GooglePlay(
            play.PACKAGE, self._account(), base_url=self.google.base_url, sleep=lambda _: None, clock=lambda: END
        )
        return dataclasses.replace(load_pipeline("app_store_reviews"), source=lambda _: CombinedSource(sources))

    def extract(self, end: datetime = END) -> Extracted:
        """The first stage of the night that ends at a moment."""
        run = settle_night(self.pipeline, "http://127.0.0.1:1/v1", end)
        return extract_records(self.lake, self.pipeline, run, {})

    def raw(self) -> pd.DataFrame:
        """What has been kept of all pulls."""
        made: pd.DataFrame = read_tables(self.lake, self.lake.files("raw", "app_store_reviews")).to_pandas()
        return made

    def _connect_key(self) -> ConnectKey:
        return ConnectKey("issuer", "key", self._pem("connect.p8", connect.PRIVATE_KEY))

    def _account(self) -> str:
        path = self.folder / "account.json"
        key = {"client_email": "n@example.iam.gserviceaccount.com", "token_uri": f"{self.google.base_url}/token"}
        key |= {"private_key": Path(self._pem("google.pem", play.PRIVATE_KEY)).read_text()}
        path.write_text(json.dumps(key))
        return str(path)

    def _pem(self, name: str, key: Any) -> str:
        encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (self.folder / name).write_bytes(key.private_bytes(*encoding))
        return str(self.folder / name)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """One review in each store."""
    with ExitStack() as servers:
        made = Stores(tmp_path, servers)
        made.of_connect = [connect.review(1, rating=2, territory="DEU")]
        made.feed.pages = [[feed.entry(2)]]
        made.play.pages = [[play.review(3, "Thanks.")]]
        (tmp_path / "exports").mkdir()
        link = {"Review Link": "https://play.google.com/x?reviewid=gp:export", "Developer Reply Text": "Sorry."}
        exports.write(tmp_path / "exports", "202611", exports.row(4, "2026-11-20T08:00:00", **link))
        yield made


def test_every_store_fills_the_same_columns(stores: Stores) -> None:
    assert stores.extract().extracted == 4
    raw = stores.raw().set_index("record_id")
    assert set(raw.index) == {"r-1", "12999999998", "gp:AOqp3", "gp:export"}
    assert raw["attr_rating"].to_dict() == {"r-1": 2, "12999999998": 4, "gp:AOqp3": 4, "gp:export": 4}
    assert raw["attr_country"].dropna().to_dict() == {"r-1": "DE", "12999999998": "US"}
    assert raw["attr_store"].value_counts().to_dict() == {"app_store": 2, "google_play": 2}
    assert raw["attr_developer_reply"].dropna().to_dict() == {"gp:AOqp3": "Thanks.", "gp:export": "Sorry."}
    assert raw["attr_app_version"].dropna().to_dict() == {"12999999998": "26.11.0", "gp:AOqp3": "1.2.3"}


def test_a_failure_on_page_40_loses_nothing_though_new_reviews_push_the_others_on(stores: Stores) -> None:
    stores.of_connect = [
        connect.review(0, createdDate=_minutes_before(number)) | {"id": f"r-{number}"} for number in range(90)
    ]
    page_40 = str(39 * PAGE)
    stores.connect.fail(Answer(500), MAX_ATTEMPTS, when=lambda asked: asked.query.get("cursor") == page_40)
    with pytest.raises(RetryLater):
        stores.extract()
    asked_before = len(stores.connect.asked)
    new = [
        connect.review(0, createdDate=_minutes_before(-61 - number)) | {"id": f"new-{number}"} for number in range(3)
    ]
    stores.of_connect = [*reversed(new), *stores.of_connect]
    counts = stores.extract()
    assert stores.connect.asked[asked_before].query["cursor"] == page_40
    kept = stores.raw()["record_id"]
    assert sorted(kept[kept.str.startswith("r-")]) == sorted(f"r-{number}" for number in range(90))
    assert counts.extracted - counts.skipped["has_outcome"] == len(kept) == 93
    stores.extract(END + DAY)
    kept = stores.raw()["record_id"]
    assert sorted(kept[kept.str.startswith("new-")]) == ["new-0", "new-1", "new-2"]
    assert kept.is_unique


def test_a_country_that_is_corrected_after_the_error_is_pulled_by_the_same_run(stores: Stores) -> None:
    stores.countries = ["us", "zz"]
    stores.itunes.fail(Answer(400), when=lambda asked: asked.path.startswith("/zz/"))
    with pytest.raises(ConfigurationError, match="APP_STORE_COUNTRIES"):
        stores.extract()
    asked_before = len(stores.itunes.asked)
    stores.countries = ["gb", "us"]
    stores.feed.pages = [[feed.entry(5)]]
    stores.extract()
    assert {asked.path.split("/")[1] for asked in stores.itunes.asked[asked_before:]} == {"gb"}
    assert {"12999999998", "12999999995", "r-1", "gp:AOqp3"} <= set(stores.raw()["record_id"])


def test_a_second_night_keeps_each_version_of_a_review_once(stores: Stores) -> None:
    stores.extract()
    stores.play.pages = [[play.review(-20, text="Edited.") | {"reviewId": "gp:AOqp3"}]]
    stores.extract(END + DAY)
    raw = stores.raw()
    assert raw["record_id"].value_counts().to_dict() == {"r-1": 1, "12999999998": 1, "gp:AOqp3": 2, "gp:export": 1}


def _minutes_before(minutes: int) -> str:
    return (NEWEST - timedelta(minutes=minutes)).isoformat()
