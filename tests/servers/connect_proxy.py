"""A proxy that takes CONNECT: the only one that knows where a name of the company leads to."""

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

_HOST = "127.0.0.1"


class ConnectProxy:
    """A proxy in a thread, to be used in a `with`.

    Args:
        knows: port on this machine by host name; others are answered with 502.
        user: `name:password` that it asks for, if any.
        status: what it answers to everybody, instead of leading on.
        certificate: file with key and certificate, for a proxy that is itself spoken to by TLS.
    """

    def __init__(
        self,
        knows: Mapping[str, int],
        *,
        user: str | None = None,
        status: int | None = None,
        certificate: Path | None = None,
    ) -> None:
        self._knows, self._status, self._certificate = knows, status, certificate
        self._wanted = user and f"Basic {base64.b64encode(user.encode()).decode()}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        # `host:port` of each CONNECT that came.
        self.asked: list[str] = []
        self.port = 0

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{_HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        context = None
        if self._certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._certificate)
        listening = asyncio.start_server(self._serve, _HOST, 0, ssl=context)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, *_ = head.split()
        self.asked.append(target)
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        port = self._knows.get(target.rpartition(":")[0])
        status = self._status or (200 if method == "CONNECT" and port else 502)
        if self._wanted and headers.get("proxy-authorization") != self._wanted.lower():
            status = 407
        writer.write(f"HTTP/1.1 {status} Said by the proxy\r\n\r\n".encode())
        if status == 200:
            there_reader, there = await asyncio.open_connection(_HOST, port)
            await asyncio.gather(_pump(reader, there), _pump(there_reader, writer))
        else:
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await source.read(64 * 1024):
            sink.write(content)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()
