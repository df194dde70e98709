"""Listing a folder or a bucket: every file once."""

import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from include.sources.listing import ListedFile, list_files
from tests.servers.s3 import S3Server

NAMES = ["a/2.txt", "a/b/c.txt", "a/z.txt", "a-b/x.txt", "a.txt", "a0/x.txt", "ä.txt", "日本.txt"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in reversed(NAMES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def local(folder: Path) -> list[str]:
    """Names below the folder."""
    files = list_files(fsspec.filesystem("file"), str(folder))
    return [str(Path(file.path).relative_to(folder)) for file in files]


def test_a_folder_is_all_its_files_folder_by_folder_in_the_order_of_their_names(folder: Path) -> None:
    assert local(folder) == NAMES


def test_a_file_has_its_size_and_time(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 19, 10, tzinfo=UTC)
    path = tmp_path / "a.txt"
    path.write_text("12345")
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    assert list(list_files(fsspec.filesystem("file"), str(tmp_path))) == [ListedFile(str(path), 5, moment)]


def test_links_to_files_are_files_and_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    (tmp_path / "circle.txt").symlink_to(tmp_path)
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.txt")
    assert local(tmp_path) == ["a.txt", "link.txt"]


class Marked(LocalFileSystem):  # type: ignore[misc]
    """Lists every folder in itself, as `gcsfs` does with one that the Google Cloud console has made."""

    def ls(self, path: str, detail: bool = False, **options: Any) -> list[Any]:
        return [{"name": path, "size": 0, "type": "directory"}, *super().ls(path, detail=detail, **options)]


def test_a_folder_that_is_listed_in_itself_is_listed_once(folder: Path) -> None:
    assert len(list(list_files(Marked(), f"{folder}/"))) == len(NAMES)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        local(tmp_path / "missing")


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    fs = s3_server.file_system()
    fs.mkdir(name)
    fs.pipe({f"{name}/calls/{path}": path.encode() for path in NAMES})
    fs.pipe({f"{name}/calls-old/x.txt": b"another prefix", f"{name}/calls.txt": b"beside it"})
    return name


def test_a_prefix_of_a_bucket_is_its_objects(bucket: str, s3_server: S3Server) -> None:
    files = list(list_files(s3_server.file_system(), f"{bucket}/calls"))
    assert {file.path: file.size for file in files} == {f"{bucket}/calls/{name}": len(name.encode()) for name in NAMES}
    assert len(files) == len(NAMES)
    now = datetime.now(UTC)
    assert all(file.modified and abs(now - file.modified) < timedelta(hours=1) for file in files)


def test_a_bucket_without_a_prefix_is_listed_whole(bucket: str, s3_server: S3Server) -> None:
    assert len(list(list_files(s3_server.file_system(), bucket))) == len(NAMES) + 2


def test_more_objects_than_a_page_holds_are_all_listed_once(bucket: str, s3_server: S3Server) -> None:
    names = [f"{bucket}/many/{number:05d}.txt" for number in range(1_050)]
    s3_server.file_system().pipe(dict.fromkeys(names, b"x"))
    assert [file.path for file in list_files(s3_server.file_system(), f"{bucket}/many")] == names


def test_what_came_after_the_first_listing_is_listed(bucket: str, s3_server: S3Server) -> None:
    fs = s3_server.file_system()
    before = len(list(list_files(fs, f"{bucket}/calls")))
    s3_server.file_system().pipe(f"{bucket}/calls/new.txt", b"x")
    assert len(list(list_files(fs, f"{bucket}/calls"))) == before + 1


def test_a_marker_of_a_folder_is_no_file(bucket: str, s3_server: S3Server) -> None:
    fs = s3_server.file_system()
    fs.call_s3("put_object", Bucket=bucket, Key="marked/day.txt/", Body=b"")
    fs.pipe(f"{bucket}/marked/day.txt/call.txt", b"x")
    assert [file.path for file in list_files(fs, f"{bucket}/marked")] == [f"{bucket}/marked/day.txt/call.txt"]


def test_a_missing_bucket_is_an_error_and_a_missing_prefix_is_empty(bucket: str, s3_server: S3Server) -> None:
    assert list(list_files(s3_server.file_system(), f"{bucket}/missing")) == []
    with pytest.raises(FileNotFoundError):
        list(list_files(s3_server.file_system(), "no-such-bucket/calls"))
