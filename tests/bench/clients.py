"""The clients that are measured: ours through the whole shard task, and well-written loops around other people's."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

Settings = dict[str, Any]
Run = Callable[[Settings], Coroutine[Any, Any, int]]


def nightshift(settings: Settings) -> Run:
    """`infer_shard`: limiter, retries, validation, usage, ledger, Parquet in and out."""
    from include.lake.paths import open_lake
    from include.llm.endpoint import Endpoint
    from include.stages.infer import infer_shard
    from tests.bench import workload

    endpoint = Endpoint(settings["base_url"], "key", is_demo=False, in_flight=settings.get("in_flight", 64))
    run = workload.run_context(settings.get("requests_per_minute"), settings.get("tokens_per_minute"))
    lake, pipeline = open_lake(settings["folder"]), workload.pipeline()

    async def answer(settings: Settings) -> int:
        counts = await infer_shard(lake, pipeline, run, endpoint, settings.get("shard", 0))
        return counts["done"] - counts["failed"]

    return answer


def bare_aiohttp_pydantic(settings: Settings) -> Run:
    """The floor: aiohttp, JSON, Pydantic; no limit, no retry, nothing kept but the answers."""
    import aiohttp

    from tests.bench.workload import Form

    messages, schema, model = _question()

    async def ask(settings: Settings) -> int:
        answers: list[Form] = []
        connector = aiohttp.TCPConnector(limit=settings["in_flight"])
        async with aiohttp.ClientSession(connector=connector, headers={"Authorization": "Bearer key"}) as session:

            async def work(texts: Iterator[str]) -> None:
                for text in texts:
                    body = {
                        "model": model,
                        "messages": [*messages, {"role": "user", "content": text}],
                        "response_format": schema,
                        "max_tokens": 600,
                    }
                    async with session.post(f"{settings['base_url']}/chat/completions", json=body) as response:
                        content = (await response.json())["choices"][0]["message"]["content"]
                    answers.append(Form.model_validate_json(content))

            await _with_workers(settings, work)
        return len(answers)

    return ask


def openai_aiohttp_loop(settings: Settings) -> Run:
    """Workers around `AsyncOpenAI.chat.completions.create` on the SDK's aiohttp transport."""
    from openai import DefaultAioHttpClient

    return _openai_loop(lambda: DefaultAioHttpClient())


def openai_httpx_loop(settings: Settings) -> Run:
    """The same on the SDK's default transport."""
    return _openai_loop(lambda: None)


def _openai_loop(http_client: Callable[[], Any]) -> Run:
    from openai import AsyncOpenAI

    from tests.bench.workload import Form

    messages, schema, model = _question()

    async def ask(settings: Settings) -> int:
        answers: list[Form] = []
        async with AsyncOpenAI(base_url=settings["base_url"], api_key="key", http_client=http_client()) as client:

            async def work(texts: Iterator[str]) -> None:
                for text in texts:
                    completion = await client.chat.completions.create(
                        model=model,
                        messages=[*messages, {"role": "user", "content": text}],
                        response_format=schema,
                        max_tokens=600,
                    )
                    answers.append(Form.model_validate_json(completion.choices[0].message.content or ""))

            await _with_workers(settings, work)
        return len(answers)

    return ask


def _question() -> tuple[list[Any], Any, str]:
    from include.llm.structured_output import json_schema
    from tests.bench.workload import MODEL, Form, pipeline

    system = (pipeline().folder / "prompts" / "v1.md").read_text()
    schema = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": json_schema(Form, length_keywords=True)},
    }
    return [{"role": "system", "content": system}], schema, MODEL


async def _with_workers(settings: Settings, work: Callable[[Iterator[str]], Coroutine[Any, Any, None]]) -> None:
    from tests.bench.workload import texts

    source = texts(settings["rows"])
    await asyncio.gather(*(work(source) for _ in range(settings["in_flight"])))


CLIENTS: dict[str, Callable[[Settings], Run]] = {
    "nightshift": nightshift,
    "bare_aiohttp_pydantic": bare_aiohttp_pydantic,
    "openai_aiohttp_loop": openai_aiohttp_loop,
    "openai_httpx_loop": openai_httpx_loop,
}
