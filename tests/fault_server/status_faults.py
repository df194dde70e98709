"""Faults that are an HTTP status: refusals, rate limits, broken servers, redirects."""

import email.utils
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.faults import FaultGroup
from tests.fault_server.reply import Headers, Reply, error_reply

fault = FaultGroup("status")

# By what it means, what each provider and gateway has been seen to say, and where.
HOW_OTHERS_SAY_IT: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("how_others_say_it.json").read_text(encoding="utf-8")
)
_BROKEN = {
    408: "Request timeout.",
    409: "Conflict.",
    500: "The server had an error while processing your request. Sorry about that!",
    502: "Bad gateway.",
    503: "The engine is currently overloaded, please try again later.",
    529: "Overloaded.",
}
_GATEWAY_PAGE = (
    "<html>\r\n<head><title>{status} {reason}</title></head>\r\n"
    "<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def _too_many(headers: Headers) -> Reply:
    return error_reply(
        429, "Rate limit reached for requests.", kind="requests", code="rate_limit_exceeded", headers=headers
    )


def _date_in(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@fault("429")
def _429(chat: ChatRequest) -> Reply:
    """429 without Retry-After"""
    return _too_many({})


@fault("429_retry_after")
def _429_retry_after(chat: ChatRequest, *, seconds: float = 2) -> Reply:
    """429 with Retry-After in seconds"""
    return _too_many({"retry-after": f"{seconds:g}"})


@fault("429_http_date")
def _429_http_date(chat: ChatRequest, *, seconds: float = 2) -> Reply:
    """429 with Retry-After as an HTTP date so many seconds from now"""
    return _too_many({"retry-after": _date_in(seconds)})


@fault("429_http_date_past")
def _429_http_date_past(chat: ChatRequest, *, seconds: float = 3600) -> Reply:
    """429 with Retry-After as an HTTP date so many seconds ago"""
    return _too_many({"retry-after": _date_in(-seconds)})


@fault("429_retry_after_ms")
def _429_retry_after_ms(chat: ChatRequest, *, milliseconds: int = 500) -> Reply:
    """429 with retry-after-ms, and a longer Retry-After beside it"""
    return _too_many({"retry-after-ms": str(milliseconds), "retry-after": str(milliseconds // 1000 + 1)})


@fault("429_garbage")
def _429_garbage(chat: ChatRequest, *, value: str = "soon") -> Reply:
    """429 with a Retry-After that means nothing"""
    return _too_many({"retry-after": value})


@fault("429_huge")
def _429_huge(chat: ChatRequest, *, seconds: int = 999_999) -> Reply:
    """429 with a Retry-After of days"""
    return _too_many({"retry-after": str(seconds)})


@fault("insufficient_quota")
def _insufficient_quota(chat: ChatRequest) -> Reply:
    """429 insufficient_quota: the account is used up"""
    message = "You exceeded your current quota, please check your plan and billing details."
    return error_reply(429, message, kind="insufficient_quota", code="insufficient_quota")


def _broken(status: int, chat: ChatRequest) -> Reply:
    return error_reply(status, _BROKEN[status], kind="server_error")


def _gateway(status: int, chat: ChatRequest) -> Reply:
    page = _GATEWAY_PAGE.format(status=status, reason=_BROKEN[status].rstrip("."))
    return Reply(status, page.encode(), content_type="text/html")


for _status in _BROKEN:
    fault.add(str(_status), f"{_status} with OpenAI's error body", partial(_broken, _status))
for _status in (500, 502, 503, 529):
    fault.add(f"{_status}_html", f"{_status} with a gateway's HTML page", partial(_gateway, _status))


@fault("503_retry_after")
def _503_retry_after(chat: ChatRequest, *, seconds: float = 2) -> Reply:
    """503 with Retry-After in seconds"""
    return error_reply(503, _BROKEN[503], kind="server_error", headers={"retry-after": f"{seconds:g}"})


@fault("redirect")
def _redirect(chat: ChatRequest, *, location: str = "http://169.254.169.254/latest/meta-data/") -> Reply:
    """302 to another host; whoever follows it gives the key away"""
    return Reply(302, b"", headers={"location": location})


@fault("context_length_exceeded")
def _context_length_exceeded(chat: ChatRequest, *, limit: int = 8192) -> Reply:
    """400 context_length_exceeded, as OpenAI says it"""
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in "
        f"{chat.prompt_tokens} tokens. Please reduce the length of the messages."
    )
    return error_reply(400, message, code="context_length_exceeded", param="messages")


@fault("exceed_context_size_error")
def _exceed_context_size_error(chat: ChatRequest, *, limit: int = 8192) -> Reply:
    """400 exceed_context_size_error, as llama.cpp says it: the code is the status"""
    message = f"the request exceeds the available context size ({limit} tokens), try increasing it"
    return error_reply(400, message, kind="exceed_context_size_error", code=400)


@fault("invalid_request")
def _invalid_request(chat: ChatRequest) -> Reply:
    """400 invalid_request_error"""
    return error_reply(400, "Invalid content: the last message cannot be read.", code="invalid_value", param="messages")


@fault("any_reply")
def _any_reply(
    chat: ChatRequest, *, status: int = 403, body: str = "Forbidden", prompt_tokens: int = 0, completion_tokens: int = 0
) -> Reply:
    """Whatever a provider or a gateway may say, and what it costs"""
    return Reply(status, body.encode(), prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def _as_others_say(kind: str, chat: ChatRequest, *, case: int = 0) -> Reply:
    said = HOW_OTHERS_SAY_IT[kind][case]
    body = said["body"] if isinstance(said["body"], str) else json.dumps(said["body"])
    return Reply(said["status"], body.encode())


for _kind, _said in HOW_OTHERS_SAY_IT.items():
    _line = f"{_kind.replace('_', ' ')}, as {len(_said)} providers and gateways say it: `how_others_say_it.json`"
    fault.add(f"said_{_kind}", _line, partial(_as_others_say, _kind))


@fault("401")
def _401(chat: ChatRequest) -> Reply:
    """401 invalid_api_key"""
    return wrong_key()


@fault("401_with_key")
def _401_with_key(chat: ChatRequest) -> Reply:
    """401 whose message holds the whole key that was sent"""
    return error_reply(401, f"Incorrect API key provided: {chat.api_key}.", code="invalid_api_key")


@fault("403")
def _403(chat: ChatRequest) -> Reply:
    """403: the key may not use this model"""
    message = f"Project does not have access to model {chat.model}."
    return error_reply(403, message, code="model_not_found")


@fault("model_not_found")
def _model_not_found(chat: ChatRequest) -> Reply:
    """404 model_not_found"""
    return unknown_model(chat.model)


def wrong_key() -> Reply:
    """OpenAI's answer to a missing or wrong key, without the key in it."""
    return error_reply(401, "Incorrect API key provided.", code="invalid_api_key")


def unknown_model(model: str) -> Reply:
    """OpenAI's answer to a model that it does not have."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return error_reply(404, message, code="model_not_found", param="model")
