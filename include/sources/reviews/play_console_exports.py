"""The monthly review exports of the Play Console: `reviews_<package>_YYYYMM.csv` in its bucket or any folder."""

import logging
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import fsspec

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.sources.files.location import SourceFile
from include.sources.listing import failing_as
from include.sources.reviews.review import review_row
from include.sources.row import BadRow
from include.sources.source import Checkpoint, SourceRow, Window
from include.text.clean import is_blank

log = logging.getLogger(__name__)

STORE, SETTING = "google_play", "GOOGLE_PLAY_EXPORTS"
_NAME = re.compile(r"reviews_(?P<package>.+)_(?P<year>20\d\d)(?P<month>0[1-9]|1[0-2])\.csv")
_REVIEW_ID = re.compile(r"[?&#]reviewid=([^&#]+)", re.IGNORECASE)
# Without one of them a file is no export of reviews.
COLUMNS = frozenset({"Star Rating", "Review Text", "Review Link", "Review Last Update Millis Since Epoch"})


@dataclass(frozen=True, order=True)
class _Export:
    first_day: datetime
    package: str
    path: str

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    def touches(self, window: Window) -> bool:
        year, month = divmod(self.first_day.month, 12)
        next_month = self.first_day.replace(year=self.first_day.year + year, month=month + 1)
        return self.first_day < window.end and (window.start is None or next_month > window.start)


@dataclass(frozen=True)
class PlayConsoleExports:
    """All reviews with a text, of the months that touch the window, oldest month first.

    A month's file holds what was written or edited in it, in UTC; an edited review stays in the file of the earlier
    month as it was then, and comes again, with the same id, in that of its edit. So the month of the last update
    decides, and months before need not be read. Google writes the current month's file anew each day.

    Seven of ten rows are ratings without a text or a link (counted in real exports). There is nothing in them to
    ask a model about and no id to keep them by, so they are left out and counted in the log.

    Args:
        location: folder or URI, such as `gs://pubsite_prod_rev_0123456789/reviews`.
        packages: names of the apps' packages; none: all in the folder.
        key_file: JSON key of a service account, for `gs://`; without one the machine's own identity is used.
    """

    location: str
    packages: tuple[str, ...] = ()
    key_file: str | None = None

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """Reviews whose last update lies in the window; see `Source`."""
        fs, exports = self._exports()
        due = [export for export in exports if export.touches(window)]
        log.info("%d of %d review exports at %r touch the window.", len(due), len(exports), self.location)
        names = [export.name for export in due]
        done = names.index(resume["after"]) + 1 if resume and resume["after"] in names else 0
        for export in due[done:]:
            yield from self._rows(fs, export, window)
            yield Checkpoint({"after": export.name})

    def _exports(self) -> tuple[fsspec.AbstractFileSystem, list[_Export]]:
        with failing_as(lambda error: self._error(error, self.location)):
            fs, folder = self._file_system()
            fs.invalidate_cache()
            paths = [str(path) for path in fs.ls(folder, detail=False)]
        exports = []
        for path in paths:
            found = _NAME.fullmatch(posixpath.basename(path))
            if found and (not self.packages or found["package"] in self.packages):
                first_day = datetime(int(found["year"]), int(found["month"]), 1, tzinfo=UTC)
                exports.append(_Export(first_day, found["package"], path))
        missing = sorted(set(self.packages) - {export.package for export in exports})
        if missing or not exports:
            raise ConfigurationError(
                f"There is no file reviews_{missing[0] if missing else '<package>'}_YYYYMM.csv at {self.location!r}. "
                "Check GOOGLE_PLAY_EXPORTS (the folder `reviews` of the Play Console's bucket) and GOOGLE_PLAY_PACKAGE."
            )
        return fs, sorted(exports)

    def _file_system(self) -> tuple[fsspec.AbstractFileSystem, str]:
        if not self.location.startswith(("gs://", "gcs://")):
            found: tuple[fsspec.AbstractFileSystem, str] = fsspec.url_to_fs(self.location)
            return found
        # Takes a second, which nobody else needs to wait for.
        from include.sources.google_storage import google_storage

        fs = google_storage(self.key_file, "GOOGLE_PLAY_SERVICE_ACCOUNT_FILE")
        return fs, fs._strip_protocol(self.location)

    def _rows(self, fs: fsspec.AbstractFileSystem, export: _Export, window: Window) -> Iterator[SourceRow]:
        without_text = 0
        file = SourceFile(fs, export.path, export.name)
        with failing_as(lambda error: self._error(error, export.path)):
            for number, row in file.rows(file.version(), SETTING):
                place = f"{export.name}#L{number}"
                review = SourceRow(place, row) if isinstance(row, BadRow) else _review(place, export.package, row)
                if review.changed_at is not None and review.changed_at not in window:
                    continue
                if _is_bare_rating(review.row):
                    without_text += 1
                else:
                    yield review
        log.info("%s: left out %d ratings of the window that have no text.", export.name, without_text)

    def _error(self, error: Exception, place: str) -> NightshiftError:
        message = f"{place!r} of GOOGLE_PLAY_EXPORTS cannot be read ({type(error).__name__}: {error})."
        is_setting = isinstance(
            error, ValueError | ImportError | PermissionError | FileNotFoundError | NotADirectoryError
        )
        if is_setting or "Credentials" in type(error).__name__:
            return ConfigurationError(
                f"{message} Check the address, such as gs://pubsite_prod_rev_0123456789/reviews, and that the Play "
                "Console gives GOOGLE_PLAY_SERVICE_ACCOUNT_FILE, for all apps, the permission to view app information "
                "and download bulk reports."
            )
        return RetryLater(message)


def _review(place: str, package: str, row: Mapping[str, Any]) -> SourceRow:
    if not row.keys() >= COLUMNS:
        message = "the columns are not those of a Play Console review export"
        return SourceRow(place, BadRow("not_csv", message, ",".join(row).encode("utf-8", "replace")))
    link = row["Review Link"]
    found = _REVIEW_ID.search(link or "")
    return review_row(
        place,
        store=STORE,
        app_id=row.get("Package Name") or package,
        review_id=unquote(found[1]) if found else None,
        title=row.get("Review Title"),
        text=row["Review Text"],
        written_at=row.get("Review Submit Millis Since Epoch") or row.get("Review Submit Date and Time"),
        updated_at=row["Review Last Update Millis Since Epoch"] or row.get("Review Last Update Date and Time"),
        rating=row["Star Rating"],
        url=link,
        app_version=row.get("App Version Name"),
        language=row.get("Reviewer Language"),
        device=row.get("Device"),
        developer_reply=row.get("Developer Reply Text"),
    )


def _is_bare_rating(row: Mapping[str, Any] | BadRow) -> bool:
    if isinstance(row, BadRow):
        return False
    return not any(isinstance(row[name], str) and not is_blank(row[name]) for name in ("text", "title"))
