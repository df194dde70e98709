"""Any files that can be read as a source, on any file system that fsspec knows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from include.sources.calls.utterance_rows import calls_of
from include.sources.columns import AS_CALLED, ColumnMapping, Reading
from include.sources.fields import changed_at
from include.sources.files.location import find_files, reading_error
from include.sources.normalise import FUTURE_ALLOWED, now
from include.sources.row import BadRow
from include.sources.source import FileRead, SourceRow, Window


@dataclass(frozen=True)
class Files:
    """All rows of the files at a location, whatever the window; files in the order of their names.

    Columns: `id` (or `record_id`), `text` (or `turns`: a list of `role` and `text`, which becomes one line a turn; rows
    of single utterances are put together first),
    `created_at` (or `occurred_at`; missing: the time of the pull), `record_version` (missing: the hash of the text),
    `source_url`. All others become attributes under names of [a-z0-9_]. A declared attribute that does not convert
    becomes null, and is counted: a stray rating must not cost a customer's text its answer. The id is kept as it is
    given, not redacted: use one that is no e-mail address.

    Args:
        location: path, folder, glob or URI.
        setting: that names the location, for messages.
        zone: of times that name none.
        encoding: of tables that are neither UTF-8 nor UTF-16; None: what they look like.
        mapping: of columns with other names.
    """

    location: str
    setting: str
    zone: tzinfo = UTC
    encoding: str | None = None
    mapping: ColumnMapping = AS_CALLED

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | FileRead]:
        """See `Source`; files are quick to read again, so nothing is resumed.

        When a row changed is in its column `changed_at` or `updated_at`, where it has one.
        """
        how = Reading(self.encoding, self.mapping)
        latest = max(window.end, now()) + FUTURE_ALLOWED
        for file in find_files(self.location, self.setting):
            try:
                before = file.version()
                yield FileRead(file.name, before)
                rows = file.rows(before, self.setting, how, with_ids=True)
                for number, row in calls_of(rows, file.name):
                    changed = None if isinstance(row, BadRow) else changed_at(row, latest, self.zone)
                    yield SourceRow(f"{file.name}#L{number}", row, changed)
            except OSError as error:
                raise reading_error(error, file.path, self.setting) from error
