"""Replace a month's one file, as lakes of an earlier version have it, by a file a day."""

from contextlib import ExitStack

import pyarrow.compute as pc

from include.lake.current_ids import days_of, month_of
from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.row_groups import file_schema, read_groups
from include.lake.write import move_into_place, open_table_writer

# Each day that is written holds up to a row group.
_DAYS_AT_A_TIME = 8


def is_whole(path: str) -> bool:
    """Whether a file of `current/` holds a whole month."""
    return path.endswith("/part.parquet")


def split_month(lake: Lake, pipeline: str, whole: str) -> None:
    """Write the same rows as day files beside the one file, then remove it.

    All day files are written aside first, where readers do not look, and put in place one right after the other: no
    record is ever missing, and who reads before the one file is removed may meet one twice. Made again after a crash it
    ends the same, because nothing else writes to a month before it is split.

    Raises:
        RetryLater: the lake cannot be read or written.
    """
    aside = f"{lake.root}/_staging/current-{pipeline}-{month_of(whole)}"
    schema = file_schema(lake, whole)
    days = sorted(pc.unique(days_of(read_table(lake, whole, ["occurred_at"])["occurred_at"])).to_pylist())
    for first in range(0, len(days), _DAYS_AT_A_TIME):
        with ExitStack() as stack:
            writers = {
                day: stack.enter_context(open_table_writer(lake, f"{aside}/{day}.parquet", schema))
                for day in days[first : first + _DAYS_AT_A_TIME]
            }
            for rows in read_groups(lake, whole):
                day_of_row = days_of(rows["occurred_at"])
                for day, writer in writers.items():
                    writer.write(rows.filter(pc.equal(day_of_row, day)))
    for day in days:
        move_into_place(lake, f"{aside}/{day}.parquet", lake.current_file(pipeline, day))
    lake.fs.rm_file(whole)
    lake.remove_folder(aside)
