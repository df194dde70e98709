"""Transcripts of calls as files in a folder or bucket, one file a call, through Airflow's object storage.

What is new is found by listing: a file belongs to the window in which it was last modified. Where the path has dates,
`s3://aws_default@bucket/calls/{date:%Y/%m/%d}/` lists only the days of the window.
"""

import codecs
import gzip
import json
import logging
import posixpath
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.sources.record import content_version
from include.sources.row import BadRow
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.transcript_json import KNOWN_SHAPES, turns_of_json
from include.sources.transcript_text import turns_of_cues, turns_of_text

log = logging.getLogger(__name__)

ENDINGS = (".txt", ".vtt", ".srt", ".json")
# Eight hours of speech are half of it.
MAX_FILE_BYTES = 2 * 1024 * 1024
FILES_PER_CHECKPOINT = 200
# Fewer are no conversation: a call that was cut, or a recording of silence.
FEWEST_WORDS = 2
_HEAD_BYTES = 8_192


@dataclass(frozen=True)
class Transcripts:
    """All transcripts below a prefix.

    A call's id is its file's path below the prefix without the ending, so files are best named for calls. A file that
    is uploaded again unchanged is the same version of the same record.

    Args:
        prefix: such as `s3://aws_default@bucket/calls/`, where `aws_default` is an Airflow connection, or
            `/data/calls`; with `{date:%Y/%m/%d}` for paths by day.
    """

    prefix: str

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        """See `Source`. Files come in the order of their names."""
        after = resume["after"] if resume else ""
        count = 0
        for root in self._roots(window):
            for path, name, modified, fs in self._listed(root, window):
                if path <= after:
                    continue
                row = self._row(fs, path, name)
                if isinstance(row, dict) and row["created_at"] is None:
                    row["created_at"] = modified
                if row is not None:
                    yield SourceRow(f"{name}#L1", row, modified)
                count += 1
                if count % FILES_PER_CHECKPOINT == 0:
                    yield Checkpoint({"after": path})

    def _roots(self, window: Window) -> list[str]:
        if "{date" not in self.prefix:
            return [self.prefix]
        if window.start is None:
            raise ConfigurationError(f"{self.prefix} lists days, so a run needs a beginning: set `since` in the form.")
        days = (window.end - window.start).days + 2
        # A call may be uploaded the day after it was held.
        first = window.start - timedelta(days=1)
        return list(dict.fromkeys(self.prefix.format(date=first + timedelta(days=day)) for day in range(days + 1)))

    def _listed(self, root: str, window: Window) -> Iterator[tuple[str, str, datetime, Any]]:
        from airflow.sdk import ObjectStoragePath

        try:
            # Names are below the part of the prefix that is the same every day.
            top = ObjectStoragePath(self.prefix.partition("{date")[0]).path
            folder = ObjectStoragePath(root)
            fs = folder.fs
            fs.invalidate_cache()
            files: dict[str, dict[str, Any]] = fs.find(folder.path, detail=True)
        except FileNotFoundError:
            files = {}
        except Exception as error:  # every file system has errors of its own
            raise self._problem(error, root) from error
        if not files and root == self.prefix:
            raise ConfigurationError(f"There is no file below {root!r}. Check the prefix and the connection in it.")
        for path in sorted(files):
            modified = _modified(files[path])
            if path.lower().removesuffix(".gz").endswith(ENDINGS) and (modified is None or modified in window):
                yield path, posixpath.relpath(path, top), modified or window.end, fs

    def _row(self, fs: Any, path: str, name: str) -> dict[str, Any] | BadRow | None:
        try:
            data = self._bytes(fs, path)
        except FileNotFoundError:
            log.warning("%s was listed, but is gone", name)
            return None
        except (zlib.error, gzip.BadGzipFile, EOFError):
            return BadRow("damaged_file", "the file is no whole gzip")
        except Exception as error:
            raise self._problem(error, path) from error
        if len(data) > MAX_FILE_BYTES:
            return BadRow("too_large", f"the file has more than {MAX_FILE_BYTES:,} bytes", data[:_HEAD_BYTES])
        text = decoded(data)
        if isinstance(text, BadRow):
            return text
        return transcript_row(name, text)

    def _bytes(self, fs: Any, path: str) -> bytes:
        with fs.open(path, "rb") as file:
            # No further than the cap, however much a gzip unpacks to.
            return bytes((gzip.GzipFile(fileobj=file) if path.endswith(".gz") else file).read(MAX_FILE_BYTES + 1))

    def _problem(self, error: Exception, place: str) -> NightshiftError:
        message = f"{place!r} cannot be read ({type(error).__name__}: {error})."
        if isinstance(error, PermissionError | ValueError | ImportError) or "NotFound" in type(error).__name__:
            return ConfigurationError(f"{message} Check the prefix and the Airflow connection in it.")
        return RetryLater(message)


def decoded(data: bytes) -> str | BadRow:
    """A file as text: UTF-8, or UTF-16 with a byte order mark."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return BadRow("invalid_utf8", "the file is neither UTF-8 nor UTF-16 with a byte order mark", data[:_HEAD_BYTES])
    if "\x00" in text:
        return BadRow("invalid_utf8", "the file is binary", data[:_HEAD_BYTES])
    return text


def transcript_row(name: str, text: str) -> dict[str, Any] | BadRow:
    """One call as a row.

    Args:
        name: of its file, below the prefix; the ending says the format.
        text: of the file.
    """
    stem, _, ending = name.removesuffix(".gz").rpartition(".")
    document: Any = None
    if ending.lower() == "json":
        try:
            document = json.loads(text, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            return BadRow("not_json", "the file is not valid JSON", text.encode()[:_HEAD_BYTES])
        turns = turns_of_json(document)
        if turns is None:
            return BadRow("not_json", f"the JSON is none of {KNOWN_SHAPES}", text.encode()[:_HEAD_BYTES])
    elif ending.lower() in ("vtt", "srt"):
        turns = turns_of_cues(text)
    else:
        turns = turns_of_text(text)
    said = "\n".join(str(turn["text"]) for turn in turns) if turns else text
    if 0 < len(said.split()) < FEWEST_WORDS:
        return BadRow("too_short", "one word is no conversation", text.encode()[:_HEAD_BYTES])
    times = [turn.get("at") for turn in turns if turn.get("at") is not None]
    columns = document if isinstance(document, Mapping) else {}
    return {
        "id": columns.get("id") or stem,
        "record_version": content_version(text),
        **({"turns": turns} if turns else {"text": text}),
        "created_at": columns.get("created_at") or columns.get("occurred_at"),
        "file": name,
        "speakers": len({turn["role"] for turn in turns if turn["role"]}) or None,
        "turn_seconds": times or None,
        "language": columns.get("language") or columns.get("LanguageCode"),
    }


def _modified(info: Mapping[str, Any]) -> datetime | None:
    value = info.get("LastModified") or info.get("updated") or info.get("mtime") or info.get("last_modified")
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else None
