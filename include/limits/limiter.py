"""One provider's limit, as one worker process keeps to it together with all others."""

import asyncio
import time
import uuid
from collections.abc import Callable

from include.limits.crowd import Crowd
from include.limits.demand import Demand
from include.limits.in_flight import InFlight, Permit
from include.limits.ramp import Ramp
from include.limits.refusals import Refusals
from include.limits.shared_state import SharedState, Sleep
from include.limits.slots import Slots
from include.limits.state import (
    CANARY_SECONDS,
    DEFAULT_PAUSE_SECONDS,
    Lease,
    LeaseRequest,
    LimitState,
    canary_lost,
    lease,
    leave,
    pause,
    reopen,
    suspect,
)
from include.limits.store import Clock, Store
from include.limits.store_clock import StoreClock
from include.limits.token_credit import TokenCredit
from include.limits.waiting_line import WaitingLine

# Requests are let through at this share of the limit: arrivals bunch a little on their way, and a 429 costs more than
# two requests in a hundred.
MARGIN = 0.98
# So often a worker looks whether somebody else has met a 429, and it goes on for as long again while it looks.
LOOK_SECONDS = 0.5
_WAKE_SECONDS = 0.0005


class Limiter:
    """Lets requests go at the rate of a limit that is shared through a store. Use as an async context manager.

    Every permit ends in exactly one of `answered`, `rejected` and `failed`.

    Args:
        store: what all workers share.
        key: of the limit: endpoint and model.
        requests_per_minute, tokens_per_minute: of the whole cluster; None: not known.
        workers: so many share the limit; each takes its part of it while the store is away.
        patience_seconds: after so long a call is given up by its caller.
        sleep, clock: for tests.
        count_workers: counts them anew then.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        workers: int,
        patience_seconds: float,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
        count_workers: Callable[[], int] | None = None,
    ) -> None:
        self._sleep = sleep
        store_clock = StoreClock(clock, self._on_new_clock)
        # Whoever adds to the state changes the key: an older version cannot read it, while both run or after a return.
        self._shared = SharedState(store, f"limit:{key}", workers, sleep, store_clock, count_workers)
        self._now, self._update = store_clock.now, self._shared.update
        self._holder = uuid.uuid4().hex
        self._per_minute = {
            name: float(limit)
            for name, limit in (("requests", requests_per_minute), ("tokens", tokens_per_minute))
            if limit
        }
        self._slots, self._demand, self._credit, self._ramp = Slots(), Demand(), TokenCredit(), Ramp()
        self._in_flight, self._clock = InFlight(patience_seconds), clock
        self._line: WaitingLine[Permit] = WaitingLine()
        self._pump: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        # The circuit breaker, as far as this worker knows; and when it has to look again, in the shared store.
        self._is_closed = True
        self._has_canary = False
        self._look_at = self._lease_at = 0.0
        self._holders = 1
        self._refusals = Refusals()

    async def __aenter__(self) -> "Limiter":
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for task in (self._pump, self._renewal) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._look_at and self._shared.share == 1.0:
            await self._leave()

    async def acquire(self, tokens: int) -> Permit:
        """Wait until a request of about `tokens` tokens (prompt and answer) may go. First come, first served."""
        now = self._now()
        if not self._line and self._may_go(now) and self._slots_at(now) <= now:
            return self._let_go(tokens)
        turn = self._line.join(tokens)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._let_in_turn())
        return await turn

    def give_up(self) -> None:
        """Nobody who waits gets leave any more."""
        self._line.give_up()

    async def answered(
        self, permit: Permit, used_tokens: int, remaining: int | None = None, wait_seconds: float | None = None
    ) -> None:
        """A call came back with an answer.

        Args:
            permit: of the call.
            used_tokens: as the provider counted them; 0: it does not say, or charges what was asked for.
            remaining, wait_seconds: what the response says of the limit, see `headers.headroom`.
        """
        if used_tokens:
            self._credit.settle(permit.tokens, used_tokens)
        self._in_flight.answered(permit.number, self._clock())
        await self._let_through(permit, remaining, wait_seconds)

    async def turned_down(self, permit: Permit) -> None:
        """A call came back with a refusal that has nothing to do with the limit, nor with how long answers take."""
        self._in_flight.returned(permit.number, self._clock())
        await self._let_through(permit)

    async def _let_through(
        self, permit: Permit, remaining: int | None = None, wait_seconds: float | None = None
    ) -> None:
        self._ramp.answered(remaining)
        self._refusals.answered()
        if permit.is_canary:
            await self._update(lambda state, now: reopen(state, now))
        if wait_seconds is not None:
            seconds = min(wait_seconds, DEFAULT_PAUSE_SECONDS)
            self._close(await self._update(lambda state, now: pause(state, now, seconds)))
        self._changed.set()

    async def rejected(self, permit: Permit, retry_after_seconds: float | None) -> None:
        """A call came back with a 429. Its caller waits; everybody does when it shows that we are too fast."""
        self._in_flight.returned(permit.number, self._clock())
        self._refusals.refused += 1
        if permit.is_canary:
            self._close(await self._update(lambda state, now: pause(state, now, retry_after_seconds)))
        elif not self._is_closed and (
            verdict := self._refusals.judge(permit.number, self._now(), retry_after_seconds, self._holders)
        ):
            # Nobody goes until the store has answered.
            self._is_closed = True
            sent, refused = self._refusals.unreported()
            wait = await self._update(
                lambda state, now: suspect(
                    state,
                    now,
                    holder=self._holder,
                    retry_after_seconds=verdict.retry_after_seconds,
                    usual_share=verdict.usual_share,
                    sent=sent,
                    refused=refused,
                    configured=self._rates().get("requests"),
                )
            )
            self._is_closed = wait is not None
            if wait is not None:
                self._close(wait)
        self._changed.set()

    async def failed(self, permit: Permit) -> bool:
        """A call came back without an answer and without a 429.

        Returns:
            Whether it was overdue as all others were, which is nobody's fault.
        """
        is_everybodys = self._in_flight.failed(permit.number, self._clock())
        if permit.is_canary:
            await self._update(lambda state, now: canary_lost(state, now))
        self._changed.set()
        return is_everybodys

    @property
    def at_a_time(self) -> int | None:
        """How many calls the server seems to answer at a time, where others wait for that."""
        return self._in_flight.at_a_time if self._line else None

    @property
    def pause_seconds(self) -> float:
        """How long the circuit breaker stays tripped, as far as this worker knows."""
        return max(self._lease_at - self._now(), 0.0) if self._is_closed else 0.0

    def _may_go(self, now: float) -> bool:
        in_flight = self._in_flight
        if not (self._is_open(now) and in_flight.has_room):
            return False
        return "requests" in self._per_minute or self._ramp.has_room(len(in_flight), self._holders)

    def _is_open(self, now: float) -> bool:
        return not self._is_closed and now < self._look_at + LOOK_SECONDS

    def _slots_at(self, now: float) -> float:
        at = self._slots.next_at(now)
        if self._renewal is None and now >= self._lease_at and (self._slots.are_low or now >= self._look_at):
            self._renewal = asyncio.create_task(self._renew())
        return float("inf") if at is None else at

    def _let_go(self, tokens: int) -> Permit:
        # Only now, because what the answers before it have used is known by now.
        charge = self._credit.charge(tokens)
        is_canary, self._has_canary = self._has_canary, False
        if not is_canary:
            self._slots.take({"requests": 1.0, "tokens": charge})
        self._demand.add(charge)
        self._refusals.sent += 1
        self._in_flight.sent(self._refusals.sent, self._clock())
        return Permit(tokens, self._refusals.sent, is_canary)

    async def _let_in_turn(self) -> None:
        """Let those who wait go, one after the other; runs while anybody waits."""
        while self._line.forget_cancelled():
            now = self._now()
            if self._has_canary:
                self._line.serve(self._let_go(self._line.first_tokens))
                await self._until_changed(CANARY_SECONDS)
            elif not self._is_open(now):
                await self._look(now)
            elif not self._may_go(now):
                await self._until_changed(self._look_at + LOOK_SECONDS - now)
            elif (at := self._slots_at(now)) <= now + _WAKE_SECONDS:
                self._line.serve(self._let_go(self._line.first_tokens))
            elif at < float("inf"):
                await self._sleep(at - now)
            else:
                await self._look(now)

    async def _look(self, now: float) -> None:
        """Wait until it makes sense to ask the store, then ask it."""
        if now < self._lease_at:
            await self._sleep(self._lease_at - now)
        elif self._renewal is not None:
            await self._renewal
        else:
            await self._lease()

    async def _until_changed(self, seconds: float) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _renew(self) -> None:
        try:
            await self._lease()
        finally:
            self._renewal = None

    async def _lease(self) -> None:
        now = self._now()
        wants, each = self._demand.begin_anew(now, len(self._line), self._line.tokens)
        first = self._credit.price(self._line.first_tokens) if self._line else each
        least = {"requests": 1.0, "tokens": first}
        sent, refused = self._refusals.unreported()
        request = LeaseRequest(self._holder, self._rates(), wants, least, sent, refused)
        seen = self._in_flight.unreported(self._clock())

        def step(state: LimitState, now: float) -> tuple[Lease, Crowd, int]:
            granted = lease(state, now, request)
            state.crowd.take_in(seen, now)
            return granted, state.crowd, state.crowd.share(list(state.holders), self._holder, now)

        granted, crowd, share = await self._update(step)
        self._in_flight.take_in(crowd, share)
        now = self._now()
        self._holders = granted.holders
        if self._is_closed and not granted.is_closed:
            self._refusals.begin_anew()
        self._is_closed, self._has_canary = granted.is_closed, granted.is_canary
        self._lease_at = now + granted.wait_seconds
        self._look_at = max(self._lease_at, now + LOOK_SECONDS)
        if not granted.is_closed and not granted.wait_seconds:
            self._slots.add(granted.ranges, granted.is_at_limit)

    async def _leave(self) -> None:
        seen = self._in_flight.unreported(self._clock())

        def step(state: LimitState, now: float) -> None:
            state.crowd.take_in(seen, now)
            leave(state, self._holder)

        await self._update(step)

    def _rates(self) -> dict[str, float]:
        """Units per second by dimension; this worker's share of them while the store is away."""
        rates = {}
        for name, limit in self._per_minute.items():
            # Between two moments a minute apart one request may be counted whole that is paid for in part.
            slack = max((1.0 - MARGIN) * limit, self._credit.largest if name == "tokens" else 1.0)
            rates[name] = self._shared.share * max(limit - slack, limit / 2) / 60
        return rates

    def _on_new_clock(self, shift: float) -> None:
        """Slots that were leased by the old one are lost."""
        self._look_at += shift
        self._lease_at += shift
        self._slots.clear()

    def _close(self, seconds: float) -> None:
        self._is_closed = True
        self._lease_at = max(self._lease_at, self._now() + seconds)
