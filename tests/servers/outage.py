"""A TCP proxy in front of a server, to take it away for a while: refused, silent, or reset."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self

import pytest

from tests.servers.s3 import S3Server

Outage = Literal["refused", "silent", "reset"]
OUTAGES: tuple[Outage, ...] = ("refused", "silent", "reset")
_HOST = "127.0.0.1"


class OutageProxy:
    """Forwards to a port of this machine until it is told not to. Use in a `with`.

    Args:
        target: port of the server behind it.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._outage: Outage | None = None
        self.port = 0
        # Connections that were taken or refused by `reset`, so that a test can wait until a client has come.
        self.met = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @contextmanager
    def away(self, outage: Outage) -> Iterator[None]:
        """Take the server away for the length of a block."""
        self.begin(outage)
        try:
            yield
        finally:
            self.end()

    def begin(self, outage: Outage) -> None:
        """Take the server away."""
        self._do(self._begin(outage))

    def end(self) -> None:
        """Bring it back."""
        self._do(self._listen())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> None:
        self._outage = None
        self._flows.set()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, _HOST, self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _begin(self, outage: Outage) -> None:
        self._outage = outage
        if outage == "silent":
            self._flows.clear()
            return
        if outage == "refused" and self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in self._writers:
            _reset(writer)

    async def _end(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met += 1
        if self._outage == "reset":
            _reset(writer)
            return
        there_reader, there = await asyncio.open_connection(_HOST, self._target)
        self._writers |= {writer, there}
        for source, sink in ((reader, there), (there_reader, writer)):
            task = asyncio.create_task(self._forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while content := await source.read(64 * 1024):
                await self._flows.wait()
                sink.write(content)
                await sink.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(sink)
            with contextlib.suppress(OSError):
                sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.fixture
def proxy(s3_server: S3Server, s3_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[OutageProxy]:
    """The way to the S3 server, which has a bucket `outages`."""
    if not s3_server.file_system().exists("outages"):
        s3_server.file_system().mkdir("outages")
    with OutageProxy(s3_server.port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        yield proxy
