"""Transcripts of calls as files in a folder or bucket, one file a call, through Airflow's object storage.

What is new is found by listing: a file belongs to the window in which it was last modified, or came to its folder with
an older time, and only such files are read. Where the path has dates, `s3://aws_default@bucket/calls/{date:%Y/%m/%d}/`
lists only the days of the window.
"""

import hashlib
import logging
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import Any

import fsspec

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.privacy.customer_key import CustomerKeys
from include.privacy.redact import redact, redact_name
from include.sources.calls.call_names import call_id, call_time, file_place
from include.sources.calls.richest import call_of, richest
from include.sources.calls.transcript_file import (
    ENDINGS,
    HEAD_BYTES,
    MAX_FILE_BYTES,
    call_name,
    head_of,
    is_transcript,
    read_transcript,
)
from include.sources.columns import AS_CALLED, ColumnMapping
from include.sources.listing import ListedFile, failing_as, is_unfinished, list_files
from include.sources.row import BadRow
from include.sources.source import Checkpoint, SourceRow, Window
from include.text.address import WEB, without_signature

log = logging.getLogger(__name__)

# A retry reads at most so many files again; each checkpoint is one small write to the lake.
FILES_PER_CHECKPOINT = 200
# Refused by name: it may hold many calls.
ARCHIVE = ".zip"
# A file of others, an object in an archive class or under a key of others: it must not stop every night to come.
REFUSED = "no_permission"
# A call's folder may be of the day before or after: time zones, and uploads after midnight.
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Transcripts:
    """All transcripts below a prefix: plain text, WebVTT, SubRip and JSON, also with `.gz`.

    A call's id is its file's path below the prefix without the ending, so name files for calls. Personal data in it is
    redacted; what `call_id` puts behind it keeps the calls apart. A file that is uploaded again unchanged is the same
    version of the same record, one with other words a new version of it. A call took place when its JSON says, or on
    the day that its path names, or else when its file was modified.

    Of several files of one call, `a.vtt` and `a.json`, the one that tells most counts, and the log counts the others.

    A `.zip` is quarantined unread, and so is a file that may not be read while others may; files with other endings,
    such as recordings, are left out and counted in the log.

    Args:
        prefix: such as `s3://aws_default@bucket/calls/`, where `aws_default` is an Airflow connection, or
            `/data/calls`; with `{date:%Y/%m/%d}` for paths by day.
        keys: tell files apart in whose names personal data is redacted.
        mapping: of JSON that no known program writes; see `mapped`.
    """

    prefix: str
    keys: CustomerKeys = field(default_factory=lambda: CustomerKeys(b""))
    mapping: ColumnMapping = AS_CALLED

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """See `Source`. Days come in turn, and the files of each in the order in which they are listed."""
        files = self._new_files(window)
        names = hashlib.sha256()
        done = resume["files"] if resume else 0
        for file, _, _ in islice(files, done):
            names.update(repr(file).encode())
        if resume and names.hexdigest() != resume["names"]:
            # A file has come, gone or changed since, or the store lists in no fixed order.
            log.info("the listing begins otherwise than at the last try: all files of the window are read again")
            yield from self.pull(window, None)
            return
        # Files that may not be read wait until one may: then it is about them, and not about the credentials.
        may_read, refused = done > 0, list[SourceRow]()
        # The files of one call are listed beside each other.
        call, held = "", list[SourceRow]()
        for count, (file, name, fs) in enumerate(files, start=done):
            if call_of(name) != call:
                yield from richest(held)
                call, held = call_of(name), []
                if count - done >= FILES_PER_CHECKPOINT:
                    self._check_credentials(refused)
                    yield Checkpoint({"files": count, "names": names.hexdigest()})
                    done = count
            names.update(repr(file).encode())
            row = self._row(fs, file, name)
            if row is not None and row.changed_at is not None and row.changed_at not in window:
                row = replace(row, changed_at=file.arrived)
            if row is not None and isinstance(row.row, BadRow) and row.row.error_type == REFUSED:
                refused.append(row)
            elif row is not None:
                may_read = may_read or is_transcript(name)
                held.append(row)
            if may_read:
                yield from refused
                refused.clear()
        yield from richest(held)
        self._check_credentials(refused)

    def _new_files(self, window: Window) -> Iterator[tuple[ListedFile, str, Any]]:
        """Transcripts that are new in the window, their names below the prefix, and their file system."""
        top = self._folder(self._top)[1]
        seen: Counter[str] = Counter()
        for root in self._roots(window):
            for file, fs in self._listed(root):
                seen["listed"] += 1
                name = posixpath.relpath(file.path, top)
                if name == ".":
                    raise ConfigurationError(f"CALL_TRANSCRIPTS_PREFIX={self.prefix!r} is a file. Give its folder.")
                if is_unfinished(name):
                    continue
                is_call = is_transcript(name) or name.lower().endswith(ARCHIVE)
                seen["transcripts" if is_call else "foreign"] += 1
                if not _is_new(file, window):
                    continue
                seen["new" if is_call else "others"] += 1
                if is_call:
                    yield file, name, fs
        log.info(
            "%d files listed, %d of them new transcripts; left out %d new ones that are none",
            seen["listed"],
            seen["new"],
            seen["others"],
        )
        if not seen["listed"]:
            self._check_exists()
        elif seen["foreign"] and not seen["transcripts"] and "{" not in self.prefix:
            raise ConfigurationError(
                f"None of the {seen['foreign']} files below CALL_TRANSCRIPTS_PREFIX={self.prefix!r} is a transcript. "
                f"The names of those end in {', '.join(ENDINGS)}, each also with .gz."
            )

    def _roots(self, window: Window) -> list[str]:
        if "{" not in self.prefix:
            return [self.prefix]
        if window.start is None:
            raise ConfigurationError(f"{self.prefix} lists days, so a run needs a beginning: set `since` in the form.")
        first = (window.start - ONE_DAY).date()
        days = ((window.end + ONE_DAY).date() - first).days + 1
        try:
            roots = [self.prefix.format(date=first + timedelta(days=day)) for day in range(days)]
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            raise ConfigurationError(
                f"CALL_TRANSCRIPTS_PREFIX={self.prefix!r} is no prefix by day. Write dates as in "
                "s3://bucket/calls/{date:%Y/%m/%d}/, and no other braces."
            ) from error
        return list(dict.fromkeys(roots))

    @property
    def _top(self) -> str:
        """What is the same every day: names are below it."""
        return self.prefix if "{" not in self.prefix else posixpath.dirname(self.prefix.partition("{")[0])

    def _folder(self, place: str) -> tuple[Any, str]:
        if place.lower().startswith(WEB):
            message = "is an address of the web, where nothing can be listed. Give the bucket (s3://...), or a folder."
            raise ConfigurationError(f"CALL_TRANSCRIPTS_PREFIX={without_signature(place)!r} {message}")
        if "://" not in place:
            # A folder of this machine needs no connection, and Airflow takes its time to import.
            return fsspec.url_to_fs(place)
        from airflow.sdk import BaseHook, ObjectStoragePath

        with self._reading(place):
            if place.startswith(("gs://", "gcs://")):
                from include.sources.google_storage import attach_google_storage

                attach_google_storage(place)
            folder = ObjectStoragePath(place)
            if folder.conn_id:
                # Without it Amazon's hook would go on with whatever credentials the machine has.
                BaseHook.get_connection(folder.conn_id)
            return folder.fs, folder.path

    def _listed(self, root: str) -> Iterator[tuple[ListedFile, Any]]:
        fs, folder = self._folder(root)
        # A day without a call has no folder; see `_check_exists`.
        with self._reading(root), suppress(FileNotFoundError):
            for file in list_files(fs, folder):
                yield file, fs

    def _check_exists(self) -> None:
        """A night without calls is none; a prefix that has never had one is a mistake."""
        place = self._top
        fs, folder = self._folder(place)
        is_there = False
        with self._reading(place), suppress(FileNotFoundError):
            is_there = next(list_files(fs, folder), None) is not None
        if not is_there:
            raise ConfigurationError(
                f"There is no file below {place!r} of CALL_TRANSCRIPTS_PREFIX. Check the prefix and the Airflow "
                "connection in it."
            )

    def _check_credentials(self, refused: list[SourceRow]) -> None:
        """Files wait in `refused` only as long as none could be read at all."""
        if refused:
            raise ConfigurationError(
                f"CALL_TRANSCRIPTS_PREFIX={self.prefix!r}: none of {len(refused)} files may be read, the first is "
                f"{refused[0].place!r}. Check what the Airflow connection in it may read."
            )

    def _row(self, fs: Any, file: ListedFile, name: str) -> SourceRow | None:
        place = file_place(name, self.keys)
        if not is_transcript(name):
            message = "archives are not opened: upload one file a call (.gz is fine)"
            return SourceRow(place, BadRow("not_text", message, f"{file.size} bytes".encode()), file.modified)
        try:
            # Not a part of it where the whole will do: some stores refuse to give more than there is.
            data = fs.cat_file(file.path, 0, HEAD_BYTES) if file.size > MAX_FILE_BYTES else fs.cat_file(file.path)
        except FileNotFoundError:
            log.warning("%s was listed, but is gone", place)
            return None
        except PermissionError as error:
            # Without the path, which the errors of local folders name.
            reason = redact(error.strerror or str(error))
            message = f"the file may not be read ({reason}); once it may, pull it by a run with `since`"
            return SourceRow(place, BadRow(REFUSED, message), file.modified)
        except Exception as error:  # every file system has errors of its own
            raise self._problem(error, place) from error
        if file.size > MAX_FILE_BYTES:
            message = f"the file has {file.size:,} bytes, more than {MAX_FILE_BYTES:,}"
            return SourceRow(place, BadRow("too_large", message, head_of(data)), file.modified)
        row = read_transcript(name, data, self.mapping)
        if isinstance(row, dict):
            redacted = redact_name(name)
            # With a part of it redacted a link would lead nowhere.
            row = {"file": redacted, "source_url": fs.unstrip_protocol(file.path) if redacted == name else None, **row}
            if not row.keys() & {"id", "record_id"}:
                row["id"] = call_id(call_name(name), row["record_version"], self.keys)
            if not row.keys() & {"created_at", "occurred_at"}:
                row["created_at"] = call_time(name, file.modified)
        return SourceRow(place, row, file.modified)

    def _reading(self, place: str) -> AbstractContextManager[None]:
        return failing_as(lambda error: self._problem(error, place))

    def _problem(self, error: Exception, place: str) -> NightshiftError:
        reason = redact_name(f"{place!r} cannot be read ({type(error).__name__}: {error}).")
        message = f"CALL_TRANSCRIPTS_PREFIX={self.prefix!r}: {reason}"
        if "No filesystem registered" in str(error):
            return ConfigurationError(f"{message} Install the Airflow provider of that storage with its file system.")
        if isinstance(error, PermissionError | ValueError | ImportError) or "NotFound" in type(error).__name__:
            return ConfigurationError(f"{message} Check the prefix and the Airflow connection in it.")
        return RetryLater(message)


def _is_new(file: ListedFile, window: Window) -> bool:
    # What is copied with its time (rsync -a, cp -p, unzip) is as old as before, and new in its folder.
    return file.modified is None or any(moment in window for moment in (file.modified, file.arrived) if moment)
