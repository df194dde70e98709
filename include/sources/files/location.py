"""Find the files that a setting names."""

import logging
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

import fsspec

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.sources.columns import AS_IT_LOOKS, Reading
from include.sources.files.formats import ENDINGS, read_rows
from include.sources.files.web_file import WebFile, is_web_file
from include.sources.listing import failing_as, is_unfinished, modified
from include.sources.row import Row
from include.text.address import without_signature
from include.text.clean import clean_text

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source.

    Args:
        fs: its file system.
        path: within the file system.
        name: below the folder that the location names; the same wherever the folder lies.
    """

    fs: fsspec.AbstractFileSystem
    path: str
    name: str

    def version(self) -> str:
        """Changes when the file does: its size, and its hash at the store or else the time of its last change.

        Raises:
            OSError: the file system failed.
        """
        self.fs.invalidate_cache(posixpath.dirname(self.path))
        info = self.fs.info(self.path)
        changed = info.get("ETag") or info.get("etag") or info.get("generation") or modified(info) or ""
        return f"{info.get('size')} {changed}"

    def rows(self, version: str, setting: str, how: Reading = AS_IT_LOOKS, *, with_ids: bool = False) -> Iterator[Row]:
        """All rows, see `read_rows`.

        Args:
            version: of before.
            setting: that names the file, for messages.
            how: what settings say of it.

        Raises:
            OSError: the file system failed.
            ConfigurationError: the mapping names a column that is not there.
            RetryLater: the file changed while it was read.
        """
        yield from read_rows(self.fs, self.path, how, with_ids=with_ids)
        if self.version() != version:
            raise RetryLater(f"{self.path!r} of {setting} changed while it was read.")


def find_files(location: str, setting: str) -> list[SourceFile] | list[WebFile]:
    """The readable files at a path, folder, glob or URI, sorted by name; of an address of the web its file.

    In a folder, with all folders in it, what begins with `_`, `.` or `~$` is left out: other programs keep unfinished
    files under such names.

    Args:
        location: path, folder, glob or URI.
        setting: that names the location, for the error's remedy.

    Raises:
        ConfigurationError: there is none, or it may not be read.
        RetryLater: the file system does not answer.
    """
    if is_web_file(location):
        return [WebFile(location, setting)]
    with failing_as(lambda error: reading_error(error, location, setting)):
        fs, path = fsspec.url_to_fs(location)
        fs.invalidate_cache()
        found = _files_at(fs, path)
    files = [file for file in found if file.path.lower().endswith(ENDINGS)]
    place = without_signature(location)
    if not files:
        seen = f"None of the {len(found)} files at {place!r} can be read" if found else f"There is no file at {place!r}"
        raise ConfigurationError(
            f"{seen}. Set {setting} to a path, folder, glob or URI of files whose names end in {', '.join(ENDINGS)}. "
            "An empty file is an empty batch."
        )
    if len(files) < len(found):
        log.info(
            "%d of %d files at %r are left out: they are of other kinds", len(found) - len(files), len(found), place
        )
    return sorted(files, key=lambda file: file.name)


def reading_error(error: Exception, location: str, setting: str) -> NightshiftError:
    """What to raise when a location or one of its files cannot be read."""
    message = f"{location!r} of {setting} cannot be read ({type(error).__name__}: {error})."
    message = without_signature(message)
    if isinstance(error, ValueError | ImportError | PermissionError | FileNotFoundError):
        return ConfigurationError(f"{message} Check the address and that the credentials may read it.")
    return RetryLater(message)


def _files_at(fs: fsspec.AbstractFileSystem, path: str) -> list[SourceFile]:
    if fs.isfile(path):
        paths, root = [path], posixpath.dirname(path)
    elif fs.isdir(path):
        root = path.rstrip("/")
        paths = [file for file in fs.find(path) if not is_unfinished(posixpath.relpath(file, root))]
    else:
        root = _folder_of_glob(path)
        paths = fs.glob(path) if fsspec.core.has_magic(path) else []
    return [SourceFile(fs, file, clean_text(posixpath.relpath(file, root))) for file in paths]


def _folder_of_glob(path: str) -> str:
    folder = posixpath.dirname(path)
    while fsspec.core.has_magic(folder):
        folder = posixpath.dirname(folder)
    return folder
