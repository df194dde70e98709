"""The texts of a run's records as they are asked about, read from where they lie."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from include.errors import StopRun
from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.row_groups import read_rows
from include.llm.chain import Chain, Text
from include.stages.work_files import WorkFiles

# A row as a dict takes more than its text.
ROWS_AT_ONCE = 1_000


def text_columns(chain: Chain) -> list[str]:
    """Columns of a record that are shown to the model."""
    return ["text", *(f"attr_{name}" for name in chain.question.prompt.attributes)]


def texts_of(chain: Chain, records: pa.Table) -> Iterator[Text]:
    """What is asked about each record, under its answer key."""
    shown = [name for name in text_columns(chain) if name in records.column_names]
    for part in records.select(shown).to_batches(max_chunksize=ROWS_AT_ONCE):
        for row in part.to_pylist():
            yield chain.about(row.pop("text"), {name.removeprefix("attr_"): value for name, value in row.items()})


def shard_texts(lake: Lake, work: WorkFiles, shard: int, chain: Chain) -> tuple[int, Iterator[Text]]:
    """How many texts a shard has, and these in the order of their records.

    Raises:
        RetryLater: the lake cannot be read.
        StopRun: while they are read: another text stands where one was planned.
    """
    planned = read_table(lake, work.shard(shard))
    # Not `to_numpy`, which imports pandas.
    places = np.array(planned["place"].to_pylist(), dtype=np.int64)
    tables = read_rows(lake, work.records, places, text_columns(chain))
    # A storage that goes away in mid-shard must not hold up the calls that are on their way.
    return planned.num_rows, _as_planned(chain, tables if lake.is_local else iter(list(tables)), planned["answer_key"])


def _as_planned(chain: Chain, tables: Iterator[pa.Table], keys: pa.ChunkedArray) -> Iterator[Text]:
    start = 0
    for table in tables:
        planned = keys.slice(start, table.num_rows).to_pylist()
        start += table.num_rows
        for text, key in zip(texts_of(chain, table), planned, strict=True):
            if text.key != key:
                raise StopRun(
                    "The run's records have changed since `plan`. Clear the run from `plan` on; nothing is paid twice."
                )
            yield text
