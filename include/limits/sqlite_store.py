"""The embedded store: a small SQLite file that all processes of this host share."""

import asyncio
import contextlib
import json
import os
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from include.limits.store import Step, StoreAway, T

# A step takes a fraction of a millisecond, but on a busy machine its process may not run for a while.
BUSY_SECONDS = 10.0
# Objects that nobody has touched for so long are of runs and endpoints of the past.
FORGET_SECONDS = 7 * 24 * 3600.0


def default_path() -> Path:
    """`nightshift-<user id>/limits.sqlite` in the folder for temporary files: one for each user of the host."""
    return Path(tempfile.gettempdir()) / f"nightshift-{os.getuid()}" / "limits.sqlite"


class SqliteStore:
    """State in one file.

    Its clock is `time.monotonic`, which all processes of a host share and which no time server turns back. A file from
    before the last start of the host says times ahead of it; they are forgotten.

    Args:
        path: of the file; its folder is made for this user alone.
    """

    has_own_clock = False

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or default_path()
        self._connection: sqlite3.Connection | None = None
        # SQLite blocks; the one thread keeps the event loop free, and calls in their order.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="limits")

    async def update(self, key: str, step: Step[T]) -> T:
        """See `Store`."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._update, key, step)
        except (sqlite3.Error, OSError) as error:
            raise StoreAway(f"{self._path}: {error}") from error

    async def aclose(self) -> None:
        """See `Store`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    def _update(self, key: str, step: Step[T]) -> T:
        connection = self._connection or self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT object, changed_at FROM objects WHERE key = ?", (key,)).fetchone()
            now = time.monotonic()
            before: dict[str, Any] = json.loads(row[0]) if row and row[1] <= now else {}
            changed, result = step(before, now)
            connection.execute("REPLACE INTO objects VALUES (?, ?, ?)", (key, json.dumps(changed), now))
            connection.execute("COMMIT")
        except BaseException:
            self._disconnect()
            raise
        return result

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # Fails while another process is just doing the same, and then it is done.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may cost the last slots, which nobody will miss.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, object TEXT, changed_at REAL)")
        now = time.monotonic()
        connection.execute("DELETE FROM objects WHERE changed_at NOT BETWEEN ? AND ?", (now - FORGET_SECONDS, now))
        connection.execute("COMMIT")
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
