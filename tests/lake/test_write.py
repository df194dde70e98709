"""What is written in parts is one whole file, and no part of it fills the memory."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.paths import open_lake
from include.lake.read import read_table
from include.lake.write import BYTES_PER_GROUP, ROWS_PER_GROUP, open_table_writer


def test_a_row_group_has_so_many_rows(tmp_path: Path) -> None:
    table = pa.table({"number": range(2 * ROWS_PER_GROUP + 5)})
    with open_table_writer(open_lake(str(tmp_path)), f"{tmp_path}/x.parquet", table.schema) as writer:
        for start in range(0, table.num_rows, 700):
            writer.write(table.slice(start, 700))
    assert read_table(open_lake(str(tmp_path)), f"{tmp_path}/x.parquet").equals(table)
    groups = pq.ParquetFile(tmp_path / "x.parquet").metadata
    assert [groups.row_group(n).num_rows for n in range(3)] == [ROWS_PER_GROUP, ROWS_PER_GROUP, 5]


def test_a_row_group_of_long_texts_has_fewer(tmp_path: Path) -> None:
    texts = pa.table({"text": ["long " * 100_000] * 10})
    with open_table_writer(open_lake(str(tmp_path)), f"{tmp_path}/x.parquet", texts.schema) as writer:
        for _ in range(20):
            writer.write(texts)
    file = pq.ParquetFile(tmp_path / "x.parquet")
    assert file.metadata.num_rows == 200
    assert file.metadata.num_row_groups > 1
    assert file.read_row_group(0).nbytes < 2 * BYTES_PER_GROUP
