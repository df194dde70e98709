"""When a model ends is said weeks before, with its successor; of what nobody knows nothing is said."""

import asyncio
import json
import logging
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from include.errors import EndpointUnusable
from include.llm.client import ChatClient
from include.llm.endpoint import OPENAI_BASE_URL, Endpoint
from include.llm.prices import is_deprecated
from include.llm.providers.model_end import ModelEnd, end_in, known_end, model_end
from include.llm.providers.provider_errors import failure_of
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer

GATEWAY = Endpoint("https://llm.example.com/v1", "key-of-a-test", is_demo=False)


def said(endpoint: Endpoint, model: str, answers: Mapping[str, Any] | None = None) -> ModelEnd | None:
    """What is found out where the models endpoint has these answers."""

    async def get(path: str) -> Mapping[str, Any] | None:
        return (answers or {}).get(path)

    return asyncio.run(model_end(endpoint, model, get))


@pytest.mark.parametrize(
    ("found", "day", "successor"),
    [
        # OpenAI: developers.openai.com/api/docs/deprecations
        ({"id": "m", "object": "model", "shutdown_date": "2027-01-14"}, "2027-01-14", None),
        ({"id": "m", "object": "model", "shutdown_date": None}, None, None),
        # Mistral: GET api.mistral.ai/v1/models
        (
            {"id": "m", "deprecation": "2026-12-31T12:00:00Z", "deprecation_replacement_model": "m-2"},
            "2026-12-31",
            "m-2",
        ),
        # OpenRouter: GET openrouter.ai/api/v1/models, which has no entry of its own for a model
        ({"data": [{"id": "other"}, {"id": "m", "expiration_date": "2026-12-31"}]}, "2026-12-31", None),
        ({"id": "m", "retirement_date": "2026-12-31", "deprecation": None}, "2026-12-31", None),
        ({"id": "m", "shutdown_date": "soon"}, None, None),
        ({"id": "m", "deprecation": False, "sunset_date": 1e30}, None, None),
        ({"data": [{"id": "other", "shutdown_date": "2027-01-14"}, "odd"]}, None, None),
        ({}, None, None),
    ],
)
def test_the_models_endpoint_says_it_under_several_names(found: Any, day: str | None, successor: str | None) -> None:
    end = end_in(found, "m", "x")
    assert (end and (end.day, end.successor)) == (day and (day, successor))


@pytest.mark.parametrize(
    "model", ["gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "openai/gpt-4.1-mini", "ft:gpt-4.1-mini-2025-04-14:team::id"]
)
def test_what_the_endpoint_does_not_say_our_own_table_does(model: str) -> None:
    end = said(GATEWAY, model, {f"models/{model}": {"id": model}})
    assert end == known_end(model, GATEWAY.base_url)
    assert end is not None
    assert end.sentence(date(2026, 11, 29)) == f"{model} ends on 14 January 2027; its successor is gpt-6-luna"
    assert end.sentence(date(2027, 1, 14)) == f"{model} ended on 14 January 2027; its successor is gpt-6-luna"
    assert end.days_left(date(2026, 12, 15)) == 30
    own = {"id": model, "shutdown_date": "2027-02-01"}
    assert said(GATEWAY, model, {f"models/{model}": own}) == ModelEnd(
        model, "2027-02-01", "gpt-6-luna", "the list of models of llm.example.com"
    )


@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-4o-realtime", "qwen3", "my-gpt-4.1-mini-test", "gpt-4.1-mini-x"])
def test_of_a_model_that_nobody_knows_nothing_is_said(model: str) -> None:
    assert said(GATEWAY, model) is None
    assert said(Endpoint(OPENAI_BASE_URL, "key-of-a-test", is_demo=False), model) is None


def test_of_azures_deployments_and_of_what_comes_along_nothing_is_said() -> None:
    cards = {"models/gpt-4.1-mini": {"id": "gpt-4.1-mini", "shutdown_date": "2027-01-14"}}
    for host in ("x.openai.azure.com/openai", "x.services.ai.azure.com/openai", "x.cognitiveservices.azure.com/openai"):
        assert said(Endpoint(f"https://{host}/v1", "key-of-a-test", is_demo=False), "gpt-4.1-mini", cards) is None
    for demo, recorded in ((True, False), (False, True)):
        local = Endpoint("http://127.0.0.1:1/v1", None, is_demo=demo, is_recorded=recorded)
        assert said(local, "gpt-4.1-mini", cards) is None


def test_the_price_lists_flag_counts_for_the_very_provider_that_is_asked() -> None:
    google = Endpoint("https://generativelanguage.googleapis.com/v1beta/openai", "key-of-a-test", is_demo=False)
    end = said(google, "gemini-2.0-flash")
    assert end == ModelEnd("gemini-2.0-flash", None, None, "the prices of genai-prices")
    assert (end.sentence(), end.days_left()) == ("gemini-2.0-flash is marked as deprecated", math.inf)
    assert not is_deprecated("gemini-2.0-flash", GATEWAY.base_url)
    assert not is_deprecated("gemini-3.5-flash", google.base_url)


def test_it_is_asked_of_the_endpoint_and_its_trouble_is_none(
    fault_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = Endpoint(fault_server.base_url, "key-of-a-test", is_demo=False)

    async def ask(model: str) -> ModelEnd | None:
        async with ChatClient(endpoint, 1) as client:
            return await model_end(endpoint, model, client.get_json)

    fault_server.set_plan(Plan(models=("m", "v/m"), of_models={"shutdown_date": "2027-01-14"}))
    with caplog.at_level(logging.WARNING):
        for model in ("m", "v/m"):
            end = asyncio.run(ask(model))
            assert end is not None
            assert end.day == "2027-01-14"
    assert "m ends on 14 January 2027" in caplog.text or "m ended on 14 January 2027" in caplog.text
    caplog.clear()
    fault_server.set_plan(Plan(api_key="another"))
    assert asyncio.run(ask("m")) is None
    fault_server.stop()
    assert asyncio.run(ask("m")) is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, {"message": "The model does not exist.", "code": "model_not_found"}),
        (400, {"message": "It has been decommissioned.", "code": "model_decommissioned"}),
        (410, {"message": "Gone."}),
    ],
)
def test_a_model_that_is_gone_stops_the_run_with_its_end_and_its_successor(status: int, error: dict[str, str]) -> None:
    sent = json.dumps({"model": "openai/gpt-4.1-nano", "messages": []}).encode()
    failure = failure_of(status, {}, json.dumps({"error": error}).encode(), GATEWAY, sent)
    assert isinstance(failure, EndpointUnusable)
    ended = "openai/gpt-4.1-nano ended on 23 October 2026; its successor is gpt-5.6-luna"
    assert str(failure).startswith(ended)
    assert error["message"] in str(failure)
    assert "Set NIGHTSHIFT_MODEL" in str(failure)
    # Of a deployment whose name is anybody's nothing of that is said.
    azure = Endpoint("https://x.openai.azure.com/openai/v1", "key-of-a-test", is_demo=False)
    failure = failure_of(status, {}, json.dumps({"error": error}).encode(), azure, sent)
    assert "ended" not in str(failure)
