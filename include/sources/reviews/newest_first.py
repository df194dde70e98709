"""Pull pages that a provider hands out newest first, until they are older than the window."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from include.errors import RetryLater
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.web_api import RequestRefused

log = logging.getLogger(__name__)

Cursor = str | int


def newest_first(
    page: Callable[[Cursor | None], tuple[list[SourceRow], Cursor | None]],
    window: Window,
    resume: Mapping[str, Any] | None,
) -> Iterator[SourceRow | Checkpoint]:
    """All rows down to the first page that is wholly older than the window, with a checkpoint after each page.

    A single older row does not end it: providers sort by a time that is not always the one that they show. A review
    that came while the pages were read pushes others down, so a page may repeat rows of the one before; they have the
    same id and version.

    Args:
        page: rows of the page at a cursor and the cursor of the next one; the first page for None, None after the last.
        window: only its start matters here.
        resume: of an earlier `Checkpoint`.

    A cursor that is refused, because it has expired by the time of a retry or of a long pause, is given up once: all
    pages are then pulled once more.

    Raises:
        RetryLater: a page names itself as the next one.
    """
    cursor: Cursor | None = resume["next"] if resume else None
    may_start_anew = True
    while True:
        try:
            rows, following = page(cursor)
        except RequestRefused as error:
            if cursor is None or not may_start_anew:
                raise
            log.warning("The cursor of the last page is refused, so all pages are pulled once more. %s", error)
            cursor, may_start_anew = None, False
            continue
        if following is not None and following == cursor:
            raise RetryLater(f"The next page after {cursor!r} is that page again, so the rest cannot be reached.")
        yield from rows
        if following is None or is_older(rows, window):
            return
        cursor = following
        yield Checkpoint({"next": cursor})


def is_older(rows: list[SourceRow], window: Window) -> bool:
    """Whether every dated row of a page is older than the window, so that only older ones can follow."""
    moments = [row.changed_at for row in rows if row.changed_at is not None]
    return bool(moments) and window.start is not None and max(moments) < window.start
