"""Which app stores the reviews come from: plain settings, read when a run pulls."""

import re
from collections.abc import Mapping

from include.errors import ConfigurationError
from include.sources.source import Source

_CONNECT = ("APP_STORE_CONNECT_ISSUER_ID", "APP_STORE_CONNECT_KEY_ID", "APP_STORE_CONNECT_KEY_FILE")


def source(environ: Mapping[str, str]) -> Source | None:
    """All stores that are set up, one after the other; None where none is.

    | setting | meaning |
    | --- | --- |
    | `APP_STORE_APP_ID` | numbers of apps in Apple's App Store, separated by commas |
    | `APP_STORE_COUNTRIES` | countries whose public feed is read, such as `us,de` (default `us`) |
    | `APP_STORE_CONNECT_ISSUER_ID`, `..._KEY_ID`, `..._KEY_FILE` | API key: all reviews of all countries, no feed |
    | `GOOGLE_PLAY_PACKAGE` | package names of apps in Google Play, separated by commas |
    | `GOOGLE_PLAY_SERVICE_ACCOUNT_FILE` | JSON key of a service account: the last week; opens the bucket too |
    | `GOOGLE_PLAY_EXPORTS` | folder or bucket of the Play Console's monthly exports: all reviews with a text |

    Raises:
        ConfigurationError: a setting has a wrong form, or lacks another one that it needs.
    """
    # Imported here because the web clients take their time, and DAG files are parsed every few seconds.
    from include.sources.combined import CombinedSource

    sources = _apple(environ) | _google(environ)
    return CombinedSource(sources) if sources else None


def _apple(environ: Mapping[str, str]) -> dict[str, Source]:
    apps = _listed(environ, "APP_STORE_APP_ID", r"\d{5,15}", "numbers such as 310633997, from the app's address")
    countries = _listed(environ, "APP_STORE_COUNTRIES", r"[A-Za-z]{2}", "two letters each, such as us,de")
    connect = [name for name in _CONNECT if environ.get(name)]
    if not apps:
        if connect or countries:
            raise ConfigurationError(f"{(connect or ['APP_STORE_COUNTRIES'])[0]} needs APP_STORE_APP_ID. Set it too.")
        return {}
    if not connect:
        from include.sources.reviews.apple_feed import AppleFeed

        places = [(app, country.lower()) for app in apps for country in countries or ["us"]]
        return {f"Apple's feed of {app} in {country}": AppleFeed(app, country) for app, country in places}
    missing = [name for name in _CONNECT if name not in connect]
    if missing:
        raise ConfigurationError(f"{connect[0]} needs {' and '.join(missing)}. Set all three or none.")
    from include.sources.reviews.app_store_connect import AppStoreConnect, ConnectKey

    key = ConnectKey(*(environ[name] for name in _CONNECT))
    return {f"App Store Connect, {app}": AppStoreConnect(app, key) for app in apps}


def _google(environ: Mapping[str, str]) -> dict[str, Source]:
    form = r"[A-Za-z]\w*(?:\.\w+)+"
    packages = _listed(environ, "GOOGLE_PLAY_PACKAGE", form, "names of packages such as org.example.app")
    key_file, exports = environ.get("GOOGLE_PLAY_SERVICE_ACCOUNT_FILE"), environ.get("GOOGLE_PLAY_EXPORTS")
    if packages and not key_file and not exports:
        raise ConfigurationError(
            "GOOGLE_PLAY_PACKAGE needs GOOGLE_PLAY_SERVICE_ACCOUNT_FILE, GOOGLE_PLAY_EXPORTS or both. Set one."
        )
    if key_file and not packages and not exports:
        raise ConfigurationError("GOOGLE_PLAY_SERVICE_ACCOUNT_FILE needs GOOGLE_PLAY_PACKAGE. Set it too.")
    sources: dict[str, Source] = {}
    if exports:
        from include.sources.reviews.play_console_exports import PlayConsoleExports

        name = f"exports at {exports} of {', '.join(packages) or 'all apps'}"
        sources[name] = PlayConsoleExports(exports, tuple(packages), key_file)
    if key_file:
        from include.sources.reviews.google_play import GooglePlay

        # After the exports, because it is ahead of them.
        sources |= {f"Google Play, {package}": GooglePlay(package, key_file) for package in packages}
    return sources


def _listed(environ: Mapping[str, str], name: str, form: str, meaning: str) -> list[str]:
    values = [value.strip() for value in environ.get(name, "").split(",") if value.strip()]
    for value in values:
        if not re.fullmatch(form, value):
            raise ConfigurationError(f"{name}: {value!r} is not of the form that it takes: {meaning}. Correct it.")
    return list(dict.fromkeys(values))
