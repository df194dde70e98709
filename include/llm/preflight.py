"""The first question of a run, in the shape of all others: is the endpoint there, and does it take all that is sent?

What it refuses by name is spelt otherwise or left out, and asked again, before a record is paid for.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from include.errors import EndpointUnusable
from include.lake.effort import Usage
from include.limits.shared_state import Sleep
from include.llm.client import ChatClient
from include.llm.dialect import Dialect, has_no_chat, refusal_of
from include.llm.endpoint import Endpoint
from include.llm.provider_errors import PassingTrouble, RateLimited, Refused, Unusable
from include.llm.request import TINY_TEXT, Question

log = logging.getLogger(__name__)

# A run that cannot succeed says so within two minutes; a server that is just starting gets half of one.
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 2.0
# Answers that are none are paid for too.
MOST_DAMAGED = 3


@dataclass(frozen=True)
class Preflight:
    """What the first question found out.

    Args:
        dialect: how the model wants to be asked.
        requests: calls that reached the provider.
        usage: tokens of those that were answered.
    """

    dialect: Dialect
    requests: int
    usage: Usage


async def check_endpoint(
    endpoint: Endpoint, question: Question, clock: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep
) -> Preflight:
    """Ask the question of the run about a text of one word, until it is answered.

    A 429 passes: the endpoint is there and knows the key, and the fan-out knows how to wait.

    Args:
        question: the first of the run's; the others have the same parameters.

    Raises:
        EndpointUnusable: with what to check.
    """
    give_up_at = clock() + PATIENCE_SECONDS
    requests = damaged = 0
    usage = Usage()
    async with ChatClient(endpoint, 1) as client:
        while True:
            try:
                requests += 1
                outcome = await client.complete(question.body(question.prepare(TINY_TEXT)))
            except Refused as error:
                question = _spelt_otherwise(endpoint, question, error)
            except EndpointUnusable as error:
                raise _without_chat(question, str(error)) or error from None
            except Unusable as error:
                damaged += 1
                usage += error.usage or Usage()
                if not error.is_damage:
                    return Preflight(question.dialect, requests, usage)
                if damaged == MOST_DAMAGED:
                    raise EndpointUnusable(
                        f"{endpoint.base_url} gives no usable answer: {error}. Check that OPENAI_BASE_URL ends in /v1."
                    ) from None
                await sleep(PAUSE_SECONDS)
            else:
                if not isinstance(outcome, PassingTrouble):
                    usage += Usage() if isinstance(outcome, RateLimited) else outcome.usage
                    return Preflight(question.dialect, requests, usage)
                requests -= not outcome.reached_provider
                if clock() >= give_up_at:
                    raise EndpointUnusable(
                        f"The endpoint {endpoint.base_url} cannot be used: {outcome}. Check OPENAI_BASE_URL, that the "
                        "server runs, its own log, and the network."
                    )
                await sleep(PAUSE_SECONDS)


def _spelt_otherwise(endpoint: Endpoint, question: Question, error: Refused) -> Question:
    refusal = refusal_of(error)
    dialect = question.dialect.learn(refusal) if refusal else None
    if refusal is None or dialect is None:
        raise _without_chat(question, str(error)) or error.for_all(endpoint) from None
    log.info("%s does not take %s as it was sent; asked with: %s", question.model, refusal.parameter, dialect)
    return replace(question, dialect=dialect)


def _without_chat(question: Question, said: str) -> EndpointUnusable | None:
    if not has_no_chat(said):
        return None
    return EndpointUnusable(
        f"The model {question.model!r} does not answer chat completions, which is how Nightshift asks: {said} Choose "
        "another one in NIGHTSHIFT_MODEL or the form."
    )
