"""Questions as the product asks them, and a client that hides nothing of the answer."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from include.answer.structured_output import QuotedSentence, StrictAnswer, json_schema, number_sentences
from tests.fault_server import FaultServer

MODEL = "test-model"
KEY = "sk-test-canary"
# Of every question: the text itself, and these three.
SENTENCES = ["The text.", "First one.", "Second one.", "Third one."]
SYSTEM = "You read one customer text and answer in JSON."


class Point(BaseModel):
    """One thing that a customer says."""

    kind: Literal["bug", "praise", "request"]
    quote: QuotedSentence
    severity: Literal["low", "medium", "high"] | None
    wish: str | None = Field(max_length=40)


class Reading(StrictAnswer):
    """An answer with every kind of field that the pipelines have."""

    language: str = Field(pattern="^[a-z]{2}$")
    sentiment: Literal["positive", "neutral", "negative", "mixed"]
    summary: str = Field(max_length=120)
    escalation: QuotedSentence | None
    points: list[Point] = Field(max_length=4)
    rating: int = Field(ge=0, le=10)
    share: float = Field(gt=0, lt=1)
    resolved: bool


SCHEMA = json_schema(Reading, length_keywords=True)


def fenced(text: str) -> str:
    """A user message with a fenced record of four numbered sentences, the first of them `text`."""
    return f"<record 0>\n{number_sentences([text, *SENTENCES[1:]])}\n</record 0>"


def question(text: str, schema: Mapping[str, Any] | None = SCHEMA, **more: Any) -> dict[str, Any]:
    """The JSON of a request; keyword arguments replace or add top-level fields."""
    asked: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": fenced(text)}],
    }
    if schema is not None:
        nested = {"name": "answer", "strict": True, "schema": schema}
        asked["response_format"] = {"type": "json_schema", "json_schema": nested}
    return asked | more


@dataclass(frozen=True)
class Response:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, as Python's own tolerant parser reads it."""
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The error object."""
        return self.json["error"]

    @property
    def choice(self) -> Any:
        """The first choice."""
        return self.json["choices"][0]

    @property
    def content(self) -> str:
        """The assistant's message."""
        content: str = self.choice["message"]["content"]
        return content


def ask(server: FaultServer, asked: str | Mapping[str, Any], timeout_seconds: float = 10.0) -> Response:
    """Ask a text, or send a whole request, and read the whole answer.

    Raises:
        OSError, http.client.HTTPException: what the server did to the connection.
    """
    body = json.dumps(question(asked) if isinstance(asked, str) else asked)
    return send(server, "POST", "/v1/chat/completions", body.encode(), timeout_seconds)


def send(server: FaultServer, method: str, path: str, body: bytes = b"", timeout_seconds: float = 10.0) -> Response:
    """One HTTP request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout_seconds)
    try:
        connection.request(method, path, body=body, headers={"Authorization": f"Bearer {KEY}"})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, headers, response.read())
    finally:
        connection.close()


def raw_bytes(server: FaultServer, asked: str | Mapping[str, Any], wait_seconds: float) -> tuple[bytes, str]:
    """Ask, and collect what arrives.

    Returns:
        The bytes, and how it ended: `closed`, `reset`, or `open` when nothing came for `wait_seconds`.
    """
    body = json.dumps(question(asked) if isinstance(asked, str) else asked).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait_seconds) as line:
        line.sendall(head.encode() + body)
        while True:
            try:
                data = line.recv(65536)
            except ConnectionResetError:
                return received, "reset"
            except TimeoutError:
                return received, "open"
            if not data:
                return received, "closed"
            received += data
