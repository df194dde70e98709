"""Google Play's reviews of the last week, through the Android Publisher API."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from include.errors import RetryLater
from include.sources.google_token import GoogleTokens
from include.sources.json_parts import as_list, part
from include.sources.reviews.newest_first import Cursor, newest_first
from include.sources.reviews.review import place_of, review_row
from include.sources.row import BadRow
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.web_api import WebApi

log = logging.getLogger(__name__)

BASE_URL = "https://androidpublisher.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
STORE = "google_play"
PAGE_SIZE = 100
# "Only reviews from last week will be returned" (reviews.list).
REACHES_BACK = timedelta(days=7)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class GooglePlay:
    """Reviews of one app that were written or edited in the last week, the newest first (`reviews.list`).

    Google gives only reviews with a text, of production versions, and only the time of their last edit. It allows 200
    requests an hour and app. What is older is in the exports of the Play Console, see `PlayConsoleExports`.

    Args:
        package: name of the app's package, such as `org.example.app`.
        key_file: JSON key of a service account whom the Play Console allows to reply to reviews.
        base_url, sleep, clock: for tests.
    """

    package: str
    key_file: str
    base_url: str = BASE_URL
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], datetime] = _now

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """Reviews of the window, as far as they are from the last week; see `Source`."""
        tokens = GoogleTokens(self.key_file, SCOPE)
        api = WebApi(
            f"Google Play (app {self.package})",
            self.base_url,
            headers=tokens.headers,
            renew=tokens.renew,
            refused="Check GOOGLE_PLAY_SERVICE_ACCOUNT_FILE, and that the Play Console gives this service account the "
            "permission to reply to reviews of the app.",
            missing="Check GOOGLE_PLAY_PACKAGE.",
            sleep=self.sleep,
        )
        reached = self.clock() - REACHES_BACK
        if window.start is not None and window.start < reached:
            log.warning(
                "%s gives no reviews from before %s, and the window starts at %s. Set GOOGLE_PLAY_EXPORTS for older "
                "ones, or read them from the lake's own copy.",
                *(api.name, reached.isoformat(timespec="seconds"), window.start.isoformat()),
            )
        yield from newest_first(lambda cursor: self._page(api, cursor), window, resume)

    def _page(self, api: WebApi, cursor: Cursor | None) -> tuple[list[SourceRow], Cursor | None]:
        parameters = {"maxResults": PAGE_SIZE} | ({"token": cursor} if cursor is not None else {})
        path = f"androidpublisher/v3/applications/{quote(self.package, safe='')}/reviews"
        page = api.get_json(path, parameters)
        if not isinstance(page, Mapping):
            raise RetryLater(f"{api.name} answered with something that is no page of reviews.")
        # An app without reviews gets an empty object.
        rows = [self._row(review) for review in as_list(page.get("reviews"))]
        return rows, part(page, "tokenPagination", "nextPageToken") or None

    def _row(self, review: Any) -> SourceRow:
        review_id = part(review, "reviewId")
        place = place_of(STORE, self.package, review_id, review)
        comments = as_list(part(review, "comments"))
        users = [comment["userComment"] for comment in comments if isinstance(part(comment, "userComment"), Mapping)]
        if not users:
            message = "the review has no comment of a user"
            return SourceRow(place, BadRow("empty_text", message, str(review).encode("utf-8", "replace")))
        comment = max(users, key=lambda user: _milliseconds(user) or 0)
        title, text = _title_and_text(comment.get("text"))
        modified = _milliseconds(comment) or part(comment, "lastModified", "seconds")
        replies = [part(comment, "developerComment", "text") for comment in comments]
        return review_row(
            place,
            store=STORE,
            app_id=self.package,
            review_id=review_id,
            title=title,
            text=text,
            written_at=modified,
            updated_at=modified,
            rating=comment.get("starRating"),
            url=_address(self.package, review_id),
            app_version=comment.get("appVersionName"),
            language=comment.get("reviewerLanguage"),
            device=comment.get("device"),
            developer_reply=next((reply for reply in reversed(replies) if reply), None),
        )


def _milliseconds(comment: Mapping[str, Any]) -> int | None:
    """When it was last edited, since 1970, as fine as the exports write it: of two equal times the later row counts."""
    try:
        seconds, nanos = (int(part(comment, "lastModified", name) or 0) for name in ("seconds", "nanos"))
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds * 1_000 + nanos // 1_000_000 if seconds > 0 else None


def _title_and_text(text: Any) -> tuple[Any, Any]:
    """Title and body: "concatenated and separated by a tab character" where the user could write a title."""
    if not isinstance(text, str) or "\t" not in text:
        return None, text
    title, _, body = text.partition("\t")
    return title.strip() or None, body


def _address(package: str, review_id: Any) -> str | None:
    if not isinstance(review_id, str):
        return None
    return f"https://play.google.com/store/apps/details?id={quote(package)}&reviewId={quote(review_id, safe='')}"
