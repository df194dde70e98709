"""The official SDK, without its own retries, reads the answers and raises what it raises against a real provider."""

import asyncio
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.fault_server import FaultServer, Plan, Rule
from tests.fault_server_test.asking import KEY, MODEL, Reading, question


async def call(server: FaultServer, asked: dict[str, Any], timeout_seconds: float = 10.0) -> Any:
    """One `chat.completions.create`."""
    async with AsyncOpenAI(base_url=server.base_url, api_key=KEY, max_retries=0, timeout=timeout_seconds) as client:
        return await client.chat.completions.create(**asked)


def test_the_sdk_reads_a_valid_answer(fault_server: FaultServer) -> None:
    """Content, usage and finish_reason arrive where the SDK has them."""
    completion = asyncio.run(call(fault_server, question("The text.")))
    choice = completion.choices[0]
    Reading.model_validate_json(choice.message.content, strict=True)
    assert choice.finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion.usage.prompt_tokens_details.cached_tokens == 0


def test_the_sdk_parses_into_a_model(fault_server: FaultServer) -> None:
    """`chat.completions.parse` with a Pydantic model works, its own dialect of the schema included."""

    async def parse() -> Any:
        async with AsyncOpenAI(base_url=fault_server.base_url, api_key=KEY, max_retries=0) as client:
            return await client.chat.completions.parse(
                model=MODEL, messages=question("The text.")["messages"], response_format=Reading
            )

    assert isinstance(asyncio.run(parse()).choices[0].message.parsed, Reading)


def test_the_sdk_lists_models(fault_server: FaultServer) -> None:
    """And gets one by name."""
    fault_server.set_plan(Plan(models=("one", "two")))

    async def models() -> list[str]:
        async with AsyncOpenAI(base_url=fault_server.base_url, api_key=KEY, max_retries=0) as client:
            assert (await client.models.retrieve("two")).id == "two"
            return [model.id async for model in client.models.list()]

    assert asyncio.run(models()) == ["one", "two"]


def test_many_questions_share_few_connections(fault_server: FaultServer) -> None:
    """Keep-alive: as many connections as there are questions in flight, however many questions."""
    fault_server.set_plan(Plan(latency_seconds=0.01))

    async def many() -> None:
        async with AsyncOpenAI(base_url=fault_server.base_url, api_key=KEY, max_retries=0) as client:

            async def worker(name: int) -> None:
                for number in range(5):
                    await client.chat.completions.create(**question(f"Text {name} {number}."))

            await asyncio.gather(*map(worker, range(8)))

    asyncio.run(many())
    counters = fault_server.counters()
    assert (counters.answered_ok, counters.max_in_flight) == (40, 8)
    # One more for each look at the log.
    assert counters.connections <= 8 + 2


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("429", openai.RateLimitError),
        ("429_huge", openai.RateLimitError),
        ("insufficient_quota", openai.RateLimitError),
        ("409", openai.ConflictError),
        ("500", openai.InternalServerError),
        ("502_html", openai.InternalServerError),
        ("503", openai.InternalServerError),
        ("529", openai.InternalServerError),
        ("401", openai.AuthenticationError),
        ("403", openai.PermissionDeniedError),
        ("model_not_found", openai.NotFoundError),
        ("context_length_exceeded", openai.BadRequestError),
        ("exceed_context_size_error", openai.BadRequestError),
        ("invalid_request", openai.BadRequestError),
        ("reset_before", openai.APIConnectionError),
        ("reset_mid_headers", openai.APIConnectionError),
        ("reset_mid_body", openai.APIConnectionError),
        ("closed_before", openai.APIConnectionError),
        ("truncated", openai.APIConnectionError),
        ("hang", openai.APITimeoutError),
        ("empty_body", ValueError),
        ("truncated_without_length", ValueError),
        ("not_json_body", ValueError),
    ],
)
def test_a_fault_is_the_sdks_exception(name: str, error: type[Exception], fault_server: FaultServer) -> None:
    """The class that the SDK has for it."""
    fault_server.set_plan(Plan(rules=(Rule(fault=name),)))
    with pytest.raises(error):
        asyncio.run(call(fault_server, question("The text."), timeout_seconds=0.5 if name == "hang" else 10))
    assert fault_server.counters().requests == 1


def test_the_code_of_an_error_arrives(fault_server: FaultServer) -> None:
    """So that a used-up quota can be told from too many requests."""
    for name, code in (("429", "rate_limit_exceeded"), ("insufficient_quota", "insufficient_quota")):
        fault_server.set_plan(Plan(rules=(Rule(fault=name),)))
        with pytest.raises(openai.RateLimitError) as caught:
            asyncio.run(call(fault_server, question("The text.")))
        assert caught.value.code == code


@pytest.mark.slow
def test_a_drip_outlives_the_sdks_timeout(fault_server: FaultServer) -> None:
    """The reason for a deadline around the whole call: no read is slow, the answer is."""
    fault_server.set_plan(Plan(rules=(Rule(fault="drip", settings={"seconds_per_byte": 0.002}),)))

    async def took() -> float:
        started = asyncio.get_running_loop().time()
        await call(fault_server, question("The text."), timeout_seconds=0.5)
        return asyncio.get_running_loop().time() - started

    assert asyncio.run(took()) > 1.0
