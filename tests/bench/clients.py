"""The clients that are measured: ours through the whole shard task, and well-written loops around other libraries.

Each prepares itself (imports, texts) when it is called with its settings, and asks when what it returns is run. The
result is the number of valid answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from tests.bench.other_clients import OTHER_CLIENTS
from tests.bench.question import MAX_OUTPUT_TOKENS, MODEL, Form, messages, response_format, texts

Settings = dict[str, Any]
Run = Callable[[Settings], Coroutine[Any, Any, int]]


def nightshift(settings: Settings) -> Run:
    """`infer_shard`: limiter, retries, validation, usage, budget, ledger, Parquet in and out."""
    from include.lake.paths import open_lake
    from include.llm.endpoint import Endpoint
    from include.stages.infer import infer_shard
    from tests.bench import workload

    endpoint = Endpoint(settings["base_url"], "key", is_demo=False, in_flight=settings["in_flight"])
    run = workload.run_context(settings.get("requests_per_minute"), settings.get("tokens_per_minute"))
    lake, pipeline = open_lake(settings["folder"]), workload.pipeline()

    async def answer(settings: Settings) -> int:
        counts = await infer_shard(lake, pipeline, run, endpoint, settings.get("shard", 0))
        return counts["done"] - counts["failed"]

    return answer


def bare_aiohttp_pydantic(settings: Settings) -> Run:
    """The floor: aiohttp, JSON, Pydantic; no limit, no retry, nothing kept but the answers."""
    import aiohttp

    form = response_format()
    asked = _texts(settings)

    async def ask(settings: Settings) -> int:
        connector = aiohttp.TCPConnector(limit=settings["in_flight"])
        async with aiohttp.ClientSession(connector=connector, headers={"Authorization": "Bearer key"}) as session:

            async def answer(text: str) -> Form | None:
                body = {
                    "model": MODEL,
                    "messages": messages(text),
                    "response_format": form,
                    "max_tokens": MAX_OUTPUT_TOKENS,
                }
                async with session.post(f"{settings['base_url']}/chat/completions", json=body) as response:
                    if response.status != 200:
                        return None
                    content = (await response.json())["choices"][0]["message"]["content"]
                return Form.model_validate_json(content)

            return await _with_workers(settings["in_flight"], asked, answer)

    return ask


def openai_aiohttp_loop(settings: Settings) -> Run:
    """Workers around `AsyncOpenAI.chat.completions.create` on the SDK's aiohttp transport."""
    from openai import DefaultAioHttpClient

    return _openai_loop(settings, DefaultAioHttpClient)


def openai_httpx_loop(settings: Settings) -> Run:
    """The same on the SDK's default transport."""
    return _openai_loop(settings, lambda: None)


def _openai_loop(settings: Settings, http_client: Callable[[], Any]) -> Run:
    from openai import DEFAULT_MAX_RETRIES, APIError, AsyncOpenAI

    form: Any = response_format()
    asked = _texts(settings)

    async def ask(settings: Settings) -> int:
        async with AsyncOpenAI(
            base_url=settings["base_url"],
            api_key="key",
            max_retries=settings.get("max_retries", DEFAULT_MAX_RETRIES),
            http_client=http_client(),
        ) as client:

            async def answer(text: str) -> Form | None:
                conversation: Any = messages(text)
                try:
                    completion = await client.chat.completions.create(
                        model=MODEL, messages=conversation, response_format=form, max_tokens=MAX_OUTPUT_TOKENS
                    )
                except APIError:
                    return None
                return Form.model_validate_json(completion.choices[0].message.content or "")

            return await _with_workers(settings["in_flight"], asked, answer)

    return ask


def _texts(settings: Settings) -> list[str]:
    return list(texts(settings["rows"], first=settings["rows"] * settings.get("shard", 0)))


async def _with_workers(in_flight: int, asked: list[str], answer: Callable[[str], Awaitable[Form | None]]) -> int:
    answers: list[Form] = []
    source = iter(asked)

    async def work() -> None:
        for text in source:
            form = await answer(text)
            if form is not None:
                answers.append(form)

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return len(answers)


CLIENTS: dict[str, Callable[[Settings], Run]] = {
    "nightshift": nightshift,
    "bare_aiohttp_pydantic": bare_aiohttp_pydantic,
    "openai_aiohttp_loop": openai_aiohttp_loop,
    "openai_httpx_loop": openai_httpx_loop,
    **OTHER_CLIENTS,
}
