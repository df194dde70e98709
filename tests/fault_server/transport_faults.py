"""Faults of the connection: slow, cut, reset, silent."""

from dataclasses import replace

from tests.fault_server.answers import answer_reply, default_content
from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.choices import Choices
from tests.fault_server.faults import FaultGroup
from tests.fault_server.reply import Delivery, Line, Reply

fault = FaultGroup("transport")

# A reset overtakes bytes that were just written; this lets them arrive first.
_ARRIVED_SECONDS = 0.02


def _answer(chat: ChatRequest) -> Reply:
    return answer_reply(chat, default_content(chat))


def _damaged(chat: ChatRequest, delivery: Delivery) -> Reply:
    return replace(_answer(chat), delivery=delivery, good=False)


def _silent(chat: ChatRequest, delivery: Delivery) -> Reply:
    """Not a byte is sent, so there is no status either."""
    return replace(_damaged(chat, delivery), status=0)


@fault("latency")
def _latency(chat: ChatRequest, *, seconds: float = 1.0, up_to_seconds: float = 0.0) -> Reply:
    """The valid answer, after `seconds`, or between the two"""
    spread = max(0.0, up_to_seconds - seconds) * Choices(chat.text).between(0, 1000) / 1000
    return replace(_answer(chat), delay_seconds=seconds + spread)


@fault("reset_before")
def _reset_before(chat: ChatRequest) -> Reply:
    """TCP reset before the first byte"""
    return _silent(chat, lambda line, head, body: line.reset())


@fault("reset_mid_headers")
def _reset_mid_headers(chat: ChatRequest) -> Reply:
    """TCP reset within the headers"""
    return _damaged(chat, lambda line, head, body: _send_then_reset(line, head[: len(head) // 2]))


@fault("reset_mid_body")
def _reset_mid_body(chat: ChatRequest) -> Reply:
    """TCP reset within the body"""
    return _damaged(chat, lambda line, head, body: _send_then_reset(line, head + body[: len(body) // 2]))


def _send_then_reset(line: Line, data: bytes) -> None:
    line.write(data)
    line.later(_ARRIVED_SECONDS, line.reset)


@fault("closed_before")
def _closed_before(chat: ChatRequest) -> Reply:
    """Orderly end of the connection before the first byte, as at a keep-alive timeout"""
    return _silent(chat, lambda line, head, body: line.close())


@fault("hang")
def _hang(chat: ChatRequest) -> Reply:
    """Never an answer; the connection stays open"""
    return _silent(chat, lambda line, head, body: None)


@fault("drip")
def _drip(chat: ChatRequest, *, seconds_per_byte: float = 0.4) -> Reply:
    """The valid answer, its body one byte at a time"""

    def deliver(line: Line, head: bytes, body: bytes) -> None:
        line.write(head)
        _send_slowly(line, body, seconds_per_byte)

    return replace(_answer(chat), delivery=deliver)


@fault("drip_headers")
def _drip_headers(chat: ChatRequest, *, seconds_per_byte: float = 0.4) -> Reply:
    """The valid answer, from the status line on one byte at a time"""
    return replace(_answer(chat), delivery=lambda line, head, body: _send_slowly(line, head + body, seconds_per_byte))


def _send_slowly(line: Line, data: bytes, seconds_per_byte: float) -> None:
    rest = iter(data)

    def next_byte() -> None:
        byte = next(rest, None)
        if byte is None:
            line.finish()
            return
        line.write(bytes((byte,)))
        line.later(seconds_per_byte, next_byte)

    next_byte()


@fault("truncated")
def _truncated(chat: ChatRequest) -> Reply:
    """Half of the body, with the Content-Length of the whole"""
    return _damaged(chat, _send_half)


@fault("truncated_without_length")
def _truncated_without_length(chat: ChatRequest) -> Reply:
    """Half of the body, without Content-Length: only the JSON tells that something is missing"""
    return replace(_damaged(chat, _send_half), has_length=False)


def _send_half(line: Line, head: bytes, body: bytes) -> None:
    line.write(head + body[: len(body) // 2])
    line.close()
