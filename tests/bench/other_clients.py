"""Other people's bulk clients with the same questions. Each runs in a virtual environment of its own, see `peers.py`.

Nothing is imported here before a client is chosen: no environment has all of them.
"""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any

from tests.bench.question import MAX_OUTPUT_TOKENS, MODEL, Form, messages, response_format, texts

Settings = dict[str, Any]
Run = Callable[[Settings], Coroutine[Any, Any, int]]
# A model that curator and litellm know: for one that they do not, they look for prices on the internet.
_KNOWN_MODEL = "gpt-4o-mini"
# Far away, as in the other clients' runs.
_MANY = 6_000_000


def curator(settings: Settings) -> Run:
    """bespokelabs-curator, told a limit that is far away."""
    from bespokelabs import curator as library
    from datasets import Dataset

    class Reviewer(library.LLM):
        response_format = Form

        def prompt(self, row: dict[str, Any]) -> list[dict[str, str]]:
            return messages(row["text"])

        def parse(self, row: dict[str, Any], response: Form) -> dict[str, Any]:
            return {"number": row["number"], **response.model_dump()}

    rows = Dataset.from_list([{"number": n, "text": text} for n, text in enumerate(_texts(settings))])
    reviewer = Reviewer(
        model_name=_KNOWN_MODEL,
        backend="openai",
        response_format=Form,
        backend_params={
            "base_url": settings["base_url"],
            "api_key": "key",
            "max_requests_per_minute": _MANY,
            "max_tokens_per_minute": 1_000 * _MANY,
            "max_concurrent_requests": settings["in_flight"],
            "require_all_responses": False,
        },
    )

    def work() -> int:
        with tempfile.TemporaryDirectory() as folder:
            response = reviewer(rows, working_dir=folder)
            return len(getattr(response, "dataset", response))

    async def ask(_: Settings) -> int:
        # It runs event loops of its own.
        return await asyncio.to_thread(work)

    return ask


def litellm(settings: Settings) -> Run:
    """Workers around LiteLLM's Router with two retries."""
    from litellm import Router

    router = Router(
        model_list=[
            {
                "model_name": MODEL,
                "litellm_params": {
                    "model": f"openai/{_KNOWN_MODEL}",
                    "api_base": settings["base_url"],
                    "api_key": "key",
                },
            }
        ],
        num_retries=2,
    )
    form = response_format()

    async def answer(text: str) -> Form:
        completion = await router.acompletion(
            model=MODEL, messages=messages(text), response_format=form, max_tokens=MAX_OUTPUT_TOKENS
        )
        return Form.model_validate_json(completion.choices[0].message.content)

    return _workers(settings, answer)


def instructor(settings: Settings) -> Run:
    """Workers around instructor on the SDK's default transport, with its own defaults."""
    import instructor as library
    from openai import AsyncOpenAI

    client = library.from_openai(
        AsyncOpenAI(base_url=settings["base_url"], api_key="key"), mode=library.Mode.JSON_SCHEMA
    )

    async def answer(text: str) -> Form:
        given: Form = await client.chat.completions.create(
            model=MODEL, messages=messages(text), response_model=Form, max_tokens=MAX_OUTPUT_TOKENS
        )
        return given

    return _workers(settings, answer)


def _texts(settings: Settings) -> list[str]:
    return list(texts(settings["rows"], first=settings["rows"] * settings.get("shard", 0)))


def _workers(settings: Settings, answer: Callable[[str], Coroutine[Any, Any, Form]]) -> Run:
    source = iter(_texts(settings))

    async def ask(settings: Settings) -> int:
        answered = 0

        async def work() -> None:
            nonlocal answered
            for text in source:
                try:
                    await answer(text)
                except Exception:
                    # Whatever a library raises, the row is not delivered; that is what is counted.
                    continue
                answered += 1

        await asyncio.gather(*(work() for _ in range(settings["in_flight"])))
        return answered

    return ask


OTHER_CLIENTS: dict[str, Callable[[Settings], Run]] = {
    "curator": curator,
    "litellm": litellm,
    "instructor": instructor,
}
