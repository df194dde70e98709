"""Faults of `service_tier`: flex without room, models and endpoints that do not have it. Other calls are answered."""

from dataclasses import replace

from tests.fault_server import fast_json
from tests.fault_server.answers import answer_reply, default_content
from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.faults import FaultGroup
from tests.fault_server.reply import Reply, error_reply

FLEX = "flex"
fault = FaultGroup("tier", only_at=FLEX)


@fault("resource_unavailable")
def _resource_unavailable(chat: ChatRequest) -> Reply:
    """429 Resource Unavailable to calls at flex, as OpenAI says that it has no room; nothing is charged"""
    return error_reply(429, "Resource Unavailable", kind="resource_unavailable", code="resource_unavailable")


@fault("capacity_exceeded")
def _capacity_exceeded(chat: ChatRequest) -> Reply:
    """498 capacity_exceeded to calls at flex, as Groq says it"""
    return error_reply(498, "Flex tier capacity exceeded.", kind="capacity_exceeded", code="capacity_exceeded")


@fault("flex_overloaded")
def _flex_overloaded(chat: ChatRequest) -> Reply:
    """503 UNAVAILABLE to calls at flex, as Gemini says it"""
    body = b'[{"error":{"code":503,"message":"The model is overloaded. Try again later.","status":"UNAVAILABLE"}}]'
    return Reply(503, body)


@fault("no_flex")
def _no_flex(chat: ChatRequest) -> Reply:
    """400 to calls at flex: the model does not have it"""
    message = f"Invalid service_tier argument: flex is not available for the model {chat.model}."
    return error_reply(400, message, code="invalid_value", param="service_tier")


@fault("no_service_tier")
def _no_service_tier(chat: ChatRequest) -> Reply:
    """422 to calls at flex, as FastAPI refuses a field that it does not know"""
    wrong = {"type": "extra_forbidden", "loc": ["body", "service_tier"], "msg": "Extra inputs are not permitted"}
    return Reply(422, fast_json.dumps({"detail": [wrong]}))


@fault("billed_at_default")
def _billed_at_default(chat: ChatRequest) -> Reply:
    """The valid answer to calls at flex, billed at `default`"""
    return answer_reply(replace(chat, service_tier="default"), default_content(chat))


@fault("tier_not_named")
def _tier_not_named(chat: ChatRequest) -> Reply:
    """The valid answer to calls at flex, which does not say at which tier it is billed"""
    return answer_reply(replace(chat, service_tier=None), default_content(chat))
