"""The first question of a run, in the shape of all others: is the endpoint there, and does it take all that is sent?

What it refuses by name is spelt otherwise or left out, and asked again, before a record is paid for.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from include.errors import EndpointUnusable
from include.lake.effort import Usage
from include.limits.shared_state import Sleep
from include.llm.client import ChatClient, Completion
from include.llm.endpoint import Endpoint
from include.llm.flex import patient, why_no_flex
from include.llm.providers.dialect import Dialect
from include.llm.providers.provider_errors import Failure, PassingTrouble, RateLimited, Refused, Unusable
from include.llm.providers.refusals import Refusal, has_no_chat, may_be_of_structure, refusal_of, structure_refused
from include.llm.providers.service_tier import FLEX, at_tier
from include.llm.request import TINY_TEXT, Question

log = logging.getLogger(__name__)

# A run that cannot succeed says so within two minutes; a server that is just starting gets half of one.
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 2.0
# Answers that are none are paid for too.
MOST_DAMAGED = 3
# Whoever refuses more forms of one question than these is asked no further.
MOST_REFUSED = 8
# Some servers break at a grammar that they cannot decode by.
_BREAKS = re.compile(r"\banswered 50[01]\b")


@dataclass(frozen=True)
class Preflight:
    """What the first question found out.

    Args:
        dialect: how the model wants to be asked.
        requests: calls that reached the provider.
        usage: tokens of those that were answered.
        service_tier: on which the last answer is billed; None: it does not say.
        no_flex: why the run cannot go at flex; None: it can, or was not asked to.
    """

    dialect: Dialect
    requests: int
    usage: Usage
    service_tier: str | None = None
    no_flex: str | None = None


async def check_endpoint(
    endpoint: Endpoint,
    question: Question,
    clock: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
    at_flex: bool = False,
) -> Preflight:
    """Ask the question of the run about a text of one word, until it is answered.

    A 429 passes: the endpoint is there and knows the key, and the fan-out knows how to wait, unless for hours.

    Args:
        question: the first of the run's; the others have the same parameters.
        at_flex: whether it is asked at flex, and without where the endpoint refuses that.

    Raises:
        EndpointUnusable: with what to check.
    """
    give_up_at = clock() + PATIENCE_SECONDS
    requests = refused = damaged = 0
    usage, no_flex = Usage(), None
    async with ChatClient(patient(endpoint) if at_flex else endpoint, 1) as client:
        while True:
            requests += 1
            came: Completion | Failure | Exception
            tier = FLEX if at_flex and no_flex is None else None
            try:
                came = await client.complete(at_tier(question.body(question.prepare(TINY_TEXT)), tier))
            except (Refused, EndpointUnusable, Unusable) as error:
                came = error
            usage += came.usage if isinstance(came, Completion | Unusable) else Usage()
            if tier and (no_flex := why_no_flex(came)) and isinstance(came, Refused | EndpointUnusable):
                continue
            is_late = clock() >= give_up_at
            if refused < MOST_REFUSED and (dialect := _without_what_is_refused(question, came, is_late)):
                refused += 1
                question = replace(question, dialect=dialect)
            elif isinstance(came, Refused | EndpointUnusable):
                last = came.for_all(endpoint) if isinstance(came, Refused) else came
                raise _without_chat(question, str(came)) or last from None
            elif isinstance(came, Unusable):
                damaged += 1
                if not came.is_damage:
                    return Preflight(question.dialect, requests, usage, came.service_tier, no_flex)
                if damaged >= MOST_DAMAGED and not (came.passes and not is_late):
                    raise EndpointUnusable(
                        f"{endpoint.base_url} gives no usable answer: {came}. Check that OPENAI_BASE_URL ends in /v1."
                    ) from None
                await sleep(PAUSE_SECONDS)
            elif isinstance(came, PassingTrouble) or (isinstance(came, RateLimited) and came.stop):
                requests -= isinstance(came, PassingTrouble) and not came.reached_provider
                if is_late:
                    raise (came.stop if isinstance(came, RateLimited) else None) or EndpointUnusable(
                        f"The endpoint {endpoint.base_url} cannot be used: {came}. Check OPENAI_BASE_URL, that the "
                        "server runs, its own log, and the network."
                    )
                await sleep(PAUSE_SECONDS)
            else:
                billed = came.service_tier if isinstance(came, Completion) else None
                return Preflight(question.dialect, requests, usage, billed, no_flex)


def _without_what_is_refused(
    question: Question, came: Completion | Failure | Exception, is_late: bool
) -> Dialect | None:
    refusal = None
    if isinstance(came, Refused):
        # Words are new every month. What they do not tell shows in which structure is taken.
        refusal = refusal_of(came) or (Refusal("the question", str(came)) if may_be_of_structure(came) else None)
    elif isinstance(came, PassingTrouble) and is_late and _BREAKS.search(str(came)):
        refusal = Refusal("the question", str(came))
    elif isinstance(came, PassingTrouble | EndpointUnusable) or (isinstance(came, Unusable) and came.is_damage):
        refusal = structure_refused(str(came))
    elif isinstance(came, Completion) and question.dialect.structure == "tool" and _is_prose(came):
        # Its schema stands in the tool alone, so that an answer without a call is a guess.
        refusal = Refusal("tools", "it has been sent one, and answers without a call")
    dialect = question.dialect.learn(refusal) if refusal else None
    if refusal and dialect:
        log.info(
            "%s does not take %s as it was sent, says %r; asked with: %s",
            question.model,
            refusal.parameter,
            refusal.words,
            dialect,
        )
    return dialect


def _is_prose(completion: Completion) -> bool:
    return completion.finish_reason == "stop" and bool(completion.content) and "{" not in str(completion.content)


def _without_chat(question: Question, said: str) -> EndpointUnusable | None:
    if not has_no_chat(said):
        return None
    return EndpointUnusable(
        f"The model {question.model!r} does not answer chat completions, which is how Nightshift asks: {said} Choose "
        "another one in NIGHTSHIFT_MODEL or the form."
    )
