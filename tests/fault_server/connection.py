"""One HTTP/1.1 connection, by hand: a library would not let us cut, drip or reset it."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Protocol

from tests.fault_server.reply import Reply, error_reply

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A complete request; header names are in lower case."""

    method: str
    target: str
    headers: dict[bytes, bytes]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that is being answered.

    Args:
        reply: what to send.
        ended: told the outcome: `sent`, `cut` or `abandoned`.
        wait: calls what it is given when the reply may be begun; None: at once.
    """

    reply: Reply
    ended: Callable[[str], None]
    wait: Callable[[Callable[[], None]], None] | None = None


class Handler(Protocol):
    """What is behind the connections."""

    connections: "set[Connection]"

    def respond(self, request: HttpRequest) -> Exchange:
        """Decide the reply."""

    def connected(self) -> None:
        """A client has connected."""


class Connection(asyncio.Protocol):
    """Reads requests and sends replies, one after the other. Is the `Line` of its deliveries."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[bytes, bytes], int] | None = None
        self._exchange: Exchange | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._serving = False
        self._last = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._handler.connections.add(self)
        self._handler.connected()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self._handler.connections.discard(self)
        self._end("abandoned")

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._buffer += data
        self._serve()

    def _serve(self) -> None:
        # A reply that is sent at once ends its exchange within this loop; it must not start a second one.
        if self._serving:
            return
        self._serving = True
        while self._exchange is None and not self._transport.is_closing():
            request = self._take()
            if request is None:
                break
            self._exchange = self._handler.respond(request) if isinstance(request, HttpRequest) else request
            if self._exchange.wait is not None:
                self._exchange.wait(self._begin)
            else:
                self._begin()
        self._serving = False

    def _begin(self) -> None:
        assert self._exchange is not None
        delay = self._exchange.reply.delay_seconds
        if delay > 0:
            self.later(delay, self._deliver)
        else:
            self._deliver()

    def _take(self) -> HttpRequest | Exchange | None:
        """The next request; None while it is incomplete; an exchange if it cannot be read."""
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return (
                    self._unreadable(431, "The headers are too long.") if len(self._buffer) > MAX_HEAD_BYTES else None
                )
            refused = self._read_head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if refused is not None:
                return refused
        assert self._head is not None
        method, target, headers, length = self._head
        if len(self._buffer) < length:
            return None
        self._head = None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return HttpRequest(method, target, headers, body)

    def _read_head(self, head: bytes) -> Exchange | None:
        first, *lines = head.split(b"\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        try:
            method, target, version = first.decode("ascii").split(" ")
            length = int(headers.get(b"content-length", 0))
        except ValueError:
            return self._unreadable(400, "This is no HTTP/1.1 request.")
        if b"transfer-encoding" in headers:
            return self._unreadable(411, "This server needs a Content-Length.")
        if not 0 <= length <= MAX_BODY_BYTES:
            return self._unreadable(413, "The body is too large.")
        if headers.get(b"expect", b"").lower() == b"100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._last = version == "HTTP/1.0" or headers.get(b"connection", b"").lower() == b"close"
        self._head = method, target, headers, length
        return None

    def _unreadable(self, status: int, message: str) -> Exchange:
        self._last = True
        return Exchange(error_reply(status, message), ended=lambda outcome: None)

    def _deliver(self) -> None:
        assert self._exchange is not None
        reply = self._exchange.reply
        self._last = self._last or not reply.has_length
        reply.delivery(self, _head_of(reply, last=self._last), reply.body)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._transport.write(data)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while, unless the client goes away first."""
        self._timer = self._loop.call_later(seconds, action)

    def finish(self) -> None:
        """The reply is sent; the connection stays open, unless the request or the reply says otherwise."""
        self._end("sent")
        if self._last:
            self._transport.close()
        else:
            self._serve()

    def close(self) -> None:
        """End the connection before its time, in an orderly way, after what was written."""
        self._end("cut")
        self._transport.close()

    def reset(self) -> None:
        """End the connection before its time with a TCP reset."""
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._end("cut")
        self._transport.abort()

    def drop(self) -> None:
        """The server stops."""
        self._transport.abort()

    def _end(self, outcome: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.ended(outcome)


@cache
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"


def _head_of(reply: Reply, *, last: bool) -> bytes:
    head = f"{_status_line(reply.status)}content-type: {reply.content_type}\r\n"
    if reply.has_length:
        head += f"content-length: {len(reply.body)}\r\n"
    if last:
        head += "connection: close\r\n"
    for name, value in reply.headers.items():
        head += f"{name}: {value}\r\n"
    return f"{head}\r\n".encode("latin-1")
