"""Any JSONL, CSV or Parquet files as a source, on any file system that fsspec knows."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from include.privacy.customer_key import CustomerKeys
from include.privacy.policy import RedactionPolicy
from include.sources.fields import changed_at
from include.sources.location import find_files, reading_error
from include.sources.normalise import Normaliser
from include.sources.row import BadRow
from include.sources.source import FileRead, SourceRow, Window

MAX_TEXT_CHARACTERS = 1_000_000
# Clocks differ; a text from the day after tomorrow was not written by a customer.
FUTURE_ALLOWED = timedelta(days=2)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Files:
    """All rows of the files at a location, whatever the window; files in the order of their names.

    Columns: `id` (or `record_id`), `text` (or `turns`: a list of `role` and `text`, which becomes one line a turn),
    `created_at` (or `occurred_at`; missing: the time of the pull), `record_version` (missing: the hash of the text),
    `source_url`. All others become attributes under names of [a-z0-9_]. A declared attribute that does not convert
    becomes null: a stray rating must not cost a customer's text its answer. The id is kept as it is given, not
    redacted: use one that is no e-mail address.

    Args:
        location: path, folder, glob or URI.
        setting: that names the location, for messages.
        zone: of times that name none.
    """

    location: str
    setting: str
    zone: tzinfo = UTC

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | FileRead]:
        """See `Source`; files are quick to read again, so nothing is resumed.

        When a row changed is in its column `changed_at` or `updated_at`, where it has one.
        """
        latest = max(window.end, _now()) + FUTURE_ALLOWED
        for file in find_files(self.location, self.setting):
            try:
                before = file.version()
                yield FileRead(file.name, before)
                for number, row in file.rows(before, self.setting, with_ids=True):
                    changed = None if isinstance(row, BadRow) else changed_at(row, latest, self.zone)
                    yield SourceRow(f"{file.name}#L{number}", row, changed)
            except OSError as error:
                raise reading_error(error, file.path, self.setting) from error


def normaliser_of(
    source: str,
    attributes: Mapping[str, type],
    pulled_at: datetime,
    max_text_characters: int = MAX_TEXT_CHARACTERS,
    clock: Callable[[], datetime] = _now,
    redaction: RedactionPolicy | None = None,
    zone: tzinfo = UTC,
    environ: Mapping[str, str] = os.environ,
) -> Normaliser:
    """What turns the rows of a pull into records. A row that cannot become one never stops the rest.

    Args:
        source: pipeline name.
        attributes: types of the attributes that have one; all others are kept as text, lists and objects as JSON.
        pulled_at: UTC; when records without a time are taken to have occurred.
        max_text_characters: a longer text is unreadable, as `too_large`.
        clock: the present in UTC. A time more than two days ahead of both it and `pulled_at` is no time: a backfill
            reads, and leaves to other windows, what was written after its own.
        redaction: of the pipeline; None: all kinds.
        zone: of times that name none.
        environ: gives the secret of the customer keys.
    """
    latest = max(pulled_at, clock()) + FUTURE_ALLOWED
    return Normaliser(
        source,
        attributes,
        pulled_at,
        latest,
        max_text_characters,
        redaction or RedactionPolicy(),
        CustomerKeys.of_environ(environ),
        zone,
    )
