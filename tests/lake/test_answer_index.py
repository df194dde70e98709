"""Finding paid answers: by their key, in any lake, without reading what holds none."""

import io
import os
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.lake.answer_index import find_answers
from include.lake.lake_index import update_index
from include.lake.paths import Lake, open_lake
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from tests.servers.s3 import S3Server

COLUMNS = ["record_id", "answer_key", "answer"]


def key(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def publish(lake: Lake, day: int, texts: list[str], answer: str = "yes", index: bool = True) -> str:
    path = lake.run_file("results", "reviews", date(2026, 11, day), f"run-{day}")
    rows = {"record_id": [f"{day}-{n}" for n in range(len(texts))], "answer_key": [key(text) for text in texts]}
    write_table(lake, path, pa.table({**rows, "answer": [answer] * len(texts)}))
    if index:
        run = {"run_id": f"run-{day}", "run_key": f"run-{day}", "pipeline": "reviews"}
        runs_path = lake.run_file("runs", "reviews", date(2026, 11, day), f"run-{day}")
        write_table(lake, runs_path, pa.Table.from_pylist([run], schema=RUNS_SCHEMA))
        update_index(lake, "reviews")
    return path


def found(lake: Lake, *texts: str) -> list[tuple[str, str]]:
    hits = find_answers(lake, "reviews", [key(text) for text in texts], COLUMNS)
    return [(row["record_id"], row["answer"]) for _, rows in hits for row in rows]


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    if request.param == "local":
        yield open_lake(str(tmp_path))
        return
    server: S3Server = request.getfixturevalue("s3_server")
    request.getfixturevalue("s3_environ")
    bucket = f"index-{os.path.basename(tmp_path).replace('_', '-').lower()}"[:60].strip("-")
    server.file_system().mkdir(bucket)
    yield open_lake(f"s3://{bucket}/lake")


def test_a_key_is_found_with_its_row(lake: Lake) -> None:
    publish(lake, 1, ["a", "b", "c"])
    assert found(lake, "b", "x") == [("1-1", "yes")]


def test_the_newest_run_comes_first(lake: Lake) -> None:
    publish(lake, 1, ["a"], "old")
    publish(lake, 2, ["a"], "new")
    assert found(lake, "a") == [("2-0", "new"), ("1-0", "old")]


def test_several_records_with_one_text_are_all_found(lake: Lake) -> None:
    publish(lake, 1, ["a", "b", "a"])
    assert sorted(found(lake, "a")) == [("1-0", "yes"), ("1-2", "yes")]


def test_a_file_that_was_replaced_is_read_itself(lake: Lake) -> None:
    publish(lake, 1, ["a", "b"])
    publish(lake, 1, ["c", "d", "e"], index=False)
    assert found(lake, "a", "e") == [("1-2", "yes")]


def test_without_an_index_every_answer_is_found_all_the_same(lake: Lake) -> None:
    publish(lake, 1, ["a", "b"], index=False)
    assert found(lake, "b") == [("1-1", "yes")]


def test_a_damaged_index_is_read_past_and_made_anew(lake: Lake) -> None:
    publish(lake, 1, ["a", "b"])
    index = f"{lake.index('reviews')}/outcomes-2026-11.parquet"
    lake.fs.pipe_file(index, b"no parquet")
    assert found(lake, "b") == [("1-1", "yes")]
    update_index(lake, "reviews")
    assert lake.fs.info(index)["size"] > len(b"no parquet")


def test_an_index_with_a_flipped_bit_is_read_past(lake: Lake) -> None:
    publish(lake, 1, [str(number) for number in range(25_000)])
    index = f"{lake.index('reviews')}/outcomes-2026-11.parquet"
    content = bytearray(lake.fs.cat_file(index))
    parquet = pq.ParquetFile(io.BytesIO(content))
    # In the last row group: what came before it has been handed out.
    place = parquet.schema_arrow.names.index("key_prefix")
    content[parquet.metadata.row_group(2).column(place).data_page_offset + 100] ^= 0x10
    lake.fs.pipe_file(index, bytes(content))
    assert found(lake, "3", "24999") == [("1-3", "yes"), ("1-24999", "yes")]
    assert not lake.fs.exists(index)


def test_two_keys_that_begin_alike_are_told_apart(lake: Lake) -> None:
    publish(lake, 1, ["a"])
    twin = key("a")[:16] + "0" * 48
    assert list(find_answers(lake, "reviews", [twin], COLUMNS)) == []


def test_what_is_new_reads_no_results(lake: Lake) -> None:
    path = publish(lake, 1, ["a", "b"])
    info = lake.fs.info(path)
    # A file of the same size and time that cannot be read any more shows whether it is.
    if not lake.is_local:
        pytest.skip("an object's ETag cannot be kept when its content changes")
    Path(path).write_bytes(b"x" * info["size"])
    os.utime(path, (info["mtime"], info["mtime"]))
    assert found(lake, "new") == []


def test_hits_in_far_row_groups_are_found(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    publish(lake, 1, [str(number) for number in range(25_000)])
    assert found(lake, "3", "12000", "24999") == [("1-3", "yes"), ("1-12000", "yes"), ("1-24999", "yes")]


def test_readers_of_the_lake_do_not_see_the_index(tmp_path: Path) -> None:

    lake = open_lake(str(tmp_path))
    publish(lake, 1, ["a"])
    assert len(pd.read_parquet(tmp_path / "results" / "reviews")) == 1
