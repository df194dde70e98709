"""What goes back over the wire: status, headers, body, and how they are delivered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.fault_server import fast_json

JSON_TYPE = "application/json"
Headers = Mapping[str, str]


class Line(Protocol):
    """The sending side of one connection, as a delivery sees it."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while, unless the client goes away first."""

    def finish(self) -> None:
        """The reply is sent; the connection goes on."""

    def close(self) -> None:
        """End the connection before its time, in an orderly way, after what was written."""

    def reset(self) -> None:
        """End the connection before its time with a TCP reset."""


Delivery = Callable[[Line, bytes, bytes], None]


def whole(line: Line, head: bytes, body: bytes) -> None:
    """All at once, as it should be."""
    line.write(head + body)
    line.finish()


@dataclass(frozen=True)
class Reply:
    """One HTTP response.

    Args:
        status: HTTP status.
        body: as it is sent; with `content-encoding` in the headers already encoded.
        content_type: of the body.
        headers: further ones.
        delay_seconds: how long the server thinks before the first byte.
        delivery: how head and body are sent.
        good: whether a client must accept this as a valid answer.
        has_length: whether the head says how long the body is; if not, the body ends where the connection does.
        prompt_tokens, cached_tokens, completion_tokens: what this answer would cost, whatever its body claims.
    """

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: Headers = field(default_factory=dict)
    delay_seconds: float = 0.0
    delivery: Delivery = whole
    good: bool = False
    has_length: bool = True
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


def error_reply(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    code: str | int | None = None,
    param: str | None = None,
    headers: Headers | None = None,
) -> Reply:
    """An error in OpenAI's shape.

    Args:
        status: HTTP status.
        message: for people.
        kind: what OpenAI calls `type`.
        code: machine-readable reason.
        param: the request's parameter that is wrong.
        headers: such as Retry-After.
    """
    error: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
    return Reply(status, fast_json.dumps({"error": error}), headers=headers or {})
