"""App Store Connect: every review of an app, in all countries, with the developer's replies."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from babel.core import get_global
from cryptography.exceptions import UnsupportedAlgorithm

from include.errors import ConfigurationError, RetryLater
from include.limits.headers import retry_after_seconds
from include.sources.job_status import told
from include.sources.json_parts import as_list, part
from include.sources.reviews.newest_first import Cursor, newest_first
from include.sources.reviews.review import place_of, review_row
from include.sources.row import BadRow
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.web_api import WebApi

BASE_URL = "https://api.appstoreconnect.apple.com"
STORE = "app_store"
PAGE_SIZE = 200
# Apple refuses tokens that are valid for more than 20 minutes; a new one is made well before.
TOKEN_SECONDS = 1_140
RENEWED_AFTER_SECONDS = 900
# The limit counts the requests of the last hour.
HOUR_SECONDS = 3_600.0
# The stores' only code that is no country's of the standard: Kosovo.
_OWN_TERRITORIES = {"XKS": "XK"}
_NONE_LEFT = re.compile(r"user-hour-rem:\s*0\b")


@dataclass(frozen=True)
class ConnectKey:
    """An API key of App Store Connect (Users and Access, Integrations), with the role Customer Support or above.

    Args:
        issuer_id, key_id: as shown beside the key.
        key_file: path of the `.p8` file, which Apple lets one download once.
    """

    issuer_id: str
    key_id: str
    key_file: str

    def token(self, now: float) -> str:
        """A signed token (ES256) that is valid for 19 minutes from `now`, in seconds since 1970.

        Raises:
            ConfigurationError: the file cannot be read or holds no such key.
        """
        claims = {"iss": self.issuer_id, "iat": int(now), "exp": int(now) + TOKEN_SECONDS, "aud": "appstoreconnect-v1"}
        try:
            key = Path(self.key_file).read_text()
            return jwt.encode(claims, key, algorithm="ES256", headers={"kid": self.key_id})
        except (OSError, ValueError, TypeError, jwt.PyJWTError, UnsupportedAlgorithm) as error:
            # Without the error's text, which may quote the key.
            raise ConfigurationError(
                f"APP_STORE_CONNECT_KEY_FILE={self.key_file!r} cannot be used as a private key "
                f"({type(error).__name__}). Set it to the path of the .p8 file that App Store Connect gave out."
            ) from None


@dataclass(frozen=True)
class AppStoreConnect:
    """Reviews of one app, newest first (`GET /v1/apps/{id}/customerReviews`, App Store Connect API 2.0).

    Apple does not say whether an edit moves `createdDate`, the only time that a review has there. Where it does not,
    an edit is seen only while the review is in the window. Nor does it say which version of the app a review is about.

    Args:
        app_id: the number in the app's address, `https://apps.apple.com/us/app/id<number>`.
        key: of an account that has the app.
        base_url, sleep, clock: for tests.
    """

    app_id: str
    key: ConnectKey
    base_url: str = BASE_URL
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """Reviews of the window in all countries; see `Source`."""
        tokens = _Tokens(self.key, self.clock)
        api = WebApi(
            f"App Store Connect (app {self.app_id})",
            self.base_url,
            headers=tokens.headers,
            renew=tokens.renew,
            refused="Check APP_STORE_CONNECT_ISSUER_ID, APP_STORE_CONNECT_KEY_ID and APP_STORE_CONNECT_KEY_FILE, "
            "whether the key was revoked, and that its role may see customer reviews.",
            missing="Check APP_STORE_APP_ID, and that the key's account has the app.",
            asked_pause=_asked_pause,
            sleep=self.sleep,
        )
        yield from newest_first(lambda cursor: self._page(api, cursor), window, resume)

    def _page(self, api: WebApi, cursor: Cursor | None) -> tuple[list[SourceRow], Cursor | None]:
        if cursor is None:
            parameters = {"sort": "-createdDate", "limit": PAGE_SIZE, "include": "response"}
            page = api.get_json(f"v1/apps/{self.app_id}/customerReviews", parameters)
        else:
            page = api.get_json(str(cursor))
        if not isinstance(part(page, "data"), list):
            raise RetryLater(f"{api.name} answered with something that is no page of reviews{told(page)}.")
        replies = {
            str(part(reply, "id")): part(reply, "attributes", "responseBody")
            for reply in as_list(part(page, "included"))
        }
        return [self._row(review, replies) for review in page["data"]], part(page, "links", "next") or None

    def _row(self, review: Any, replies: Mapping[str, Any]) -> SourceRow:
        review_id = part(review, "id")
        place = place_of(STORE, self.app_id, review_id, review)
        if not isinstance(part(review, "attributes"), Mapping):
            message = "the review is no JSON object with attributes"
            return SourceRow(place, BadRow("not_json", message, str(review).encode("utf-8", "replace")))
        attributes = review["attributes"]
        reply_id = part(review, "relationships", "response", "data", "id")
        return review_row(
            place,
            store=STORE,
            app_id=self.app_id,
            review_id=review_id,
            title=attributes.get("title"),
            text=attributes.get("body"),
            written_at=attributes.get("createdDate"),
            updated_at=attributes.get("createdDate"),
            rating=attributes.get("rating"),
            country=_two_letters(attributes.get("territory")),
            developer_reply=replies.get(str(reply_id)),
        )


class _Tokens:
    def __init__(self, key: ConnectKey, clock: Callable[[], float]) -> None:
        self._key, self._clock = key, clock
        self._token, self._made_at = "", float("-inf")

    def headers(self) -> dict[str, str]:
        now = self._clock()
        if now - self._made_at > RENEWED_AFTER_SECONDS:
            self._token, self._made_at = self._key.token(now), now
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        self._made_at = float("-inf")


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """`Retry-After`, or an hour where `X-Rate-Limit: user-hour-lim:3500;user-hour-rem:0;` says that nothing is left."""
    asked = retry_after_seconds(headers)
    return HOUR_SECONDS if asked is None and _NONE_LEFT.search(headers.get("X-Rate-Limit") or "") else asked


def _two_letters(territory: Any) -> Any:
    """`US` for `USA`, as the other sources write countries; a code that nobody knows stays as it is."""
    if not isinstance(territory, str):
        return territory
    codes = get_global("territory_aliases").get(territory)
    return codes[0] if codes else _OWN_TERRITORIES.get(territory, territory)
