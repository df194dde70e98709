"""Ask until there is an answer, or until asking on makes no sense."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from include.errors import Quarantine, RetryLater
from include.limits.limiter import Limiter, Sleep
from include.llm.client import ChatClient, Completion, PassingTrouble, RateLimited
from include.llm.output_length import OutputLength
from include.llm.request import Question

# While others are answered, a record that fails this often is itself the trouble.
MAX_ATTEMPTS = 6
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
# Of the tiny question that tells a poisoned record from an outage.
PROBE_TOKENS = 500
# When nobody is answered the endpoint is down: wait this long for it, then leave the rest to the task's retry.
OUTAGE_SECONDS = 900.0


@dataclass
class CallCounts:
    """What one question took: calls that reached the provider, of these repeated ones, and 429s."""

    requests: int = 0
    retries: int = 0
    rate_limited: int = 0


class Caller:
    """Asks at the pace of the limiter, and repeats what is worth repeating. Shared by a shard's workers.

    Whether a record is poisoned or the endpoint is down shows in the others: a failure is a strike against the
    record only when somebody was answered since its last one. Where nobody else is asking, a probe is.

    Args:
        client: makes the calls.
        limiter: of the endpoint and model.
        settles: whether the provider charges the tokens that were used; OpenAI charges those that were asked for.
        probe: body of a tiny question that any healthy endpoint answers.
        expected_output_tokens: of an answer by the question's identity, from earlier runs.
        outage_seconds: how long the endpoint may answer nobody before `RetryLater`.
        clock, sleep: for tests.
    """

    def __init__(
        self,
        client: ChatClient,
        limiter: Limiter,
        probe: bytes,
        settles: bool = True,
        expected_output_tokens: Mapping[str, int] | None = None,
        outage_seconds: float = OUTAGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client, self._limiter, self._probe, self._settles = client, limiter, probe, settles
        self._outage_seconds = outage_seconds
        self._clock, self._sleep = clock, sleep
        self._expected = expected_output_tokens or {}
        self._lengths: dict[str, OutputLength] = {}
        self._last_answer = clock()
        self._ended = False

    def charge(self, question: Question, prompt_tokens: int) -> int:
        """Tokens that the limit is charged for one request, before its answer is there.

        OpenAI charges the larger of `max_completion_tokens` and its estimate of the prompt, others what was used.
        """
        if not self._settles:
            return max(question.cap, prompt_tokens)
        return prompt_tokens + self._length(question).expected

    def expected_output(self, question: Question) -> int:
        """Completion tokens that an answer is expected to have."""
        return self._length(question).expected

    @property
    def pause_seconds(self) -> float:
        """How long nobody may go because of a 429; 0 when all may."""
        return self._limiter.pause_seconds

    def learn(self, question: Question, completion_tokens: int) -> None:
        """Take in how long an answer was."""
        self._length(question).learn(completion_tokens)

    def _length(self, question: Question) -> OutputLength:
        length = self._lengths.get(question.identity)
        if length is None:
            expected = self._expected.get(question.identity)
            length = self._lengths[question.identity] = OutputLength(question.cap, expected)
        return length

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
        asked_at = self._clock()
        try:
            # Nearly every call ends here, and tenacity costs as much as the parsing of an answer.
            return await self._attempt(body, tokens, counts)
        except PassingTrouble as error:
            return await self._ask_again(body, tokens, counts, error, asked_at)

    async def _ask_again(
        self, body: bytes, tokens: int, counts: CallCounts, first: PassingTrouble, asked_at: float
    ) -> Completion:
        strikes = 0
        last_failure = asked_at
        is_first = True

        async def attempt() -> Completion:
            nonlocal is_first
            if is_first:
                is_first = False
                raise first
            return await self._attempt(body, tokens, counts)

        async def count_strike(state: RetryCallState) -> None:
            nonlocal strikes, last_failure
            if state.attempt_number >= MAX_ATTEMPTS and self._last_answer <= last_failure:
                await self._try_probe(counts)
            strikes += self._last_answer > last_failure
            last_failure = self._clock()

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(PassingTrouble),
            wait=_wait,
            stop=lambda _: strikes >= MAX_ATTEMPTS or self._ended or self._silent_seconds() > self._outage_seconds,
            after=count_strike,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            completion: Completion = await retrying(attempt)
        except PassingTrouble as error:
            if strikes >= MAX_ATTEMPTS:
                raise Quarantine(error.reason, f"{error}, {strikes} times while others were answered") from error
            raise self._outage(error) from error
        return completion

    async def _try_probe(self, counts: CallCounts) -> None:
        permit = await self._limiter.acquire(PROBE_TOKENS)
        try:
            await self._client.complete(self._probe)
        except RateLimited as error:
            await self._limiter.rejected(permit, error.retry_after_seconds)
        except (PassingTrouble, Quarantine):
            await self._limiter.failed(permit)
        else:
            counts.requests += 1
            await self._limiter.answered(permit, 0)
            self._last_answer = self._clock()

    async def _attempt(self, body: bytes, tokens: int, counts: CallCounts) -> Completion:
        while True:
            permit = await self._limiter.acquire(tokens)
            counts.retries += counts.requests > 0
            try:
                completion = await self._client.complete(body)
            except RateLimited as error:
                counts.requests += 1
                counts.rate_limited += 1
                await self._limiter.rejected(permit, error.retry_after_seconds)
                if self._silent_seconds() > self._outage_seconds:
                    raise self._outage(error) from error
                continue
            except Quarantine:
                # The endpoint is well; it is this request that it does not take.
                counts.requests += 1
                self._last_answer = self._clock()
                await self._limiter.answered(permit, 0)
                raise
            except BaseException as error:
                counts.requests += isinstance(error, PassingTrouble) and error.reached_provider
                await self._limiter.failed(permit)
                raise
            counts.requests += 1
            self._last_answer = self._clock()
            used = completion.usage.prompt_tokens + completion.usage.completion_tokens if self._settles else 0
            await self._limiter.answered(permit, used, completion.remaining, completion.wait_seconds)
            return completion

    def _silent_seconds(self) -> float:
        return self._clock() - self._last_answer

    def _outage(self, last: Exception) -> RetryLater:
        return RetryLater(
            f"The endpoint has answered nobody for {self._silent_seconds():.0f} s; the last failure: {last}. What was "
            "answered before is kept, and the task's retry goes on from there."
        )


def _wait(state: RetryCallState) -> float:
    backoff = wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS)(state)
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_seconds if isinstance(error, PassingTrouble) else None
    return max(backoff, asked or 0.0)
