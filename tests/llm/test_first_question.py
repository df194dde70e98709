"""A base URL without its version is found all the same, once for a run."""

import asyncio
import logging
from pathlib import Path

import pytest

from include.errors import EndpointUnusable
from include.llm.endpoint import Endpoint
from include.llm.first_question import ask_first
from include.local.try_prompt import main
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.llm.asking import question_for
from tests.llm.speaking import completion
from tests.servers.provider import Answer, Provider
from tests.stages.running import Deployment, tickets


def test_a_base_url_without_its_version_is_found_and_said(
    fault_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    bare = Endpoint(fault_server.base_url.removesuffix("/v1"), "own-key", is_demo=False, headers={"X-Team": "night"})
    found, checked = asyncio.run(ask_first(bare, question_for(fault_server)))
    assert (found.base_url, found.headers, checked.requests) == (fault_server.base_url, bare.headers, 2)
    assert f"so {fault_server.base_url} is asked. Set the base URL to it." in caplog.messages[0]


def test_a_path_with_a_version_is_asked_once(fault_server: FaultServer) -> None:
    fault_server.set_plan(Plan(models=("another",)))
    endpoint = Endpoint(fault_server.base_url, "own-key", is_demo=False)
    with pytest.raises(EndpointUnusable, match="model_not_found"):
        asyncio.run(ask_first(endpoint, question_for(fault_server)))
    assert fault_server.counters().requests == 1


def test_where_nothing_is_at_either_path_both_are_said(fault_server: FaultServer) -> None:
    with Provider(lambda asked: Answer(404, {"error": f"nothing at {asked.path}"})) as provider:
        endpoint = Endpoint(provider.base_url, "own-key", is_demo=False)
        with pytest.raises(EndpointUnusable, match=r"(?s)nothing at /chat.*With /v1: .*nothing at /v1/chat"):
            asyncio.run(ask_first(endpoint, question_for(fault_server)))
        assert len(provider.asked) == 2


def test_a_gateway_without_a_version_stays_where_it_is(fault_server: FaultServer) -> None:
    with Provider(lambda _: completion('"yes"')) as provider:
        endpoint = Endpoint(provider.base_url, "own-key", is_demo=False)
        found, checked = asyncio.run(ask_first(endpoint, question_for(fault_server)))
        assert (found, checked.requests) == (endpoint, 1)


def test_all_of_a_run_and_of_a_trial_ask_there(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = fault_server.base_url.removesuffix("/v1")
    deployment = Deployment(tmp_path, bare)
    deployment.write_source(tickets(6))
    assert deployment.run()["published"] == 6
    paths = [entry.path for entry in fault_server.log().requests]
    asked = [path for path in paths if path.endswith("/chat/completions")]
    assert asked == ["/chat/completions", *["/v1/chat/completions"] * 7]
    # What else is looked up, when the model ends for one, is looked up there too.
    assert all(path.startswith("/v1/") for path in paths[1:])
    fault_server.reset()
    monkeypatch.setenv("OPENAI_BASE_URL", bare)
    monkeypatch.setenv("OPENAI_API_KEY", "own-key")
    assert main(["--pipeline", "support_tickets", "--prompt", "v2", "--count", "2"]) == 0
    assert [entry.path for entry in fault_server.log().requests].count("/chat/completions") == 1
