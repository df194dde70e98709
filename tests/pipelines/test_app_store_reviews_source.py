"""The settings that say which app stores the reviews come from."""

import subprocess
import sys

import pytest

from include.errors import ConfigurationError
from include.pipelines.app_store_reviews.source import source
from include.sources.combined import CombinedSource
from include.sources.reviews.app_store_connect import AppStoreConnect
from include.sources.reviews.apple_feed import AppleFeed
from include.sources.reviews.google_play import GooglePlay
from include.sources.reviews.play_console_exports import PlayConsoleExports

CONNECT = {
    "APP_STORE_CONNECT_ISSUER_ID": "issuer",
    "APP_STORE_CONNECT_KEY_ID": "id",
    "APP_STORE_CONNECT_KEY_FILE": "/keys/key.p8",
}
APPLE = {"APP_STORE_APP_ID": "310633997"}
PLAY = {"GOOGLE_PLAY_PACKAGE": "org.example.app"}
ACCOUNT = {"GOOGLE_PLAY_SERVICE_ACCOUNT_FILE": "/keys/account.json"}
EXPORTS = {"GOOGLE_PLAY_EXPORTS": "gs://pubsite_prod_rev_1/reviews"}


def kinds(environ: dict[str, str]) -> list[type]:
    """Classes of the sources that settings make, in the order of pulling."""
    made = source(environ)
    if made is None:
        return []
    assert isinstance(made, CombinedSource)
    return [type(one) for one in made.sources.values()]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"APP_STORE_APP_ID": "", "GOOGLE_PLAY_PACKAGE": " "}, []),
        (APPLE, [AppleFeed]),
        (APPLE | CONNECT, [AppStoreConnect]),
        (PLAY | ACCOUNT, [GooglePlay]),
        (EXPORTS, [PlayConsoleExports]),
        (EXPORTS | ACCOUNT, [PlayConsoleExports]),
        (PLAY | ACCOUNT | EXPORTS, [PlayConsoleExports, GooglePlay]),
        (APPLE | PLAY | ACCOUNT, [AppleFeed, GooglePlay]),
    ],
    ids=str,
)
def test_settings_make_sources(environ: dict[str, str], expected: list[type]) -> None:
    assert kinds(environ) == expected


def test_each_app_is_read_in_each_country() -> None:
    environ = {"APP_STORE_APP_ID": "310633997, 389801252,310633997", "APP_STORE_COUNTRIES": "us,de, FR"}
    assert kinds(environ) == [AppleFeed] * 6


def test_a_country_in_capitals_is_the_same_one() -> None:
    assert kinds(APPLE | {"APP_STORE_COUNTRIES": "us,US"}) == [AppleFeed]


def test_no_source_goes_by_the_name_of_another() -> None:
    """A retry tells them apart by it, and so does one with other settings."""
    names: list[str] = []
    for environ in (
        APPLE | {"APP_STORE_COUNTRIES": "us,de"},
        APPLE | CONNECT,
        PLAY | ACCOUNT,
        EXPORTS,
        EXPORTS | PLAY,
        EXPORTS | {"GOOGLE_PLAY_PACKAGE": "org.example.app,org.example.two"},
        {"GOOGLE_PLAY_EXPORTS": "/exports"},
    ):
        made = source(environ)
        assert isinstance(made, CombinedSource)
        names += made.sources
    assert len(names) == 8 == len(set(names))


def test_each_package_is_a_source() -> None:
    assert kinds({"GOOGLE_PLAY_PACKAGE": "org.a.b,org.c.d"} | ACCOUNT) == [GooglePlay, GooglePlay]


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"APP_STORE_APP_ID": "id310633997"}, "APP_STORE_APP_ID"),
        (APPLE | {"APP_STORE_COUNTRIES": "usa"}, "APP_STORE_COUNTRIES"),
        ({"APP_STORE_COUNTRIES": "us"}, "APP_STORE_APP_ID"),
        (CONNECT, "APP_STORE_APP_ID"),
        (APPLE | {"APP_STORE_CONNECT_KEY_ID": "id"}, "APP_STORE_CONNECT_ISSUER_ID and APP_STORE_CONNECT_KEY_FILE"),
        (PLAY, "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE"),
        (ACCOUNT, "GOOGLE_PLAY_PACKAGE"),
        ({"GOOGLE_PLAY_PACKAGE": "../../etc"} | ACCOUNT, "GOOGLE_PLAY_PACKAGE"),
    ],
)
def test_a_wrong_or_lonely_setting_names_what_to_set(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        source(environ)
    assert named in str(error.value)


def test_making_a_source_reads_no_key_and_reaches_no_store() -> None:
    assert kinds(APPLE | CONNECT | PLAY | ACCOUNT | EXPORTS) == [AppStoreConnect, PlayConsoleExports, GooglePlay]


def test_importing_the_settings_loads_no_client() -> None:
    program = (
        "import sys, include.pipelines.app_store_reviews.source\n"
        "print([name for name in ('requests', 'google.auth', 'jwt', 'fsspec', 'babel') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
