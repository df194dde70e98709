"""The one way to answer texts: for the stages, for `make try`, and for whatever else asks a model."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from include.errors import NightshiftError
from include.lake.effort import Service
from include.limits.budget import RunBudget
from include.limits.limiter import Limiter
from include.limits.run_limits import RunLimits
from include.limits.shared_state import Sleep
from include.limits.store import Store
from include.llm.chain import Chain, Text
from include.llm.client import ChatClient
from include.llm.conversation import Terms
from include.llm.endpoint import Endpoint
from include.llm.flex import Flex, patient
from include.llm.fuse import Fuse
from include.llm.job import Answered, Job
from include.llm.learned import Learned
from include.llm.ledger import LedgerWriter
from include.llm.online import FanOut
from include.llm.providers.table import provider_at
from include.llm.retry import OUTAGE_SECONDS, Caller


class Answerer(Protocol):
    """Answers the texts of one job."""

    async def answer(self, texts: Iterable[Text], ledger: LedgerWriter) -> Answered:
        """Answer all texts; each is an entry of the ledger when this returns, unless the budget is used up.

        Args:
            ledger: not opened yet. What earlier attempts have put into its folder is not asked again.

        Raises:
            StopRun, RetryLater, ConfigurationError: the first one that any text, or the ledger, met.
        """

    def stop(self, error: NightshiftError) -> None:
        """End with this: no text is begun, what is in flight is finished and kept."""


@asynccontextmanager
async def open_answerer(
    chain: Chain,
    endpoint: Endpoint,
    limits: RunLimits,
    job: Job,
    store: Store,
    count_workers: Callable[[], int],
    outage_seconds: float = OUTAGE_SECONDS,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Answerer]:
    """All that stands between texts and the provider, at the provider's pace and within the budget.

    Args:
        chain: how a text is answered.
        endpoint: who is asked, and with how many calls in flight.
        store: what all workers share.
        count_workers: how many ask at this moment.
        outage_seconds, sleep: for tests.
    """
    question = chain.question
    learned = Learned(question, job.expected_output_tokens)
    service = Service(job.mode, None, endpoint.address, str(question.dialect))
    per_minute = limits.requests_per_minute, limits.tokens_per_minute
    key = f"{endpoint.base_url} {question.model}"
    run_budget = RunBudget(store, job.run_key, job.number, limits.budget_usd, job.share_of_run)
    most_failing = 1.0 if endpoint.is_demo else job.max_error_share
    fuse = Fuse(store, f"{job.run_key} {job.times_blown}", job.number, most_failing)
    asked = endpoint if job.flex is None else patient(endpoint)
    async with (
        Limiter(
            store, key, *per_minute, count_workers(), asked.timeout_seconds, count_workers=count_workers
        ) as limiter,
        ChatClient(asked, endpoint.in_flight) as client,
    ):
        settles = not provider_at(endpoint.base_url).charges_what_was_asked
        flex = None if job.flex is None else Flex(job.flex)
        caller = Caller(client, limiter, learned, settles, outage_seconds, sleep=sleep, flex=flex)
        terms = Terms(chain, learned, job.price, service, job.redaction)
        yield FanOut(terms, caller, job, run_budget, fuse, endpoint.in_flight)
