"""Apple's public feed of customer reviews: no account needed, the newest 500 reviews of an app in each country."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from include.errors import ConfigurationError, RetryLater
from include.sources.json_parts import as_list, part
from include.sources.reviews.newest_first import Cursor, newest_first
from include.sources.reviews.review import place_of, review_row
from include.sources.row import BadRow
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.web_api import WebApi

log = logging.getLogger(__name__)

BASE_URL = "https://itunes.apple.com"
STORE = "app_store"
# Page 11 is answered with "CustomerReviews RSS page depth is limited to 10".
LAST_PAGE = 10
EMPTY_PAGE_TRIES = 3
EMPTY_PAGE_WAIT_SECONDS = 2.0


@dataclass
class AppleFeed:
    """Reviews of one app in one country, newest first, at most ten pages of fifty.

    Apple documents the feed no longer; its payload is taken from recorded answers. `updated` is when the review was
    written or last edited, so an edited review comes again, with the same id. Developers' replies are not in it:
    `AppStoreConnect` has them, and every review.

    Args:
        app_id: the number in the app's address, `https://apps.apple.com/us/app/id<number>`.
        country: two letters, such as `us`.
        base_url, sleep: for tests.
    """

    app_id: str
    country: str
    base_url: str = BASE_URL
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.country = self.country.lower()

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """Reviews of the window, as far as the feed still has them; see `Source`."""
        api = WebApi(
            f"Apple's review feed of app {self.app_id} in {self.country!r}",
            self.base_url,
            refused=None,
            missing="Check APP_STORE_APP_ID and APP_STORE_COUNTRIES.",
            sleep=self.sleep,
        )
        end = _End()
        yield from newest_first(lambda cursor: self._page(api, cursor, window, end), window, resume)

    def _page(
        self, api: WebApi, cursor: Cursor | None, window: Window, end: "_End"
    ) -> tuple[list[SourceRow], Cursor | None]:
        number = int(cursor or 1)
        feed = self._feed(api, number, end)
        rows = [row for entry in as_list(feed.get("entry")) if (row := self._row(entry)) is not None]
        if not rows:
            may_have_reviews = self._may_have_reviews(api) if number == 1 else True
            # One that is empty by mistake may have others behind it.
            return [], number + 1 if may_have_reviews and number < end.page(feed) else None
        if number < LAST_PAGE:
            return rows, number + 1
        oldest = min((row.changed_at for row in rows if row.changed_at is not None), default=None)
        if oldest is not None and (window.start is None or oldest >= window.start):
            start = window.start.isoformat() if window.start else "the beginning"
            log.warning(
                "%s ends with page %d, at a review of %s, and the window starts at %s. What was written between "
                "them is lost: run more often, or set APP_STORE_CONNECT_KEY_FILE to read all reviews.",
                *(api.name, LAST_PAGE, oldest.isoformat(), start),
            )
        return rows, None

    def _feed(self, api: WebApi, number: int, end: "_End") -> Mapping[str, Any]:
        """One page. The feed is known to give an empty one at random, so that is asked for again."""
        path = f"{self.country}/rss/customerreviews/page={number}/id={self.app_id}/sortby=mostrecent/json"
        # Of an app that has shown no review yet, as many have none in small countries, each further page is tried once.
        tries = EMPTY_PAGE_TRIES if number == 1 or end.is_known else 1
        for attempt in range(1, tries + 1):
            feed = part(api.get_json(path), "feed")
            if not isinstance(feed, Mapping):
                raise RetryLater(f"{api.name} answered with something that is no feed.")
            if number > end.page(feed) or feed.get("entry"):
                return feed
            if attempt < tries:
                self.sleep(EMPTY_PAGE_WAIT_SECONDS)
        log.log(
            logging.WARNING if end.is_known else logging.INFO,
            "%s gives no reviews on page %d, though it may have some; those are missing.",
            *(api.name, number),
        )
        return feed

    def _may_have_reviews(self, api: WebApi) -> bool:
        """The feed of an app that does not exist is as empty as that of one without reviews, or with them."""
        found = api.get_json("lookup", {"id": self.app_id, "country": self.country})
        if part(found, "resultCount") == 0:
            raise ConfigurationError(
                f"There is no app {self.app_id} in the App Store of {self.country!r}. "
                "Check APP_STORE_APP_ID and APP_STORE_COUNTRIES, or whether the app was withdrawn there."
            )
        return part(next(iter(as_list(part(found, "results"))), None), "userRatingCount") != 0

    def _row(self, entry: Any) -> SourceRow | None:
        if not isinstance(entry, Mapping):
            message = BadRow("not_json", "the review is no JSON object", str(entry).encode("utf-8", "replace"))
            return SourceRow(place_of(STORE, self.app_id, None, entry), message)
        if "im:name" in entry or "im:artist" in entry:
            # The app itself, which some feeds put before its reviews.
            return None
        review_id, updated = _label(entry, "id"), _label(entry, "updated")
        return review_row(
            place_of(STORE, self.app_id, review_id, entry),
            store=STORE,
            app_id=self.app_id,
            review_id=review_id,
            title=_label(entry, "title"),
            text=_label(entry, "content"),
            written_at=updated,
            updated_at=updated,
            rating=_label(entry, "im:rating"),
            url=part(next(iter(as_list(entry.get("link"))), None), "attributes", "href"),
            app_version=_label(entry, "im:version"),
            country=self.country.upper(),
        )


def _label(entry: Mapping[str, Any], name: str) -> Any:
    return part(entry, name, "label")


class _End:
    """Where the feed ends, as the pages so far say; one that is empty by mistake may say nothing, or too little."""

    def __init__(self) -> None:
        self._page = LAST_PAGE
        self.is_known = False

    def page(self, feed: Mapping[str, Any]) -> int:
        """Number of the last page, by this one or else by those before it."""
        for link in as_list(feed.get("link")):
            if part(link, "attributes", "rel") == "last":
                _, _, rest = str(part(link, "attributes", "href") or "").partition("/page=")
                last = rest.partition("/")[0]
                if last.isdecimal():
                    furthest = max(int(last), self._page if self.is_known else 1)
                    self._page, self.is_known = min(furthest, LAST_PAGE), True
        return self._page
