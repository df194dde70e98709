"""Buckets of Google Cloud Storage, to list and to read, with nothing to install (gcsfs brings gRPC with it)."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import IO, Any
from urllib.parse import quote

import fsspec

from include.sources.google_token import GoogleTokens
from include.sources.json_parts import as_list, part
from include.sources.web_api import WebApi

BASE_URL = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
PAGE_SIZE = 1_000
# A month of the most reviewed apps has some hundred megabytes; more would fill the worker's disk.
MAX_BYTES = 2 * 1024**3
PROTOCOLS = ("gs://", "gcs://")


class GoogleStorage(fsspec.AbstractFileSystem):
    """The part of a file system that sources need, by the JSON API of Cloud Storage.

    Args:
        key_file: JSON key of a service account; None: the machine's own identity.
        refused, missing: what to check, see `WebApi`.
        base_url, sleep: for tests.
    """

    protocol = ("gs", "gcs")
    cachable = False

    def __init__(
        self,
        key_file: str | None,
        *,
        refused: str,
        missing: str,
        base_url: str = BASE_URL,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        tokens = GoogleTokens(key_file, SCOPE)
        self._api = WebApi(
            "Google Cloud Storage",
            f"{base_url}/storage/v1",
            headers=tokens.headers,
            renew=tokens.renew,
            refused=refused,
            missing=missing,
            sleep=sleep,
        )

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Objects right below a folder."""
        found = list(self._listed(self._strip_protocol(path)))
        return found if detail else [info["name"] for info in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size and generation of one object."""
        path = self._strip_protocol(path)
        return _info(path, self._api.get_json(_place(path)))

    def ukey(self, path: str) -> str:
        """Changes when the object is written anew."""
        return str(self.info(path)["generation"])

    def _listed(self, path: str) -> Iterator[dict[str, Any]]:
        bucket, _, folder = path.partition("/")
        parameters = {"prefix": f"{folder}/" if folder else "", "delimiter": "/", "maxResults": PAGE_SIZE}
        while True:
            page = self._api.get_json(f"b/{quote(bucket, safe='')}/o", parameters)
            for each in as_list(part(page, "items")):
                yield _info(f"{bucket}/{part(each, 'name')}", each)
            following = part(page, "nextPageToken")
            if not following or following == parameters.get("pageToken"):
                return
            parameters["pageToken"] = following

    def _open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> IO[bytes]:
        """The object's bytes, copied to a file that goes away when it is closed: a broken connection costs no row."""
        if mode != "rb":
            raise ValueError("buckets are only read")
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile())
            self._api.download(_place(path), {"alt": "media"}, file, MAX_BYTES)
            file.seek(0)
            stack.pop_all()
            return file


def _place(path: str) -> str:
    bucket, _, name = path.partition("/")
    return f"b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"


def _info(path: str, given: Any) -> dict[str, Any]:
    size = int(part(given, "size") or 0)
    return {"name": path, "type": "file", "size": size, "generation": part(given, "generation")}
