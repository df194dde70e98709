"""The questions of a run: which of its records are asked about, and which have an outcome already."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.lake.row_groups import read_groups, read_rows
from include.lake.row_hashes import Positions
from include.lake.write import write_table
from include.llm.chain import Chain, Text
from include.pipelines.definition import Pipeline
from include.stages.concurrent_runs import RUN_ID
from include.stages.planned_texts import text_columns, texts_of
from include.stages.run_context import RunContext
from include.stages.work_files import WorkFiles

# Airflow maps at most 1,024 task instances by default (`[core] max_map_length`); stay well below.
MAX_SHARDS = 500
_IDENTITY = ("record_id", "record_version")


@dataclass(frozen=True)
class Questions:
    """One for each record of a run, without its text.

    Args:
        rows: `record_id`, `record_version`.
        keys: answer keys.
        step_keys: of notes that are needed before answers.
        characters: of each text with what stands above it.
    """

    rows: pa.Table
    keys: list[str]
    step_keys: set[str]
    characters: list[int]


def read_questions(work: WorkFiles, chain: Chain) -> Questions:
    """What is asked about each record.

    Raises:
        RetryLater: the lake cannot be read.
    """
    rows = [pa.table({name: pa.array([], pa.string()) for name in _IDENTITY})]
    keys, step_keys, characters = list[str](), set[str](), list[int]()
    for records in read_groups(work.lake, work.records, (*_IDENTITY, *text_columns(chain))):
        rows.append(records.select(_IDENTITY).cast(rows[0].schema))
        for text in texts_of(chain, records):
            keys.append(text.key)
            step_keys.update(chain.step_keys(text.text))
            characters.append(text.characters)
    return Questions(pa.concat_tables(rows), keys, step_keys, characters)


def skip_reasons(
    pipeline: Pipeline, run: RunContext, questions: Questions, settled: set[str], left: Sequence[str | None]
) -> list[str | None]:
    """Why each record is not asked about; None: it is, or its outcome is known.

    Args:
        settled: keys that have an outcome.
        left: why other runs have the record.
    """
    taken = 0
    reasons: list[str | None] = []
    for key, characters, reason in zip(questions.keys, questions.characters, left, strict=True):
        if reason is not None:
            reasons.append(reason)
        elif characters > pipeline.max_text_characters:
            reasons.append("too_long")
        elif key not in settled and run.limit is not None and taken >= run.limit:
            reasons.append("over_limit")
        else:
            reasons.append(None)
            taken += key not in settled
    return reasons


def places_to_ask(questions: Questions, reasons: Sequence[str | None], settled: set[str]) -> Positions:
    """Of each key that has to be asked the first record, by its place in the run's records."""
    first: dict[str, int] = {}
    for place, (key, reason) in enumerate(zip(questions.keys, reasons, strict=True)):
        if reason is None and key not in settled:
            first.setdefault(key, place)
    return np.fromiter(first.values(), np.int64, len(first))


def planned_texts(work: WorkFiles, chain: Chain, places: Positions) -> Iterator[Text]:
    """The texts of some records."""
    for records in read_rows(work.lake, work.records, places, text_columns(chain)):
        yield from texts_of(chain, records)


def write_plan(work: WorkFiles, questions: Questions, reasons: Sequence[str | None]) -> None:
    """Write down the question of each record, in the order of the records.

    Raises:
        RetryLater: the lake cannot be written.
    """
    columns = {
        "answer_key": pa.array(questions.keys, pa.string()),
        "skip_reason": pa.array(reasons, pa.string()),
        "characters": pa.array(questions.characters, pa.int64()),
    }
    rows = questions.rows
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    write_table(work.lake, work.plan, rows.replace_schema_metadata({RUN_ID: work.run.run_id.encode()}))


def write_shards(work: WorkFiles, keys: Sequence[str], places: Positions, size: int) -> int:
    """Cut what is asked into shards: keys, and where their texts stand among the run's records.

    Args:
        size: most texts of one, unless there would be more than `MAX_SHARDS`.

    Returns:
        How many there are.
    """
    size = max(size, -(-len(keys) // MAX_SHARDS))
    starts = range(0, len(keys), size)
    for number, start in enumerate(starts):
        part = slice(start, start + size)
        shard = pa.table({"answer_key": pa.array(keys[part], pa.string()), "place": pa.array(places[part])})
        write_table(work.lake, work.shard(number), shard)
    return len(starts)
