"""Ask until there is an answer, or until asking on makes no sense."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from tenacity import Retrying, retry_always

from include.errors import Quarantine, RetryLater
from include.limits.in_flight import Permit
from include.limits.limiter import Limiter
from include.limits.shared_state import Sleep
from include.llm.call_meter import CallCounts, CallMeter, LastMinute
from include.llm.client import ChatClient
from include.llm.completion import Completion
from include.llm.flex import Flex
from include.llm.learned import Learned
from include.llm.places import Places
from include.llm.providers.provider_errors import Failure, PassingTrouble, RateLimited, Refused, Unusable
from include.llm.providers.service_tier import NoRoom, at_tier
from include.llm.request import Question
from include.llm.setbacks import Setbacks, longest_wait_seconds, setbacks_of
from include.llm.witness import Waste, Witness

# A call that waits lets another go in its place, unless so large a share of the last calls (about so many) failed: then
# the endpoint is down, and more calls than places would only add to it.
TOO_MANY_FAIL, LAST_CALLS = 0.75, 64
# Of the tiny question that tells a poisoned record from an outage.
PROBE_TOKENS = 500
# When nobody is answered the endpoint is down: wait this long for it, then leave the rest to the task's retry.
OUTAGE_SECONDS = 900.0
# So many more refusals because a day's allowance is used up than answers are everybody's: where it is the allowance of
# one back end of several, more are answered in between.
MOST_AT_LONG_LIMIT = 16
# A call that failed keeps its place for about as long as an answer takes. Refusals come back at once: where all are
# refused from now on, places that are free at once would send dozens before it shows.
PLACE_KEPT_SECONDS = 0.05

SLOW = "A server that takes longer for one answer gets it by `timeout` (seconds) in the connection's extra. "


class Caller:
    """Asks at the pace of the limiter, and repeats what is worth repeating. Shared by a shard's workers.

    Whether a record is poisoned or the endpoint is down shows in the others: a failure is a strike against the
    record only when somebody was answered since its last one. Where nobody else is asking, a probe is.

    Args:
        client: makes the calls.
        limiter: of the endpoint and model.
        learned: has a tiny question that any healthy endpoint answers, and knows how long answers are.
        settles: whether the provider charges the tokens that were used; OpenAI charges those that were asked for.
        outage_seconds: how long the endpoint may answer nobody before `RetryLater`.
        clock, sleep: for tests.
        flex: says at which tier each call is sent; None: none is asked for.
    """

    def __init__(
        self,
        client: ChatClient,
        limiter: Limiter,
        learned: Learned,
        settles: bool = True,
        outage_seconds: float = OUTAGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        flex: Flex | None = None,
    ) -> None:
        self._flex = flex
        self._client, self._limiter, self._learned, self._settles = client, limiter, learned, settles
        # Seconds, by the clock that `witness` goes by.
        self.now, self._outage_seconds = clock, outage_seconds
        self._last_answer = self._last_no_room = clock()
        self._failing = 0.0
        self._at_long_limit = 0
        self._ended = False
        self._may_send = asyncio.Event()
        self._may_send.set()
        self.places = Places(sleep)
        # It only says what comes next, and that once for all: its own way to wait costs as much as half a call.
        self._retrying = Retrying(
            retry=retry_always,
            wait=lambda state: setbacks_of(state).wait_seconds(),
            stop=lambda state: self._gives_up(setbacks_of(state)),
            sleep=lambda _: None,
            retry_error_callback=lambda _: None,
        )
        self.meter = CallMeter(rate_limited=LastMinute(clock), failures=LastMinute(clock))
        self.witness = Witness(client.endpoint, clock)

    def charge(self, question: Question, prompt_tokens: int) -> int:
        """Tokens that the limit is charged for one request, before its answer is there.

        OpenAI charges the larger of `max_completion_tokens` and its estimate of the prompt, others what was used.
        """
        if not self._settles:
            return max(question.cap, prompt_tokens)
        return prompt_tokens + self._learned.expected_output(question)

    @property
    def pause_seconds(self) -> float:
        """How long nobody may go because of a 429; 0 when all may."""
        return self._limiter.pause_seconds

    @property
    def at_a_time(self) -> int | None:
        """How many calls the endpoint seems to answer at a time, where others wait for that."""
        return self._limiter.at_a_time

    def end(self) -> None:
        """The shard ends: calls that failed are not repeated any more, and those that wait are given up."""
        self._ended = True
        self.places.close()
        self._may_send.set()
        self._limiter.give_up()

    def hold(self) -> None:
        """No call is sent until `go_on`; those on their way are finished."""
        if not self._ended:
            self._may_send.clear()

    def go_on(self) -> None:
        """Calls are sent again."""
        self._may_send.set()

    @property
    def is_held(self) -> bool:
        """Whether no call is sent."""
        return not self._may_send.is_set()

    async def ask(self, body: bytes, tokens: int, counts: CallCounts) -> Completion:
        """Send a body until it is answered.

        Args:
            body: JSON of the request.
            tokens: estimate of prompt and answer together, for the limit.
            counts: updated in place, also when this raises.

        Raises:
            Refused, Unusable: whether of this record or of all `witness` tells.
            Quarantine: this record cannot be answered although others are.
            RetryLater: nobody was answered for `outage_seconds`, or the shard has ended.
            EndpointUnusable: going on cannot help.
        """
        asked_at = self.now()
        # Nearly every call ends here, and tenacity costs as much as the parsing of an answer.
        outcome = await self._attempt(body, tokens, counts)
        if isinstance(outcome, Completion):
            return outcome
        setbacks = Setbacks(outcome, asked_at)
        for attempt in self._retrying:
            state = attempt.retry_state
            if state.attempt_number > 1:
                await self._wait_outside(state.upcoming_sleep)
                self._go_on()
                outcome = await self._attempt(body, tokens, counts)
                if isinstance(outcome, Completion):
                    return outcome
            if setbacks.needs_probe(outcome, self._last_answer):
                await self._try_probe(counts)
            setbacks.add(outcome, self._last_answer, self.now())
            state.set_result(setbacks)
        if setbacks.is_poisoned:
            raise Quarantine(outcome.reason, f"{outcome}, {setbacks.times} times while others were answered")
        raise self._outage(outcome)

    def _gives_up(self, setbacks: Setbacks) -> bool:
        return setbacks.is_poisoned or self._ended or self._silent_seconds() > self._outage_seconds

    async def _wait_outside(self, seconds: float) -> None:
        self.meter.waiting_to_retry += 1
        try:
            kept = min(seconds, PLACE_KEPT_SECONDS)
            await self.places.wait(kept, outside=False)
            await self.places.wait(seconds - kept, outside=self._failing < TOO_MANY_FAIL)
        finally:
            self.meter.waiting_to_retry -= 1

    def _go_on(self) -> None:
        if self._ended:
            raise RetryLater("The shard has ended before this text was answered.")

    async def _try_probe(self, counts: CallCounts) -> None:
        permit = await self._limiter.acquire(PROBE_TOKENS)
        try:
            outcome = await self._client.complete(self._learned.probe)
        except (Unusable, Quarantine):
            await self._limiter.failed(permit)
            return
        if isinstance(outcome, RateLimited):
            await self._limiter.rejected(permit, outcome.retry_after_seconds)
        elif isinstance(outcome, PassingTrouble):
            await self._limiter.failed(permit)
        else:
            counts.requests += 1
            await self._limiter.answered(permit, 0)
            self._last_answer = self.now()

    async def stop_if_everybodys(self, since: float, counts: CallCounts, waste: Waste) -> None:
        """See `Witness`; `counts` gets what was asked for it."""
        probing = CallCounts()
        try:
            await self.witness.stop_if_everybodys(
                since, lambda: self.ask(self._learned.probe, PROBE_TOKENS, probing), waste
            )
        finally:
            counts.requests += probing.requests

    async def rest(self, times: int) -> None:
        """Wait before what was asked and paid for `times` times is asked again; nobody begins meanwhile."""
        await self.places.wait(longest_wait_seconds(times), outside=False)

    async def _attempt(self, body: bytes, tokens: int, counts: CallCounts) -> Completion | Failure:
        permit = await self._permit(tokens)
        counts.retries += counts.requests > 0
        self.meter.in_flight += 1
        tier = None if self._flex is None else self._flex.tier(counts.no_room_since)
        asked_at = self.now()
        try:
            outcome = await self._client.complete(at_tier(body, tier))
        except (Quarantine, Unusable) as error:
            counts.requests += 1
            if isinstance(error, Unusable):
                await self._limiter.answered(permit, error.usage.total if self._settles else 0)
            else:
                await self._limiter.turned_down(permit)
            if self._flex and isinstance(error, Refused) and self._flex.learn(error, tier):
                return NoRoom(error.message)
            raise
        except BaseException:
            await self._limiter.failed(permit)
            raise
        finally:
            self.meter.in_flight -= 1
        if isinstance(outcome, Completion):
            counts.requests += 1
            self._last_answer, self._at_long_limit = self.now(), max(self._at_long_limit - 1, 0)
            self._failing -= self._failing / LAST_CALLS
            if self._flex:
                self._flex.took(tier)
                counts.no_room_since = None
            used = outcome.usage.total if self._settles else 0
            await self._limiter.answered(permit, used, outcome.remaining, outcome.wait_seconds)
            return outcome
        self.meter.last_error = str(outcome)
        self._failing += (1.0 - self._failing) / LAST_CALLS
        if isinstance(outcome, RateLimited):
            counts.requests += 1
            counts.rate_limited += 1
            self.meter.rate_limited.add()
            await self._limiter.rejected(permit, outcome.retry_after_seconds)
            self._at_long_limit += outcome.stop is not None
            if outcome.stop is not None and self._at_long_limit >= MOST_AT_LONG_LIMIT:
                raise outcome.stop
        elif isinstance(outcome, NoRoom):
            await self._found_no_room(permit, counts, asked_at)
        else:
            counts.requests += outcome.reached_provider
            self.meter.failures.add()
            outcome = replace(outcome, is_everybodys=await self._limiter.failed(permit))
        return outcome

    async def _found_no_room(self, permit: Permit, counts: CallCounts, asked_at: float) -> None:
        counts.requests += 1
        counts.no_room_since = asked_at if counts.no_room_since is None else counts.no_room_since
        self.meter.failures.add()
        self._last_no_room = self.now()
        if self._flex:
            self._flex.refused()
        await self._limiter.turned_down(permit)

    async def _permit(self, tokens: int) -> Permit:
        await self._may_send.wait()
        self.meter.waiting_for_permit += 1
        try:
            permit = await self._limiter.acquire(tokens)
        finally:
            self.meter.waiting_for_permit -= 1
        if self._ended:
            await self._limiter.failed(permit)
            self._go_on()
        return permit

    def _silent_seconds(self) -> float:
        # Whoever refuses a call for want of room is there.
        return self.now() - max(self._last_answer, self._last_no_room)

    def _outage(self, last: Failure) -> RetryLater:
        is_slow = isinstance(last, PassingTrouble) and last.reason == "timeout"
        return RetryLater(
            f"The endpoint has answered nobody for {self._silent_seconds():.0f} s; the last failure: {last}. "
            + (SLOW if is_slow else "")
            + "What was answered before is kept, and the task's retry goes on from there."
        )
