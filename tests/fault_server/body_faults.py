"""Faults of the HTTP body behind a 200: empty, no completion, too large, usage that does not add up."""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.fault_server import fast_json
from tests.fault_server.answers import answer_reply, completion_reply, default_content, tokens_of, usage
from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.faults import FaultGroup
from tests.fault_server.reply import Reply, error_reply

fault = FaultGroup("body")

_MEGABYTE = 1024 * 1024


def _answer(chat: ChatRequest) -> Reply:
    return answer_reply(chat, default_content(chat))


def _with_body(chat: ChatRequest, body: bytes) -> Reply:
    return replace(_answer(chat), body=body, good=False)


@fault("empty_body")
def _empty_body(chat: ChatRequest) -> Reply:
    """200 with nothing in it"""
    return _with_body(chat, b"")


@fault("wrong_content_type")
def _wrong_content_type(chat: ChatRequest) -> Reply:
    """The valid answer, called text/html"""
    return replace(_answer(chat), content_type="text/html; charset=utf-8", good=False)


@fault("html_body")
def _html_body(chat: ChatRequest) -> Reply:
    """200 with a login page instead of an answer"""
    page = b"<!doctype html><html><body><h1>Sign in</h1></body></html>"
    return replace(_with_body(chat, page), content_type="text/html")


@fault("error_with_200")
def _error_with_200(chat: ChatRequest) -> Reply:
    """200 with an error object, as some gateways do"""
    return replace(error_reply(500, "Upstream failed.", kind="server_error"), status=200)


@fault("not_json_body")
def _not_json_body(chat: ChatRequest) -> Reply:
    """200 with a body that is no JSON, called JSON"""
    return _with_body(chat, b"upstream connect error or disconnect/reset before headers")


@fault("json_list_body")
def _json_list_body(chat: ChatRequest) -> Reply:
    """200 with a JSON list instead of an object"""
    return _with_body(chat, b"[]")


@fault("invalid_utf8")
def _invalid_utf8(chat: ChatRequest) -> Reply:
    """200 with bytes in the answer that are no UTF-8"""
    return _with_body(chat, _answer(chat).body.replace(b'"content":"', b'"content":"\xff\xfe', 1))


@fault("oversized")
def _oversized(chat: ChatRequest, *, megabytes: int = 32) -> Reply:
    """The valid answer, and then megabytes of spaces within the same JSON body"""
    return _with_body(chat, _answer(chat).body + b" " * (megabytes * _MEGABYTE))


@fault("gzip_bomb")
def _gzip_bomb(chat: ChatRequest, *, megabytes: int = 100) -> Reply:
    """The same as gzip that nobody asked for: about 1 KB on the wire for each MB in memory"""
    packer = zlib.compressobj(level=1, wbits=16 + zlib.MAX_WBITS)
    spaces = b" " * _MEGABYTE
    parts = [packer.compress(_answer(chat).body), *(packer.compress(spaces) for _ in range(megabytes)), packer.flush()]
    return replace(_with_body(chat, b"".join(parts)), headers={"content-encoding": "gzip"})


@fault("no_choices")
def _no_choices(chat: ChatRequest) -> Reply:
    """`choices` is an empty list"""
    return completion_reply(chat, {"choices": []})


@fault("missing_choices")
def _missing_choices(chat: ChatRequest) -> Reply:
    """There is no `choices`"""
    return completion_reply(chat, {"choices": ...})


@fault("two_choices")
def _two_choices(chat: ChatRequest) -> Reply:
    """Two choices where one was asked for; the first is valid"""
    choice = fast_json.loads(_answer(chat).body)["choices"][0]
    second = {**choice, "index": 1, "message": {**choice["message"], "content": "second choice"}}
    return completion_reply(chat, {"choices": [choice, second]}, completion_tokens=tokens_of(default_content(chat)))


@fault("wrong_usage")
def _wrong_usage(chat: ChatRequest) -> Reply:
    """The valid answer with a usage that does not add up: more cached than sent, a wrong total, text for a number"""
    return _with_usage(
        chat,
        {
            "prompt_tokens": 7,
            "completion_tokens": "many",
            "total_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 99},
        },
    )


@fault("missing_usage")
def _missing_usage(chat: ChatRequest) -> Reply:
    """The valid answer without usage"""
    return _with_usage(chat, ...)


@fault("null_usage")
def _null_usage(chat: ChatRequest) -> Reply:
    """The valid answer with usage null"""
    return _with_usage(chat, None)


@fault("negative_usage")
def _negative_usage(chat: ChatRequest) -> Reply:
    """The valid answer with negative token counts"""
    true = usage(chat, tokens_of(default_content(chat)))
    return _with_usage(chat, {name: -count if isinstance(count, int) else count for name, count in true.items()})


def _with_usage(chat: ChatRequest, claimed: Mapping[str, Any] | Any) -> Reply:
    choices = fast_json.loads(_answer(chat).body)["choices"]
    tokens = tokens_of(default_content(chat))
    return completion_reply(chat, {"choices": choices, "usage": claimed}, completion_tokens=tokens, good=True)
