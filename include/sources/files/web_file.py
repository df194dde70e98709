"""One file behind an address of the web: a public one, or an export that its service has signed for some minutes."""

import hashlib
import json
import logging
import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.message import Message
from urllib.parse import parse_qsl, unquote

import requests
from fsspec.implementations.local import LocalFileSystem

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.sources.columns import AS_IT_LOOKS, Reading
from include.sources.files.formats import ENDINGS, JSON_ENDINGS, read_rows
from include.sources.job_status import job_trouble
from include.sources.row import Row
from include.sources.web_api import CONNECT_SECONDS, READ_SECONDS, RETRYABLE_STATUS, said
from include.text.address import WEB, without_signature
from include.text.clean import clean_text

PIECE_BYTES = 1024 * 1024
# Of a refusal, or of what stands in the place of a file.
HEAD_BYTES = 8_192
# What is shorter is a number of a version, a word, a date.
SHORTEST_SECRET = 8
# "Accepted" and "no content": what is asked for is still being made.
_RETRYABLE = RETRYABLE_STATUS | {202, 204}
_ENDINGS = {"text/csv": ".csv", "application/json": ".json", "application/x-ndjson": ".jsonl"}


def is_web_file(location: str) -> bool:
    """Whether a location is one address of the web, and no pattern of several."""
    return location.lower().startswith(WEB) and not re.search(r"[*\[]", location.partition("?")[0])


class WebFile:
    """A file that is asked for once and read from a copy on this machine, which goes with the object.

    One request, and no HEAD, because a signature is of one method; a copy, because few servers give parts of a file,
    and a signature may end before the last part. No message has the address' query.

    Args:
        address: of http or https, with whatever signs it.
        setting: that names it, for messages.

    Raises:
        ConfigurationError: the server refuses, has nothing there, or has something that is no table of texts.
        RetryLater: it does not answer, or has not finished the file.
    """

    def __init__(self, address: str, setting: str) -> None:
        self.path, self._setting = without_signature(address).removesuffix("?..."), setting
        self._place = f"{self.path!r} of {setting}"
        self._answer = self._asked(address)
        self.name = self._named(address, self._answer.headers)
        self._copy = tempfile.NamedTemporaryFile(prefix="nightshift-")  # noqa: SIM115 - it goes with the object

    def version(self) -> str:
        """Changes when the file does: its size and hash. The file is copied here.

        Raises:
            RetryLater: the server stops in the middle, or tells of a job instead.
        """
        try:
            for piece in self._answer.iter_content(PIECE_BYTES):
                self._copy.write(piece)
        except requests.RequestException as error:
            raise self._no_answer(error) from None
        size = self._copy.tell()
        self._copy.seek(0)
        if size < HEAD_BYTES and not self.path.lower().endswith(JSON_ENDINGS):
            with suppress(ValueError, RecursionError):
                if trouble := job_trouble(json.loads(self._copy.read())):
                    raise RetryLater(f"{self._place} is no file yet: {trouble}.")
        self._copy.seek(0)
        return f"{size} {hashlib.file_digest(self._copy, 'sha256').hexdigest()}"

    def rows(self, version: str, setting: str, how: Reading = AS_IT_LOOKS, *, with_ids: bool = False) -> Iterator[Row]:
        """All rows, see `read_rows`; the arguments are those of `SourceFile.rows`."""
        yield from read_rows(LocalFileSystem(), self._copy.name, how, with_ids=with_ids, name=self.name)

    def _asked(self, address: str) -> requests.Response:
        session = requests.Session()
        # A stray HTTP_PROXY or .netrc must not reroute or replace the credentials.
        session.trust_env = False
        # It writes down each request with its query, for whoever sets the log to debug.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
        try:
            answer = session.get(address, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
            if answer.status_code == 200:
                return answer
            with answer:
                words = said(next(answer.iter_content(HEAD_BYTES), b""))
        except requests.RequestException as error:
            raise self._no_answer(error) from None
        for part in re.split("[?&=]", address)[1:]:
            if len(part) >= SHORTEST_SECRET:
                words = words.replace(part, "...").replace(unquote(part), "...")
        message = f"{self._place} cannot be read: the server answered {answer.status_code}."
        if answer.status_code in _RETRYABLE:
            raise RetryLater(f"{message} The file is not there yet, or the server is away.{words}")
        raise ConfigurationError(
            f"{message} A signed address is good for some minutes or hours only: set {self._setting} to a new one, or "
            f"check the address.{words}"
        )

    def _no_answer(self, error: Exception) -> NightshiftError:
        # Its own words quote the address.
        message = f"{self._place} gives no answer ({type(error).__name__}). Check the address"
        if isinstance(error, ValueError):
            return ConfigurationError(f"{message}.")
        return RetryLater(f"{message}, and that this machine reaches it without a proxy. The task's retry asks again.")

    def _named(self, address: str, headers: Mapping[str, str]) -> str:
        """The file's name, which says what is in it: of the address, of the server, or of a value of the query."""
        path, _, query = address.partition("?")
        header = Message()
        header["Content-Disposition"] = headers.get("Content-Disposition", "")
        given = (unquote(path), header.get_filename(""), *(value for _, value in parse_qsl(query)))
        names = [clean_text(posixpath.basename(str(name))) for name in given]
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        for name in (*names, f"{names[0] or 'export'}{_ENDINGS.get(kind, '')}"):
            if name.lower().endswith(ENDINGS) and kind != "text/html":
                return name
        raise ConfigurationError(
            f"{self._place} is of the type {kind or 'unknown'!r}. Give the address of a file whose name ends in "
            f"{', '.join(ENDINGS)}: that of a page, or of a login, is none."
        )
