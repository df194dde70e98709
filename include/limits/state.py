"""What all workers know together about one provider's limit, and the steps that change it.

Requests and tokens are paced by weighted GCRA (ITU-T I.371): `due` is the moment at which all that was let through is
paid off. A lease is a stretch of that time line: slots at fixed distances, one for each request, so that requests leave
evenly however many workers there are, and a limit that the provider enforces per second holds as well as one per
minute. A slot that nobody uses at its time is lost, not saved up; so a dead worker's lease comes back by itself, as its
time passes.

A 429 closes the gate for everybody. When the pause is over one worker sends one canary; its answer opens the gate
again, at half the rate that led to the 429, which from there grows to just below it and then slowly on.

Every function here is a pure step on a state that the caller loaded and will store, with `now` by the store's clock.
"""

import random
from dataclasses import asdict, dataclass, field
from typing import Any

# What one worker leases at once, in seconds of the whole limit.
SLICE_SECONDS = 0.25
# How far ahead of now slots are given away: room for four workers to hold a slice each.
HORIZON_SECONDS = 1.0
# A worker that has not been heard of for so long is gone.
HOLDER_SECONDS = 15.0
# A canary that is not back by then is taken to have died with its worker.
CANARY_SECONDS = 30.0
# How often workers look whether somebody else's canary came back.
CANARY_POLL_SECONDS = 0.05
# Without a Retry-After: lets a per-second limit pass without stalling the night.
DEFAULT_PAUSE_SECONDS = 5.0
# The clusters of two companies must not come back in the same instant; ours has one canary anyway.
JITTER = 0.005
# One cut for each episode of 429s, as TCP does for each loss (RFC 5681, section 3.1). At a configured limit that has
# held for a while the first 429 is taken for requests that bunched on their way, not for another limit.
CUT, FIRST_CUT = 0.5, 0.9
HELD_SECONDS = 30.0
# Growth a second: slow around the rate that led to the last 429, fast below it and again well beyond it.
FAST_GROWTH, SLOW_GROWTH = 1.12, 1.01
NEAR_CEILING, BEYOND_CEILING = 0.9, 1.1
SLOWEST_PER_SECOND = 0.05


@dataclass
class LimitState:
    """Of one endpoint and model.

    Args:
        due: by dimension (`requests`, `tokens`), on the store's clock.
        holders: workers by when they were last heard of.
        closed_until: no call goes before.
        half_open: the pause is over or will be, and no canary has been answered yet.
        canary, canary_until: whose it is, and when it is taken for lost.
        opened_at: a 429 to a call that was sent before belongs to the last episode.
        learned: requests per second that 429s have taught; None: none yet.
        ceiling: requests per second at the last 429.
        raised_at: when `learned` last grew.
        rejected_at: when the last episode of 429s began.
    """

    due: dict[str, float] = field(default_factory=dict)
    holders: dict[str, float] = field(default_factory=dict)
    closed_until: float = 0.0
    half_open: bool = False
    canary: str | None = None
    canary_until: float = 0.0
    opened_at: float = 0.0
    learned: float | None = None
    ceiling: float = 0.0
    raised_at: float = 0.0
    rejected_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ask:
    """What one worker wants.

    Args:
        holder: its name.
        rates: configured limits per second, by dimension; those without one are not in it.
        wants: amounts that it can use within a slice, by dimension.
        least: amounts that it needs to send one request.
    """

    holder: str
    rates: dict[str, float]
    wants: dict[str, float]
    least: dict[str, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Slots in one dimension: `amount` units from `start` on, `per_second` of them."""

    start: float
    amount: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Grant:
    """What it gets.

    Args:
        now: the store's clock.
        stretches: by dimension, of those that are limited.
        is_at_limit: more is wanted than there is, so slots are to be used on time or not at all.
        wait_seconds: ask again after so long; nothing is granted before.
        is_closed: because the gate is closed; slots that are held already are not to be used either.
        is_canary: one request may go, and nothing else until it is back.
        holders: how many workers are there.
    """

    now: float
    stretches: dict[str, Stretch]
    is_at_limit: bool = False
    wait_seconds: float = 0.0
    is_closed: bool = False
    is_canary: bool = False
    holders: int = 1


def lease(state: LimitState, now: float, ask: Ask) -> Grant:
    """Lease the next stretch of every limited dimension, or of none."""
    state.holders = {name: seen for name, seen in state.holders.items() if now - seen < HOLDER_SECONDS}
    state.holders[ask.holder] = now
    holders = len(state.holders)
    if now < state.closed_until:
        return Grant(now, {}, wait_seconds=state.closed_until - now, is_closed=True, holders=holders)
    if state.half_open:
        if state.canary is not None and now < state.canary_until:
            return Grant(now, {}, wait_seconds=CANARY_POLL_SECONDS, is_closed=True, holders=holders)
        state.canary, state.canary_until = ask.holder, now + CANARY_SECONDS
        return Grant(now, {}, is_closed=True, is_canary=True, holders=holders)
    rates = _rates(state, now, ask)
    ahead = max((state.due.get(name, 0.0) - now for name in rates), default=0.0)
    if ahead > HORIZON_SECONDS:
        return Grant(now, {}, wait_seconds=ahead - HORIZON_SECONDS, holders=holders)
    amounts = {
        name: float(max(int(min(ask.wants[name], rate * SLICE_SECONDS)), ask.least[name]))
        for name, rate in rates.items()
    }
    # The dimension that is not the bottleneck is stretched to the length of the one that is.
    seconds = max((amounts[name] / rate for name, rate in rates.items()), default=0.0)
    stretches = {}
    for name, rate in rates.items():
        start = max(state.due.get(name, 0.0), now)
        state.due[name] = start + amounts[name] / rate
        stretches[name] = Stretch(max(start, now + max(ahead, 0.0)), amounts[name], amounts[name] / seconds)
    is_at_limit = ahead > 0 or any(ask.wants[name] >= rate * SLICE_SECONDS for name, rate in rates.items())
    return Grant(now, stretches, is_at_limit=is_at_limit, holders=holders)


def _rates(state: LimitState, now: float, ask: Ask) -> dict[str, float]:
    rates = dict(ask.rates)
    if state.learned is None:
        return rates
    # Only time in which somebody asks counts, so that an idle hour proves nothing.
    elapsed = min(max(now - state.raised_at, 0.0), 1.0)
    is_near = NEAR_CEILING * state.ceiling <= state.learned <= BEYOND_CEILING * state.ceiling
    growth = SLOW_GROWTH if is_near else FAST_GROWTH
    state.learned *= growth**elapsed
    state.raised_at = now
    if state.learned >= rates.get("requests", float("inf")):
        state.learned = None
    else:
        rates["requests"] = state.learned
    return {name: rate for name, rate in rates.items() if name in ask.wants}


def reject(
    state: LimitState,
    now: float,
    *,
    sent_at: float,
    retry_after_seconds: float | None,
    per_second: float,
    configured: float | None = None,
) -> float:
    """Take in a 429.

    Args:
        sent_at: when the call was sent, by the store's clock.
        retry_after_seconds: what the server asks for.
        per_second: at how many requests a second all workers together were going.
        configured: requests per second that they may go at; None: not known.

    Returns:
        Seconds until the gate may open.
    """
    if not state.half_open and sent_at >= state.opened_at:
        # Paced workers were going at their pace, whatever the last seconds of one of them looked like.
        pace = state.learned or configured
        rate = pace if pace is not None and per_second > pace / 4 else per_second
        held = state.rejected_at is None or now - state.rejected_at > HELD_SECONDS
        cut = FIRST_CUT if held and configured is not None else CUT
        state.ceiling, state.learned, state.raised_at = rate, max(rate * cut, SLOWEST_PER_SECOND), now
        state.rejected_at = now
    return pause(state, now, retry_after_seconds)


def pause(state: LimitState, now: float, seconds: float | None) -> float:
    """Close the gate without a cut: the server says that nothing is left for now. Returns seconds until it may open."""
    wait = DEFAULT_PAUSE_SECONDS if seconds is None else seconds
    state.closed_until = max(state.closed_until, now + wait * (1 + random.uniform(0, JITTER)))
    state.half_open, state.canary = True, None
    return state.closed_until - now


def reopen(state: LimitState, now: float) -> None:
    """The canary was answered: let everybody through."""
    if now >= state.closed_until:
        state.half_open, state.canary, state.opened_at, state.raised_at = False, None, now, now


def canary_lost(state: LimitState, now: float) -> None:
    """The canary came back without an answer and without a 429: let somebody try another."""
    state.canary, state.canary_until = None, now
