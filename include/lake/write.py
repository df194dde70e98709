"""Write a file so that readers see all of it or nothing."""

import os
import posixpath
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.paths import Lake
from include.lake.storage import storage_error

COMPRESSION = "zstd"
# Small enough that a look-up reads little around a hit, large enough to compress well.
ROWS_PER_GROUP = 10_000
# A group of long transcripts ends before it fills the memory.
BYTES_PER_GROUP = 32 * 1024 * 1024


def write_table(lake: Lake, path: str, table: pa.Table) -> None:
    """Commit a table as one Parquet file: written beside, flushed, read back and counted, then put in place.

    The same table always gives the same bytes. Page checksums are on, because a flipped bit otherwise reads back
    as a wrong value without an error.

    Raises:
        RetryLater: the disk is full or the bucket is away; nothing is visible.
        ConfigurationError: the bucket or the folder refuses.
    """

    with open_table_writer(lake, path, table.schema) as writer:
        writer.write(table)


class TableWriter:
    """Writes one Parquet file batch by batch, with row groups of `ROWS_PER_GROUP` rows, or fewer long ones."""

    def __init__(self, staged: Path, schema: pa.Schema) -> None:
        self._staged = staged
        self._file = pq.ParquetWriter(staged, schema, compression=COMPRESSION, write_page_checksum=True)
        self._schema = schema
        self._held: list[pa.Table] = []
        self._held_rows = self._held_bytes = 0
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """Append rows of the writer's schema; kept in memory until a row group is full."""
        self._held.append(table)
        self._held_rows += table.num_rows
        self._held_bytes += table.nbytes
        self.rows += table.num_rows
        while self._held_rows >= ROWS_PER_GROUP or (self._held_rows and self._held_bytes >= BYTES_PER_GROUP):
            held = pa.concat_tables(self._held)
            self._file.write_table(held.slice(0, ROWS_PER_GROUP), row_group_size=ROWS_PER_GROUP)
            left = held.slice(ROWS_PER_GROUP)
            self._held, self._held_rows, self._held_bytes = [left], left.num_rows, left.nbytes
            # Memory stays flat only where what is free goes back.
            pa.default_memory_pool().release_unused()

    def finish(self) -> None:
        """Write what is left, flush, read back and count."""
        if self._held_rows or not self.rows:
            held = pa.concat_tables(self._held) if self._held else self._schema.empty_table()
            self._file.write_table(held, row_group_size=ROWS_PER_GROUP)
        self._file.close()
        with pq.ParquetFile(self._staged, page_checksum_verification=True) as file:
            # Group by group, so that no more than one is held.
            counted = sum(
                batch.num_rows
                for group in range(file.num_row_groups)
                for batch in file.iter_batches(ROWS_PER_GROUP // 10, row_groups=[group], use_threads=False)
            )
        if counted != self.rows:
            raise OSError(f"{counted} rows were read back of {self.rows} written")

    def abandon(self) -> None:
        """Close the file; what was written is of no use."""
        self._file.close()


@contextmanager
def open_table_writer(lake: Lake, path: str, schema: pa.Schema) -> Iterator[TableWriter]:
    """Commit a table that does not fit into memory, with the promises of `write_table`.

    Nothing is visible before the block ends, and nothing ever is when it raises.

    Raises:
        RetryLater: as `write_table`.
    """
    with staged_file(lake, path) as staged:
        writer = TableWriter(staged, schema)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise


def write_bytes(lake: Lake, path: str, content: bytes) -> None:
    """Commit any other file in one step.

    Raises:
        RetryLater: as `write_table`.
    """
    with staged_file(lake, path) as staged:
        staged.write_bytes(content)


def move_into_place(lake: Lake, staged: str, path: str) -> None:
    """Put a file that lies elsewhere in the lake where readers look, in one step.

    Object storage has no rename: there it is copied by the storage itself, and whoever staged it removes it.

    Raises:
        RetryLater: as `write_table`.
    """
    if lake.is_local:
        Path(staged).replace(path)
    else:
        lake.fs.cp_file(staged, path)


@contextmanager
def staged_file(lake: Lake, path: str) -> Iterator[Path]:
    """A local path to write to; what is there when the block ends is put in place in one step."""
    try:
        if lake.is_local:
            staging = Path(lake.root) / "_staging"
            staging.mkdir(parents=True, exist_ok=True)
            staged = staging / f"{uuid.uuid4().hex}-{posixpath.basename(path)}"
            try:
                yield staged
                with staged.open("rb") as file:
                    os.fsync(file.fileno())
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                staged.replace(path)
            finally:
                staged.unlink(missing_ok=True)
        else:
            with tempfile.TemporaryDirectory() as folder:
                staged = Path(folder) / posixpath.basename(path)
                yield staged
                # One upload, which becomes visible when it completes.
                lake.fs.put_file(str(staged), path)
    except OSError as error:
        known = storage_error(error, lake.uri(path))
        assert known is not None
        raise known from error
