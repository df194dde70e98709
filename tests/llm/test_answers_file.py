"""A shard's Parquet says what its ledger says, however it is read."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from include.answer.structured_output import QuotedSentence
from include.lake.effort import Effort, Usage
from include.lake.paths import Lake, open_lake
from include.llm.answers_file import BLOCK_BYTES, write_answers
from include.llm.ledger import LedgerEntry, LedgerWriter, read_ledger
from tests.llm.answers import read_answers


class Item(BaseModel):
    """A part of the answer."""

    kind: Literal["bug", "praise"]
    quote: QuotedSentence | None


class Answer(BaseModel):
    """Every kind of field."""

    mood: str
    score: float
    items: list[Item]
    tags: list[str]
    note: str | None


ODD = 'quotes " and \\ and 日本語 \u2028 and 2026-11-23T00:00:00Z'


def entry(number: int, answered: bool = True) -> LedgerEntry:
    answer = {
        "mood": ODD,
        "score": number / 3,
        "items": [{"kind": "bug", "quote": "It broke."}] * (number % 3),
        "tags": [] if number % 2 else ["2026-11-23", "7"],
        "note": None,
    }
    return LedgerEntry(
        key=f"{number:064x}",
        answer=answer if answered else None,
        error_type=None if answered else "not_json",
        error_message=None if answered else "2026-11-23T00:00:00Z",
        raw_output=None if answered else ODD,
        effort=Effort(
            Usage(100 + number, 5, 20, 3, 2), None if number % 5 == 0 else 0.1, number, 3, number + 2, number % 3, 1
        ),
        processed_at="2026-11-23T00:00:00+00:00",
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def through(lake: Lake, is_plain: bool) -> list[LedgerEntry]:
    path = f"{lake.root}/answers-{is_plain}.parquet"
    write_answers(lake, f"{lake.root}/ledger", path, Answer, is_plain)
    return list(read_answers(lake, path))


def test_both_ways_to_read_a_ledger_give_what_was_written(lake: Lake) -> None:
    written = [entry(number, answered=number % 7 != 3) for number in range(3_000)]
    with LedgerWriter(lake, f"{lake.root}/ledger") as ledger:
        for each in written:
            ledger.append(each)
    (file,) = (Path(lake.root) / "ledger").glob("*.jsonl")
    assert file.stat().st_size > 2 * BLOCK_BYTES
    assert through(lake, is_plain=True) == written
    assert through(lake, is_plain=False) == written


def test_a_shard_without_texts_has_an_empty_file(lake: Lake) -> None:
    with LedgerWriter(lake, f"{lake.root}/ledger"):
        pass
    assert through(lake, is_plain=True) == []


def test_an_answer_wins_over_an_earlier_failure(lake: Lake) -> None:
    for answered in (False, True):
        with LedgerWriter(lake, f"{lake.root}/ledger") as ledger:
            ledger.append(entry(1, answered))
    assert through(lake, is_plain=False) == [entry(1)]
    assert read_ledger(lake, f"{lake.root}/ledger") == {entry(1).key: entry(1)}
