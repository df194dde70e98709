"""What a lake does while its storage is away, refuses, or is written to by others."""

import errno
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

import aiohttp
import fsspec.asyn
import pyarrow as pa
import pytest
import requests
import s3fs
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from fsspec.exceptions import FSTimeoutError
from gcsfs.retry import HttpError
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from s3fs.errors import translate_boto_error

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.lake.paths import Lake, open_lake
from include.lake.read import read_table
from include.lake.row_groups import read_groups
from include.lake.storage import Storage, storage_error
from include.lake.write import write_bytes, write_table
from include.llm.ledger import ledger_files
from tests.servers.outage import OUTAGES, Outage, OutageProxy
from tests.servers.s3 import S3Server

TABLE = pa.table({"number": range(1_000)})
URL = "http://127.0.0.1:1"
# A page of S3's list of a table's folder.
NIGHTS = (
    b"<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>"
    b"lake/results/support_tickets/run_date=2026-11-23/</Prefix></CommonPrefixes></ListBucketResult>"
)


def s3_error(code: str) -> Exception:
    """What s3fs raises for an error code of S3."""
    error: Exception = translate_boto_error(ClientError({"Error": {"Code": code, "Message": "said"}}, "PutObject"))
    return error


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (EndpointConnectionError(endpoint_url=URL), RetryLater),
        (ConnectionClosedError(endpoint_url=URL), RetryLater),
        (ConnectTimeoutError(endpoint_url=URL), RetryLater),
        (ReadTimeoutError(endpoint_url=URL), RetryLater),
        (HTTPClientError(error="cut"), RetryLater),
        (aiohttp.ClientPayloadError("cut"), RetryLater),
        (aiohttp.ServerDisconnectedError(), RetryLater),
        (requests.exceptions.ConnectionError("away"), RetryLater),
        (FSTimeoutError(), RetryLater),
        (s3_error("SlowDown"), RetryLater),
        (s3_error("InternalError"), RetryLater),
        (s3_error("503"), RetryLater),
        (s3_error("SomethingNew"), RetryLater),
        (HttpError({"code": 503, "message": "away"}), RetryLater),
        (TransportError("away"), RetryLater),
        (OSError(errno.ENOSPC, "No space left on device"), RetryLater),
        (OSError(errno.EIO, "Input/output error"), RetryLater),
        (s3_error("AccessDenied"), ConfigurationError),
        (s3_error("403"), ConfigurationError),
        (s3_error("InvalidAccessKeyId"), ConfigurationError),
        (s3_error("ExpiredToken"), ConfigurationError),
        (s3_error("NoSuchBucket"), ConfigurationError),
        (s3_error("PermanentRedirect"), ConfigurationError),
        (s3_error("InvalidBucketName"), ConfigurationError),
        (NoCredentialsError(), ConfigurationError),
        (OSError("Forbidden: https://storage.googleapis.com/b\nno"), ConfigurationError),
        (HttpError({"code": 401, "message": "Invalid Credentials"}), ConfigurationError),
        (RefreshError("invalid_grant", retryable=False), ConfigurationError),
        (DefaultCredentialsError("none"), ConfigurationError),
        (PermissionError(errno.EACCES, "Permission denied"), ConfigurationError),
        (ValueError("a fault of ours"), None),
        (KeyError("a fault of ours"), None),
    ],
    ids=repr,
)
def test_an_error_of_a_storage_is_passing_or_a_matter_of_settings(
    error: Exception, meaning: type[NightshiftError] | None
) -> None:
    known = storage_error(error, "s3://bucket/lake")
    assert type(known) is (type(None) if meaning is None else meaning)
    if known is not None:
        assert "s3://bucket/lake" in str(known)
        assert "NIGHTSHIFT_LAKE" in str(known)


def results_path(lake: Lake, run_key: str) -> str:
    return lake.run_file("results", "support_tickets", date(2026, 11, 23), run_key)


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_storage_that_comes_back_is_waited_for(proxy: OutageProxy, outage: Outage) -> None:
    lake = open_lake(f"s3://outages/back-{outage}")
    path = results_path(lake, "one")
    write_table(lake, path, TABLE)
    for work in (
        lambda: write_table(lake, path, TABLE),
        lambda: read_table(lake, path),
        lambda: list(read_groups(lake, path)),
        lambda: lake.files("results", "support_tickets"),
        lambda: lake.fs.exists(path),
    ):
        proxy.begin(outage)
        threading.Timer(0.3, proxy.end).start()
        work()
    assert lake.files("results", "support_tickets") == [path]
    assert read_table(lake, path).equals(TABLE)


@pytest.mark.parametrize("outage", ["refused", "reset"])
def test_a_storage_that_stays_away_is_left_to_the_retry(proxy: OutageProxy, outage: Outage) -> None:
    lake = open_lake(f"s3://outages/away-{outage}")
    path = results_path(lake, "one")
    write_table(lake, path, TABLE)
    assert isinstance(lake.fs, Storage)
    brief = Lake(Storage(lake.fs.plain, patience_seconds=0.2), lake.root)
    with proxy.away(outage):
        for each in (brief, lake.hurried):
            for work in (
                lambda lake=each: write_bytes(lake, f"{lake.root}/x", b"x"),
                lambda lake=each: read_table(lake, path),
                lambda lake=each: lake.files("results", "support_tickets"),
                lambda lake=each: lake.fs.exists(path),
            ):
                with pytest.raises(RetryLater, match="outages/away"):
                    work()
    assert not lake.fs.exists(f"{lake.root}/x")


@pytest.fixture
def answer_with(s3_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], None]]:
    """Sets what a server in the place of S3 answers every request with: a status and S3's code for it."""
    answer = [(200, "")]

    class Handler(BaseHTTPRequestHandler):
        # botocore waits for the "100 Continue" of an upload.
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, code = answer[0]
            content = f"<Error><Code>{code}</Code><Message>Said {code}.</Message></Error>".encode()
            if code == "InternalErrorBelow" and "run_date" not in self.path:
                status, content = 200, NIGHTS
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    def set_answer(status: int, code: str) -> None:
        answer[0] = (status, code)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield set_answer
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (500, "InternalError", RetryLater),
        (503, "ServiceUnavailable", RetryLater),
        (404, "NoSuchBucket", ConfigurationError),
        (403, "AccessDenied", ConfigurationError),
    ],
)
def test_a_listing_that_fails_is_not_an_empty_lake(
    answer_with: Callable[[int, str], None], status: int, code: str, raised: type[NightshiftError]
) -> None:
    answer_with(status, code)
    lake = open_lake("s3://bucket/lake").hurried
    for work in (
        lambda: lake.files("results", "support_tickets"),
        lambda: write_bytes(lake, f"{lake.root}/x", b"x"),
        lambda: ledger_files(lake, f"{lake.root}/ledger"),
    ):
        with pytest.raises(raised, match=f"Said {code}.*NIGHTSHIFT_LAKE"):
            work()


def test_what_another_process_has_written_is_seen_at_once(s3_server: S3Server, s3_environ: dict[str, str]) -> None:
    s3_server.file_system().mkdir("others")
    lake, other = open_lake("s3://others/lake"), s3_server.file_system()
    first, second = results_path(lake, "one"), results_path(lake, "two")
    write_table(lake, first, TABLE)
    assert lake.files("results", "support_tickets") == [first]
    other.copy(first, second)
    assert lake.files("results", "support_tickets") == [first, second]
    assert lake.fs.exists(second)
    smaller = TABLE.slice(0, 10)
    s3fs.S3FileSystem.clear_instance_cache()
    write_table(open_lake("s3://others/lake"), second, smaller)
    assert read_table(lake, second).equals(smaller)
    other.rm(first)
    assert lake.files("results", "support_tickets") == [second]


@pytest.mark.parametrize(
    ("place", "name"),
    [("s3", "a[b]c"), *product(("local", "memory"), ("plain", "a[b]c", "a*c", "what?", "{a,b}", "[!x]"))],
)
def test_a_path_with_signs_of_a_pattern_is_a_path_like_any_other(
    place: str, name: str, tmp_path: Path, s3_server: S3Server, s3_environ: dict[str, str]
) -> None:
    if place == "s3" and not s3_server.file_system().exists("signs"):
        s3_server.file_system().mkdir("signs")
    roots = {"local": str(tmp_path), "memory": "memory://signs", "s3": "s3://signs"}
    lake = open_lake(f"{roots[place]}/{name}/lake")
    path, work = results_path(lake, "one"), lake.work("support_tickets", "one", "plan.json")
    write_table(lake, path, TABLE)
    write_bytes(lake, work, b"{}")
    beside = open_lake(f"{roots[place]}/abc/lake")
    write_bytes(beside, beside.work("support_tickets", "one", "plan.json"), b"{}")
    assert lake.files("results", "support_tickets") == [path]
    assert list(lake.find(lake.table("_work", "support_tickets"), "*/plan.json")) == [work]
    lake.remove_folder(lake.work("support_tickets", "one"))
    assert not lake.fs.exists(work)
    assert beside.fs.exists(beside.work("support_tickets", "one", "plan.json"))
    assert lake.files("results", "support_tickets") == [path]


def read_in_a_fork(lake: Lake, path: str) -> None:
    """What a process does that was forked with an open lake; then its loop ends, as at a fork in a thread."""
    assert read_table(lake, path).equals(TABLE)
    loop = fsspec.asyn.get_loop()
    loop.call_soon_threadsafe(loop.stop)
    fsspec.asyn.iothread[0].join()
    assert lake.files("results", "support_tickets") == [path]
    assert open_lake(f"s3://{lake.root}").files("results", "support_tickets") == [path]


def test_a_lake_outlives_a_fork_expired_connections_and_the_end_of_its_loop(proxy: OutageProxy) -> None:
    lake = open_lake("s3://outages/forked").hurried
    path = results_path(lake, "one")
    write_table(lake, path, TABLE)
    with proxy.away("reset"):
        # Every connection that was kept open is dead now.
        pass
    assert read_table(lake, path).equals(TABLE)
    child = multiprocessing.get_context("fork").Process(target=read_in_a_fork, args=(lake, path))
    child.start()
    child.join(60)
    if child.is_alive():
        child.kill()
    assert child.exitcode == 0
    assert read_table(lake, path).equals(TABLE)
