"""The lake's object storage: its errors become ours in this one place, and what passes is waited out here.

Each library has errors of its own (botocore's connection errors are no `OSError`), and each gives up after a time of
its own. Here a storage that is away is `RetryLater` after a stated patience, and one that refuses is a
`ConfigurationError` at once.
"""

import io
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import fsspec.asyn
from fsspec.asyn import AsyncFileSystem
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from include.errors import ConfigurationError, NightshiftError, RetryLater

log = logging.getLogger(__name__)

# A fail-over or a restart of a storage service takes minutes; what lasts longer is left to the task's retry.
PATIENCE_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 10.0
# A call that hangs for longer is broken off and made again. Libraries have limits for a silent answer, none for an
# upload that the other side has stopped reading; a large file needs its time.
CALL_SECONDS = 300.0
# The same for whoever must not wait: a progress line, a page.
HURRIED_SECONDS = 10.0

_CALLS = frozenset(
    (
        "cat_file",
        "cp_file",
        "exists",
        "find",
        "info",
        "isdir",
        "isfile",
        "ls",
        "makedirs",
        "pipe_file",
        "put_file",
        "rm",
        "rm_file",
    )
)
_WRITES = frozenset(("makedirs", "pipe_file", "put_file"))
_LIBRARIES = frozenset(
    ("adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google", "requests", "s3fs", "urllib3")
)
# What no waiting mends, where the error's class does not say so: S3's codes, botocore's, Google's and Azure's names.
_REFUSALS = frozenset(
    (
        *("NoSuchBucket", "InvalidBucketName", "InvalidBucketState", "AuthorizationHeaderMalformed"),
        *("PermanentRedirect", "IllegalLocationConstraintException", "ExpiredToken", "InvalidToken"),
        *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoRegionError", "ParamValidationError"),
        *("DefaultCredentialsError", "ClientAuthenticationError", "401", "403"),
    )
)
_INHERITED: list[Any] = []
_ABSENT = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)


def storage_error(error: Exception, place: str) -> NightshiftError | None:
    """What an error of a file system means for a task; None when it is no trouble of the storage.

    Args:
        place: the file or folder as people know it.
    """
    if isinstance(error, NightshiftError):
        return error
    codes = {_code(error), _code(error.__cause__)}
    if isinstance(error, PermissionError) or codes & _REFUSALS or _is_forbidden(error):
        return ConfigurationError(
            f"{place} may not be used ({type(error).__name__}: {error}). Check that the bucket or folder of "
            "NIGHTSHIFT_LAKE exists and that its credentials may list, read, write and delete there."
        )
    of_a_library = any(kind.__module__.partition(".")[0] in _LIBRARIES for kind in type(error).__mro__)
    if isinstance(error, OSError) or of_a_library:
        return RetryLater(
            f"{place} cannot be read or written ({type(error).__name__}: {error}). Check the storage of "
            "NIGHTSHIFT_LAKE and its free space; the task's retry goes on."
        )
    return None


def _code(error: BaseException | None) -> str:
    """The storage's own word for an error: S3's code, a status, or else the name of its class."""
    if error is None:
        return ""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return str(getattr(error, "status_code", None) or getattr(error, "code", None) or type(error).__name__)


def _is_forbidden(error: Exception) -> bool:
    # gcsfs has a bare OSError for it; google-auth says of a token's refresh whether another could help.
    is_final = type(error).__name__ == "RefreshError" and not getattr(error, "retryable", True)
    return is_final or str(error).startswith("Forbidden: ")


def never_list_from_cache(plain: Any) -> None:
    """Other processes write to the lake too: what was listed a while ago is neither complete nor true."""
    plain.dircache.use_listings_cache = False
    plain.dircache.clear()


class FileReplaced(RetryLater):
    """Somebody has replaced a file while it was read; opened again it is whole."""


class Storage:
    """An fsspec file system whose calls wait for a storage that is away, and raise our errors.

    Whether a file is there stays what it is: `FileNotFoundError`. What is not listed in `_CALLS` is passed on as it is.

    Args:
        plain: the file system.
        patience_seconds: how long a call is repeated.
        call_seconds: how long one call may hang.
        sleep: for tests.
    """

    def __init__(
        self,
        plain: Any,
        patience_seconds: float = PATIENCE_SECONDS,
        call_seconds: float = CALL_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.plain, self._sleep = plain, sleep
        self._patience_seconds, self._call_seconds = patience_seconds, call_seconds

    def hurried(self) -> "Storage":
        """The same storage for whoever must not wait: one call, and a short one."""
        return Storage(self.plain, 0.0, HURRIED_SECONDS, self._sleep)

    def __getattr__(self, name: str) -> Any:
        self._revive()
        member = getattr(self.plain, name)
        if name not in _CALLS:
            return member

        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(self.plain, AsyncFileSystem):
                kwargs.setdefault("timeout", self._call_seconds)
            # `put_file` names the local file first.
            place = args[0] if name == "put_file" else path
            return self.patiently(lambda: member(path, *args, **kwargs), place, is_write=name in _WRITES)

        return call

    def open(self, path: str, mode: str = "rb") -> io.BufferedIOBase:
        """A file to read."""
        if not self._patience_seconds:
            # Nothing bounds how long the parts of an open file may take.
            return io.BytesIO(self.cat_file(path))
        self._revive()
        opened = self.patiently(lambda: self.plain.open(path, mode), path)
        return io.BufferedReader(_PatientFile(self, path, opened))

    def _revive(self) -> None:
        """Open the file system anew where a fork has left its loop behind, or the loop's thread has ended."""
        if not isinstance(self.plain, AsyncFileSystem) or self.plain.asynchronous:
            return
        loop, thread = fsspec.asyn.loop[0], fsspec.asyn.iothread[0]
        has_ended = thread is not None and not thread.is_alive()
        if self.plain._pid == os.getpid() and self.plain._loop is loop and not has_ended:
            return
        if has_ended:
            fsspec.asyn.reset_lock()
        kind = type(self.plain)
        # What is forgotten closes its connections, and after a fork those are the parent's.
        _INHERITED.extend((self.plain, *kind._cache.values()))
        kind.clear_instance_cache()
        self.plain = kind(*self.plain.storage_args, **self.plain.storage_options)
        never_list_from_cache(self.plain)

    def patiently(self, call: Callable[[], Any], path: str, is_write: bool = False) -> Any:
        """Make one call until it succeeds.

        Args:
            path: what it is about.
            is_write: then a folder or bucket that is missing is an error of the settings.

        Raises:
            RetryLater: the storage was away for longer than the patience.
            ConfigurationError: it refuses.
            FileNotFoundError: there is no such file.
        """

        def attempt() -> Any:
            try:
                return call()
            except Exception as error:
                if isinstance(error, _ABSENT) and not is_write and _code(error.__cause__) not in _REFUSALS:
                    raise
                place = self.plain.unstrip_protocol(path)
                if isinstance(error, FileNotFoundError):
                    error = PermissionError(f"there is no such bucket: {error}")
                known = storage_error(error, place)
                if known is None:
                    raise
                # s3fs's own, which it raises when the ETag has changed since the file was opened.
                raise FileReplaced(str(known)) if type(error).__name__ == "FileExpired" else known from error

        try:
            return attempt()
        except RetryLater as error:
            if not self._patience_seconds or isinstance(error, FileReplaced):
                raise
        retrying = Retrying(
            retry=retry_if_exception(lambda error: type(error) is RetryLater),
            stop=stop_after_delay(self._patience_seconds),
            wait=wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_SECONDS),
            before_sleep=self._say,
            sleep=self._sleep,
            reraise=True,
        )
        found = retrying(attempt)
        log.info("the storage answers again")
        return found

    def _say(self, state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            log.warning("%s Waiting for up to %.0f s.", state.outcome.exception(), self._patience_seconds)


class _PatientFile(io.RawIOBase):
    """A file of a storage, open for reading."""

    def __init__(self, storage: Storage, path: str, file: Any) -> None:
        self._storage, self._path, self._file = storage, path, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        # A read that failed has not moved the file's position.
        content = self._storage.patiently(lambda: self._file.read(len(buffer)), self._path)
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
