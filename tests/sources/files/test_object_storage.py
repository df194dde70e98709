"""Sources in a bucket of a real S3 server, set up through the environment as in a deployment."""

import gzip
import io
import socket
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from include.errors import ConfigurationError, RetryLater
from include.sources.record import Record
from tests.servers.s3 import S3Server
from tests.sources.reading import ids, read_all, reasons

pytestmark = pytest.mark.usefixtures("s3_environ")


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """A bucket of this test alone, which holds the same two records in every format."""
    name = f"bucket-{uuid.uuid4().hex}"
    fs = s3_server.file_system()
    lines = b'{"id": "a", "text": "Parcel is late"}\n{"id": "b", "text": "Gr\xc3\xb6\xc3\x9fe"}\n'
    parquet = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["Parcel is late", "Größe"]}), parquet)
    fs.mkdir(name)
    fs.pipe(
        {
            f"{name}/in/day=1/rows.jsonl": lines,
            f"{name}/in/day=2/rows.jsonl.gz": gzip.compress(lines),
            f"{name}/in/day=3/rows.csv": "id,text\na,Parcel is late\nb,Größe\n".encode("utf-16"),
            f"{name}/in/day=4/rows.parquet": parquet.getvalue(),
            f"{name}/in/_temporary/rows.jsonl": b"unfinished",
            f"{name}/in/zero.jsonl": b"",
        }
    )
    return name


@pytest.mark.parametrize("file", ["day=1/rows.jsonl", "day=2/rows.jsonl.gz", "day=3/rows.csv", "day=4/rows.parquet"])
def test_every_format_is_read(bucket: str, file: str) -> None:
    rows = read_all(f"s3://{bucket}/in/{file}")
    assert [(row.record_id, row.text) for row in rows if isinstance(row, Record)] == [
        ("a", "Parcel is late"),
        ("b", "Größe"),
    ]


def test_a_folder_and_a_glob_are_read(bucket: str) -> None:
    assert ids(read_all(f"s3://{bucket}/in")) == ["a", "b"] * 4
    assert ids(read_all(f"s3://{bucket}/in/day=[12]/*")) == ["a", "b"] * 2


def test_a_signed_address_of_an_object_is_read_and_one_with_another_signature_refused(
    bucket: str, s3_server: S3Server
) -> None:
    address = s3_server.file_system().sign(f"{bucket}/in/day=4/rows.parquet", expiration=60)
    assert "X-Amz-Signature" in address or "Signature=" in address
    assert ids(read_all(address)) == ["a", "b"]
    with pytest.raises(ConfigurationError, match="the server answered 403") as caught:
        read_all(f"{address[:-4]}0000")
    assert "Signature=" not in str(caught.value)


def test_an_empty_object_is_an_empty_batch(bucket: str) -> None:
    assert read_all(f"s3://{bucket}/in/zero.jsonl") == []


def test_a_line_over_the_cap_is_skipped(bucket: str, s3_server: S3Server) -> None:
    with s3_server.file_system().open(f"{bucket}/big.jsonl", "wb") as file:
        file.write(b'{"id": "x", "text": "')
        for _ in range(20):
            file.write(b"A" * 1_000_000)
        file.write(b'"}\n{"id": "after", "text": "Good"}\n')
    assert reasons(read_all(f"s3://{bucket}/big.jsonl")) == ["too_large", "record"]


def test_a_large_object_is_read_whole(bucket: str, s3_server: S3Server, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"id": "{n}", "text": "{"late " * 200}{n}"}}\n' for n in range(5_000)))
    s3_server.file_system().put_file(str(path), f"{bucket}/large.jsonl")
    assert ids(read_all(f"s3://{bucket}/large.jsonl")) == [str(n) for n in range(5_000)]


def test_an_object_that_came_after_the_first_reading_is_found(bucket: str, s3_server: S3Server) -> None:
    read_all(f"s3://{bucket}/in")
    s3_server.file_system().pipe(f"{bucket}/in/day=5/rows.jsonl", b'{"id": "c", "text": "Good"}\n')
    assert ids(read_all(f"s3://{bucket}/in"))[-1] == "c"


@pytest.mark.parametrize(
    "location", ["s3://no-such-bucket/in", "s3://{bucket}/missing.jsonl", "s3://{bucket}/none/*.jsonl"]
)
def test_no_object_is_an_error_that_names_the_location(bucket: str, location: str) -> None:
    place = location.format(bucket=bucket)
    with pytest.raises(ConfigurationError) as error:
        read_all(place)
    assert place in str(error.value)
    assert "NIGHTSHIFT_SOURCE_DEMO" in str(error.value)


def test_wrong_credentials_are_a_configuration_error(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_SOURCE_DEMO"):
        read_all(f"s3://{bucket}/in")


@pytest.mark.slow
def test_a_server_that_is_away_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(RetryLater, match="NIGHTSHIFT_SOURCE_DEMO"):
            read_all("s3://reviews/in")
