"""Write a file so that readers see all of it or nothing."""

import os
import posixpath
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import RetryLater
from include.lake.paths import Lake

COMPRESSION = "zstd"


def write_table(lake: Lake, path: str, table: pa.Table) -> None:
    """Commit a table as one Parquet file: written beside, flushed, read back and counted, then put in place.

    The same table always gives the same bytes. Page checksums are on, because a flipped bit otherwise reads back
    as a wrong value without an error.

    Raises:
        RetryLater: the disk is full, the bucket is away or the credentials are wrong; nothing is visible.
    """

    def write(staged: Path) -> None:
        pq.write_table(table, staged, compression=COMPRESSION, write_page_checksum=True)
        counted = pq.read_table(staged, page_checksum_verification=True).num_rows
        if counted != table.num_rows:
            raise OSError(f"{counted} rows were read back of {table.num_rows} written")

    _commit(lake, path, write)


def write_bytes(lake: Lake, path: str, content: bytes) -> None:
    """Commit any other file in one step.

    Raises:
        RetryLater: as `write_table`.
    """
    _commit(lake, path, lambda staged: staged.write_bytes(content))


def _commit(lake: Lake, path: str, write: Callable[[Path], object]) -> None:
    try:
        if lake.is_local:
            staging = Path(lake.root) / "_staging"
            staging.mkdir(parents=True, exist_ok=True)
            staged = staging / f"{uuid.uuid4().hex}-{posixpath.basename(path)}"
            try:
                write(staged)
                with staged.open("rb") as file:
                    os.fsync(file.fileno())
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                staged.replace(path)
            finally:
                staged.unlink(missing_ok=True)
        else:
            with tempfile.TemporaryDirectory() as folder:
                staged = Path(folder) / posixpath.basename(path)
                write(staged)
                # One upload, which becomes visible when it completes.
                lake.fs.put_file(str(staged), path)
    except OSError as error:
        raise RetryLater(
            f"{lake.uri(path)} cannot be written ({error}). Nothing of it is visible. Check the free space, the "
            "bucket and the credentials of NIGHTSHIFT_LAKE; the task's retry goes on."
        ) from error
