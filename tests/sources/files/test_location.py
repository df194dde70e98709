"""Which files a setting names, and what is said when it names none."""

import logging
import os
import time
from pathlib import Path

import fsspec
import pytest

from include.errors import ConfigurationError, RetryLater
from tests.sources.reading import PULLED_AT, ids, read_all, read_files


def write(path: Path, *record_ids: str) -> Path:
    """A JSONL file of records with these ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'{{"id": "{record_id}", "text": "Good"}}\n' for record_id in record_ids))
    return path


def test_a_path_is_one_file(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", "b")
    assert ids(read_all(write(tmp_path / "a.jsonl", "a"))) == ["a"]


def test_a_folder_is_all_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path / "c.ndjson", "3")
    write(tmp_path / "a.jsonl", "1")
    write(tmp_path / "b" / "day=2" / "x.json", "2")
    (tmp_path / "d.csv").write_text("id,text\n4,Good\n")
    (tmp_path / "notes.txt").write_text("no source")
    assert ids(read_all(tmp_path)) == ids(read_all(f"{tmp_path}/")) == ["1", "2", "3", "4"]


def test_unfinished_files_of_other_programs_are_left_out_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", "a")
    for name in ("_temporary/0/part.jsonl", ".hidden.jsonl", "_staging/x.jsonl", "a.jsonl.tmp"):
        write(tmp_path / name, "unfinished")
    assert ids(read_all(tmp_path)) == ["a"]


def test_a_glob_is_the_files_that_match(tmp_path: Path) -> None:
    write(tmp_path / "2026" / "a.jsonl", "a")
    write(tmp_path / "2025" / "b.jsonl", "b")
    write(tmp_path / "2026" / "c.txt", "c")
    assert ids(read_all(f"{tmp_path}/2026/*")) == ["a"]
    assert ids(read_all(f"{tmp_path}/20*/*.jsonl")) == ["b", "a"]
    assert ids(read_all(f"{tmp_path}/**/[ab].jsonl")) == ["b", "a"]


def test_a_file_name_with_the_signs_of_a_glob_is_that_file(tmp_path: Path) -> None:
    assert ids(read_all(write(tmp_path / "reviews [2026].jsonl", "a"))) == ["a"]


def test_a_file_name_that_is_no_utf8_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jsonl")).write_text('{"text": "No id"}\n')
    assert ids(read_all(tmp_path)) == ["caf\ufffd.jsonl#L1"]


def test_a_uri_names_any_file_system(tmp_path: Path) -> None:
    assert ids(read_all(f"file://{write(tmp_path / 'a.jsonl', 'a')}")) == ["a"]
    memory = fsspec.filesystem("memory")
    memory.pipe("/reviews/a.jsonl", b'{"id": "m", "text": "Good"}\n')
    try:
        assert ids(read_all("memory://reviews")) == ids(read_all("memory://reviews/*.jsonl")) == ["m"]
    finally:
        memory.rm("/reviews", recursive=True)


def test_rows_without_id_in_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for day in ("day=1", "day=2"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "part.jsonl").write_text('{"text": "No id"}\n')
    names = ["day=1/part.jsonl#L1", "day=2/part.jsonl#L1"]
    assert ids(read_all(tmp_path)) == ids(read_all(f"{tmp_path}/day=*/*.jsonl")) == names


def test_a_second_reading_gives_the_same_records(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", "a", "b")
    (tmp_path / "b.jsonl").write_text('{"text": "No id"}\nnonsense\n{"id": "c", "text": ""}\n')
    assert read_all(tmp_path) == read_all(tmp_path)


def test_files_of_other_kinds_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for name in ("a.jsonl.bz2", "b.csv.zip"):
        (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(ConfigurationError, match=r"None of the 2 files at .* can be read\. Set .*\.jsonl"):
        read_all(tmp_path)
    (tmp_path / "c.jsonl").write_text('{"id": "1", "text": "Late"}')
    assert len(read_all(tmp_path)) == 1
    assert "2 of 3 files" in caplog.text


@pytest.mark.parametrize(
    "location",
    ["{}/missing.jsonl", "{}/*.jsonl", "{}/empty_folder", "{}/missing/folder", "{}/table.docx", "memory://none"],
)
def test_no_file_is_an_error_that_names_the_location_and_the_setting(tmp_path: Path, location: str) -> None:
    (tmp_path / "empty_folder").mkdir()
    (tmp_path / "table.docx").write_bytes(b"PK")
    place = location.format(tmp_path)
    with pytest.raises(ConfigurationError) as error:
        read_all(place)
    assert place in str(error.value)
    assert "NIGHTSHIFT_SOURCE_DEMO" in str(error.value)


@pytest.mark.parametrize("location", ["nosuchprotocol://reviews", "s3n2://x/y"])
def test_an_unknown_protocol_is_an_error_that_names_the_setting(location: str) -> None:
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_SOURCE_DEMO"):
        read_all(location)


def test_a_file_that_changes_while_it_is_read_is_read_again_later(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "a", "b")
    rows = read_files(str(path), source="demo", attributes={}, pulled_at=PULLED_AT)
    next(rows)
    write(path, "c", "d", "e")
    os.utime(path, (time.time() + 10, time.time() + 10))
    with pytest.raises(RetryLater, match="changed while it was read"):
        list(rows)


def test_a_file_that_goes_away_while_the_others_are_read_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", "a")
    second = write(tmp_path / "b.jsonl", "b")
    rows = read_files(str(tmp_path), source="demo", attributes={}, pulled_at=PULLED_AT)
    next(rows)
    second.unlink()
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_SOURCE_DEMO"):
        list(rows)
