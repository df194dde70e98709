"""Read tables of the lake back."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import RetryLater
from include.lake.paths import Lake
from include.lake.row_groups import open_file
from include.lake.storage import FileReplaced, storage_error


def read_table(lake: Lake, path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """One Parquet file; columns that it does not have are left out.

    Raises:
        RetryLater: it cannot be read, or a page's checksum is wrong.
        ConfigurationError: it may not be read.
    """
    try:
        return _read(lake, path, columns)
    except FileReplaced:
        return _read(lake, path, columns)


def _read(lake: Lake, path: str, columns: Sequence[str] | None) -> pa.Table:
    try:
        # Partition columns are in the path; the files hold all that a row needs.
        with open_file(lake, path) as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            known = None if columns is None else [name for name in columns if name in parquet.schema_arrow.names]
            return parquet.read(columns=known)
    except (OSError, pa.ArrowInvalid) as error:
        trouble = storage_error(error, lake.uri(path))
        raise trouble or RetryLater(f"{lake.uri(path)} cannot be read: {error}") from error
