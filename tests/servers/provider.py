"""A provider's JSON API on this machine: a test says what it answers, and sees what it was asked."""

import http.server
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `query` by name, decoded; `headers` are looked up without regard to case."""

    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One response; a body that is no bytes is sent as JSON."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Provider:
    """A server in a thread, to be used in a `with`.

    Args:
        answer: what it says to a request that no fault was queued for.
    """

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._faults: list[tuple[Callable[[Asked], bool], Answer]] = []
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, fault: Answer, times: int = 1, when: Callable[[Asked], bool] = lambda _: True) -> None:
        """The next requests of a kind get this instead of their answer."""
        self._faults += [(when, fault)] * times

    def respond(self, asked: Asked) -> Answer:
        """The first queued fault that is meant for the request, or its answer."""
        self.asked.append(asked)
        for place, (when, fault) in enumerate(self._faults):
            if when(asked):
                del self._faults[place]
                return fault
        return self.answer(asked)


class _Handler(http.server.BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(url.path, dict(parse_qsl(url.query)), self.headers, body)
        answer = self.provider.respond(asked)
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in (
            {"Content-Length": str(len(content)), "Connection": "close"} | dict(answer.headers)
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Quiet."""
