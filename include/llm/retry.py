"""Ask until there is an answer, or until asking on makes no sense."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from include.errors import Quarantine, RetryLater
from include.llm.client import ChatClient, Completion, PassingTrouble, RateLimited
from include.llm.rate_limit import Gate, Pace, Sleep

# While others are answered, a record that fails this often is itself the trouble.
MAX_ATTEMPTS = 6
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
# When nobody is answered the endpoint is down: wait this long for it, then leave the rest to the task's retry.
OUTAGE_SECONDS = 900.0


@dataclass
class CallCounts:
    """What one question took: calls that reached the provider, of these repeated ones, and 429s."""

    requests: int = 0
    retries: int = 0
    rate_limited: int = 0


class Caller:
    """Asks through the pace and the gate, and repeats what is worth repeating. Shared by a shard's workers.

    Whether a record is poisoned or the endpoint is down shows in the others: a failure is a strike against the
    record only when somebody was answered since its last one. Where nobody else is asking, a probe is.

    Args:
        client: makes the calls.
        pace: this process's share of the provider's limit.
        probe: body of a tiny question that any healthy endpoint answers.
        outage_seconds: how long the endpoint may answer nobody before `RetryLater`.
        clock, sleep: for tests.
    """

    def __init__(
        self,
        client: ChatClient,
        pace: Pace,
        probe: bytes,
        outage_seconds: float = OUTAGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client, self._pace, self._probe = client, pace, probe
        self._gate = Gate(clock, sleep)
        self._outage_seconds = outage_seconds
        self._clock, self._sleep = clock, sleep
        self._last_answer = clock()
        self._ended = False

    def end(self) -> None:
        """The shard ends: calls that failed are not repeated any more."""
        self._ended = True

    async def ask(self, body: bytes, tokens: int, counts: CallCounts) -> Completion:
        """Send a body until it is answered.

        Args:
            body: JSON of the request.
            tokens: estimate of prompt and answer together, for the limit.
            counts: updated in place, also when this raises.

        Raises:
            Quarantine: this record cannot be answered although others are.
            RetryLater: nobody was answered for `outage_seconds`, or the shard has ended.
            EndpointUnusable: going on cannot help.
        """
        strikes = 0
        last_failure = self._clock()

        async def count_strike(state: RetryCallState) -> None:
            nonlocal strikes, last_failure
            if state.attempt_number >= MAX_ATTEMPTS and self._last_answer <= last_failure:
                await self._try_probe(counts)
            strikes += self._last_answer > last_failure
            last_failure = self._clock()

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(PassingTrouble),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            stop=lambda _: strikes >= MAX_ATTEMPTS or self._ended or self._silent_seconds() > self._outage_seconds,
            after=count_strike,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            completion: Completion = await retrying(self._attempt, body, tokens, counts)
        except PassingTrouble as error:
            if strikes >= MAX_ATTEMPTS:
                raise Quarantine(error.reason, f"{error}, {strikes} times while others were answered") from error
            raise self._outage(error) from error
        return completion

    async def _try_probe(self, counts: CallCounts) -> None:
        try:
            await self._client.complete(self._probe)
        except (PassingTrouble, RateLimited, Quarantine):
            return
        counts.requests += 1
        self._answered()

    async def _attempt(self, body: bytes, tokens: int, counts: CallCounts) -> Completion:
        while True:
            await self._gate.enter()
            await self._pace.acquire(tokens)
            counts.retries += counts.requests > 0
            try:
                completion = await self._client.complete(body)
            except RateLimited as error:
                counts.requests += 1
                counts.rate_limited += 1
                self._gate.close(error.retry_after_seconds)
                if self._silent_seconds() > self._outage_seconds:
                    raise self._outage(error) from error
                continue
            except PassingTrouble as error:
                counts.requests += error.reached_provider
                self._gate.canary_failed()
                raise
            except Quarantine:
                counts.requests += 1
                self._answered()
                raise
            counts.requests += 1
            self._answered()
            return completion

    def _answered(self) -> None:
        self._last_answer = self._clock()
        self._gate.succeeded()

    def _silent_seconds(self) -> float:
        return self._clock() - self._last_answer

    def _outage(self, last: Exception) -> RetryLater:
        return RetryLater(
            f"The endpoint has answered nobody for {self._silent_seconds():.0f} s; the last failure: {last}. What was "
            "answered before is kept, and the task's retry goes on from there."
        )
