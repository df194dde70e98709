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

    from tests.bench.form import Form

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

    from tests.bench.form import Form

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
    from tests.bench.form import MODEL, Form, system_message

    schema = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": json_schema(Form, length_keywords=True)},
    }
    return [{"role": "system", "content": system_message()}], schema, MODEL


async def _with_workers(settings: Settings, work: Callable[[Iterator[str]], Coroutine[Any, Any, None]]) -> None:
    from tests.bench.form import texts

    source = texts(settings["rows"])
    await asyncio.gather(*(work(source) for _ in range(settings["in_flight"])))


def curator(settings: Settings) -> Run:
    """bespokelabs-curator, its batches of one, its cache and its limits out of the way."""
    import tempfile

    from bespokelabs import curator as library
    from datasets import Dataset  # type: ignore[import-not-found]

    from tests.bench.form import MODEL, Form, system_message, texts

    class Reader(library.LLM):
        response_format = Form

        def prompt(self, row: dict[str, Any]) -> list[dict[str, str]]:
            return [{"role": "system", "content": system_message()}, {"role": "user", "content": row["text"]}]

        def parse(self, row: dict[str, Any], answer: Form) -> dict[str, Any]:
            return {"id": row["id"], **answer.model_dump()}

    reader = Reader(
        model_name=MODEL,
        backend="openai",
        response_format=Form,
        generation_params={"max_tokens": 600},
        backend_params={
            "base_url": settings["base_url"],
            "api_key": "key",
            "max_requests_per_minute": 600_000,
            "max_tokens_per_minute": 6_000_000_000,
            "max_concurrent_requests": settings["in_flight"],
            "require_all_responses": False,
        },
    )
    rows = Dataset.from_list([{"id": number, "text": text} for number, text in enumerate(texts(settings["rows"]))])

    async def ask(_: Settings) -> int:
        with tempfile.TemporaryDirectory() as folder:
            # It runs an event loop of its own.
            answered = await asyncio.to_thread(reader, rows, working_dir=folder)
        return len(getattr(answered, "dataset", answered))

    return ask


def litellm(settings: Settings) -> Run:
    """Workers around LiteLLM's Router with two retries."""
    from litellm import Router

    from tests.bench.form import Form

    messages, schema, model = _question()
    parameters = {"model": f"openai/{model}", "api_base": settings["base_url"], "api_key": "key"}
    router = Router(model_list=[{"model_name": model, "litellm_params": parameters}], num_retries=2)

    async def ask(settings: Settings) -> int:
        answers: list[Form] = []

        async def work(texts: Iterator[str]) -> None:
            for text in texts:
                try:
                    completion = await router.acompletion(
                        model=model,
                        messages=[*messages, {"role": "user", "content": text}],
                        response_format=schema,
                        max_tokens=600,
                    )
                except Exception:
                    continue
                answers.append(Form.model_validate_json(completion.choices[0].message.content))

        await _with_workers(settings, work)
        return len(answers)

    return ask


def instructor(settings: Settings) -> Run:
    """Workers around instructor with two retries."""
    import instructor as library
    from openai import AsyncOpenAI

    from tests.bench.form import Form

    messages, _, model = _question()
    client = library.from_openai(
        AsyncOpenAI(base_url=settings["base_url"], api_key="key"), mode=library.Mode.JSON_SCHEMA
    )

    async def ask(settings: Settings) -> int:
        answers: list[Form] = []

        async def work(texts: Iterator[str]) -> None:
            for text in texts:
                try:
                    answer = await client.chat.completions.create(
                        model=model,
                        messages=[*messages, {"role": "user", "content": text}],
                        response_model=Form,
                        max_retries=2,
                        max_tokens=600,
                    )
                except Exception:
                    continue
                answers.append(answer)

        await _with_workers(settings, work)
        return len(answers)

    return ask


CLIENTS: dict[str, Callable[[Settings], Run]] = {
    "nightshift": nightshift,
    "bare_aiohttp_pydantic": bare_aiohttp_pydantic,
    "openai_aiohttp_loop": openai_aiohttp_loop,
    "openai_httpx_loop": openai_httpx_loop,
    "curator": curator,
    "litellm": litellm,
    "instructor": instructor,
}
