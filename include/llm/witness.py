"""Whose trouble is it, one record's or everybody's? The others tell, or else the tiny question does."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from include.errors import Quarantine, RetryLater, StopRun
from include.lake.effort import Usage
from include.llm.completion import Completion, content_of, refuse_repetition
from include.llm.endpoint import Endpoint
from include.llm.providers.provider_errors import Refused, Unusable

# Of the tiny question: a model that now and then says nothing says something within so many tries.
MOST_PROBES = 3
# Takes in tokens that were paid for nothing, and the tier on which they are billed.
Waste = Callable[[Usage, str | None], None]


class Witness:
    """What a shard knows of whether its endpoint takes other requests than the one in trouble.

    Args:
        endpoint: for what is said to people.
        clock: seconds, for tests.
    """

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint, self._clock = endpoint, clock
        # When the youngest question was asked that got a usable answer, and when the last probe came back without one.
        self._answered = self._unanswered = float("-inf")
        self._trouble: StopRun | RetryLater | None = None
        self._probing = asyncio.Lock()

    def answered(self, asked_at: float) -> None:
        """A question that was asked then has got a usable answer."""
        self._answered = max(self._answered, asked_at)

    async def stop_if_everybodys(
        self, since: float, ask_probe: Callable[[], Awaitable[Completion]], waste: Waste
    ) -> None:
        """Return when others are answered, so that the trouble is this record's.

        Args:
            since: only what was asked after this moment counts.
            ask_probe: asks a tiny question in the shape of the real ones; waits and retries as any other question does.
            waste: gets what a probe has cost.

        Raises:
            StopRun, RetryLater: nobody is answered; with the provider's words.
        """
        # One probe answers all that were in trouble before it was sent.
        async with self._probing:
            if self._answered >= since:
                return
            if self._unanswered < since:
                await self._probe(ask_probe, waste)
            if self._trouble is not None and self._answered < since:
                raise self._trouble

    async def _probe(self, ask_probe: Callable[[], Awaitable[Completion]], waste: Waste) -> None:
        for _ in range(MOST_PROBES):
            asked_at = self._clock()
            try:
                completion = await ask_probe()
                waste(completion.usage, completion.service_tier)
                refuse_repetition(content_of(completion))
            except Refused as refused:
                self._unanswered, self._trouble = self._clock(), refused.for_all(self._endpoint)
                return
            except Unusable as unusable:
                waste(unusable.usage, unusable.service_tier)
                self._unanswered, self._trouble = self._clock(), unusable.for_all(self._endpoint)
                continue
            except Quarantine:
                # What the model says of a text without a meaning is its own affair: it is there.
                pass
            self.answered(asked_at)
            return
