"""Rows of files in order, a part at a time."""

import random
from pathlib import Path

import pyarrow as pa

from include.lake.in_order import ROWS_AT_ONCE, read_in_order
from include.lake.paths import open_lake
from include.lake.write import write_table


def test_rows_of_several_files_come_in_order_and_those_that_are_alike_as_they_stand(tmp_path: Path) -> None:
    lake, chance = open_lake(str(tmp_path)), random.Random(0)
    rows = [(f"r{chance.randrange(ROWS_AT_ONCE)}", number) for number in range(2 * ROWS_AT_ONCE + 7)]
    paths = []
    for name, part in (("a", rows[:9]), ("b", rows[9:])):
        paths.append(f"{lake.root}/{name}.parquet")
        ids, numbers = zip(*part, strict=True)
        write_table(lake, paths[-1], pa.table({"record_id": ids, "number": numbers}))
    parts = list(read_in_order(lake, paths, ["record_id"]))
    assert max(part.num_rows for part in parts) <= ROWS_AT_ONCE
    found = [(row["record_id"], row["number"]) for part in parts for row in part.to_pylist()]
    assert found == sorted(rows)
