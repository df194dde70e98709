"""What stands between a question and the provider, opened in one way wherever texts are answered."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from include.limits.limiter import Limiter
from include.limits.store import Store
from include.llm.client import ChatClient
from include.llm.conversation import Chain
from include.llm.endpoint import Endpoint
from include.llm.retry import Caller


@asynccontextmanager
async def open_caller(
    chain: Chain,
    endpoint: Endpoint,
    store: Store,
    limits: tuple[float | None, float | None],
    count_workers: Callable[[], int],
    expected_output_tokens: int | None = None,
) -> AsyncIterator[Caller]:
    """A caller at the provider's pace, with a client of its own.

    Args:
        store: what all workers share.
        limits: requests and tokens per minute; None: not known.
        count_workers: how many ask at this moment.
        expected_output_tokens: of an answer, from earlier runs.
    """
    question = chain.question
    key = f"{endpoint.base_url} {question.model}"
    async with (
        Limiter(store, key, *limits, workers=count_workers(), count_workers=count_workers) as limiter,
        ChatClient(endpoint, endpoint.in_flight) as client,
    ):
        yield Caller(
            client,
            limiter,
            probe=question.body(question.prepare("OK")),
            settles=not endpoint.is_openai,
            expected_output_tokens={question.identity: expected_output_tokens} if expected_output_tokens else None,
        )
