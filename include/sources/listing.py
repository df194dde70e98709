"""List the files below a folder or an object-storage prefix, in flat memory, and say in our words what fails there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import fsspec

from include.errors import NightshiftError
from include.text.address import without_signature


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file as the listing knows it.

    Args:
        path: within its file system.
        size: bytes.
        modified: UTC; None where the storage does not say.
        arrived: UTC; when it came to its place, or its name or rights were last changed. Object storage has no other
            time than this and calls it that of the last change: there it is None.
    """

    path: str
    size: int
    modified: datetime | None
    arrived: datetime | None = field(default=None, compare=False, repr=False)


def list_files(fs: fsspec.AbstractFileSystem, folder: str) -> Iterator[ListedFile]:
    """All files below a folder, in all folders in it, each once.

    `find()` of fsspec holds the whole listing at once. S3 is asked for one page of a thousand keys after another
    instead; of other storages one folder is held at a time, with the folders above it, and sorted by name. The order
    of S3 is that of the store: by key at AWS, but not in its directory buckets nor in every store that speaks S3.

    Args:
        fs: S3 or any other file system of fsspec.
        folder: path within it.

    Raises:
        OSError: as the file system raises it; FileNotFoundError if there is no such folder or bucket.
    """
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    yield from (_s3_objects if "s3" in protocols else _walked)(fs, folder.rstrip("/"))


def _s3_objects(fs: fsspec.AbstractFileSystem, folder: str) -> Iterator[ListedFile]:
    bucket, _, prefix = folder.partition("/")
    position: dict[str, str] = {}
    while True:
        page = fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=f"{prefix}/" if prefix else "", **position)
        for each in page.get("Contents", ()):
            # What ends with a slash marks a folder.
            if not each["Key"].endswith("/"):
                yield ListedFile(f"{bucket}/{each['Key']}", each["Size"], modified(each))
        if not page.get("IsTruncated"):
            return
        position = {"ContinuationToken": page["NextContinuationToken"]}


def _walked(fs: fsspec.AbstractFileSystem, folder: str) -> Iterator[ListedFile]:
    fs.invalidate_cache(folder)
    for info in sorted(fs.ls(folder or "/", detail=True), key=lambda info: str(info["name"])):
        path = str(info["name"]).rstrip("/")
        if path == folder.rstrip("/") and info["type"] == "directory":
            # Google's file system lists the object that marks a folder as a folder in itself.
            continue
        if info["type"] == "directory":
            try:
                yield from _walked(fs, path)
            except FileNotFoundError:
                # It went away after its parent was listed.
                continue
        elif info["type"] == "file" or fs.isfile(path):
            created = info.get("created")
            arrived = datetime.fromtimestamp(created, UTC) if isinstance(created, int | float) else None
            yield ListedFile(path, info["size"] or 0, modified(info), arrived)


def modified(info: Mapping[str, Any]) -> datetime | None:
    """When a file was last changed, UTC; None where the storage does not say.

    Args:
        info: of the file, under the names that S3, Google Cloud Storage, Azure, local folders and memory use.
    """
    names = ("LastModified", "updated", "last_modified", "mtime", "created")
    value = next((info[name] for name in names if info.get(name)), None)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else None


@contextmanager
def failing_as(ours: Callable[[Exception], NightshiftError]) -> Iterator[None]:
    """Every file system has errors of its own; here they become ours.

    Raises:
        NightshiftError: what `ours` makes of an error; our own go through.
    """
    try:
        yield
    except NightshiftError:
        raise
    except Exception as error:
        # What led to it is shown beside it, and may quote the address that was asked.
        raise ours(error) from (error if without_signature(str(error)) == str(error) else None)


def is_unfinished(name: str) -> bool:
    """Whether other programs keep unfinished files under such a name: a part of it begins with `_`, `.` or `~$`."""
    return any(part.startswith(("_", ".", "~$")) for part in name.split("/"))
