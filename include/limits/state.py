"""What all workers know together about one provider's limit, and the steps that change it.

Requests and tokens are paced by weighted GCRA (ITU-T I.371): `due` is the moment at which all that was let through is
paid off. A lease is a range of slots on that time line, at fixed distances, one for each request, so that requests
leave evenly however many workers there are, and a limit that the provider enforces per second holds as well as one per
minute. A slot that nobody uses at its time is lost, not saved up; so a dead worker's lease comes back by itself, as its
time passes.

When 429s show that we are too fast (see `refusals.py`) the circuit breaker trips for everybody. When the pause is over
one worker sends one canary; its answer resets it, at the rate that was accepted, which grows slowly around it and fast
beyond. Where more is refused at that pace than was usual, the pace goes down to what is accepted.

Every function here is a pure step on a state that the caller loaded and will store, with `now` by the store's clock.
"""

import random
from dataclasses import asdict, dataclass, field
from typing import Any

from include.limits.crowd import Crowd

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
# A worker that has not said again for so long that its calls are refused no longer thinks so.
SUSPECT_SECONDS = 1.0
# What was accepted is measured over this: longer than a pause, which is a part of it.
MEASURED_SECONDS = 10.0
# At a learned pace: so much more refused than was usual is more than chance, looked at over about so many calls. One
# worker's report, and a second, change no more than so much.
MORE_THAN_USUAL, SHARE_OF_CALLS, HEAVIEST, FASTEST_FALL, NO_HELP = 0.1, 50, 0.2, 0.5, 0.5
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
        suspects: workers whose calls are refused, by when they said so.
        accepted: begins of seconds, and the calls sent in them that were not refused; of the last few.
        learned: requests per second that 429s have taught; None: none yet.
        ceiling: requests per second that were accepted when the circuit breaker tripped.
        raised_at: when `learned` last grew.
        usual_share, refused_share: of calls that were refused before the circuit breaker tripped, and lately.
        crowd: how many calls may be in flight.
    """

    due: dict[str, float] = field(default_factory=dict)
    holders: dict[str, float] = field(default_factory=dict)
    closed_until: float = 0.0
    half_open: bool = False
    canary: str | None = None
    canary_until: float = 0.0
    suspects: dict[str, float] = field(default_factory=dict)
    accepted: list[tuple[float, int]] = field(default_factory=list)
    learned: float | None = None
    ceiling: float = 0.0
    raised_at: float = 0.0
    usual_share: float = 0.0
    refused_share: float = 0.0
    crowd: Crowd = field(default_factory=Crowd)

    @classmethod
    def from_dict(cls, held: dict[str, Any]) -> "LimitState":
        """Of JSON, which another version of this may have written."""
        known = {name: held[name] for name in cls.__dataclass_fields__ if name in held}
        return cls(**known | {"crowd": Crowd(**held.get("crowd", {}))})

    @classmethod
    def restored(cls, seen: dict[str, Any], now: float) -> "LimitState":
        """What a store that has lost it gets back: all slots that anybody may hold are taken to be leased."""
        state = cls.from_dict(seen)
        state.due = {name: max(due, now + HORIZON_SECONDS + SLICE_SECONDS) for name, due in state.due.items()}
        return state

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """What one worker wants.

    Args:
        holder: its name.
        rates: configured limits per second, by dimension; those without one are not in it.
        wants: amounts that it can use within a slice, by dimension.
        least: amounts that it needs to send one request.
        sent, refused: calls since it last said so, and 429s.
    """

    holder: str
    rates: dict[str, float]
    wants: dict[str, float]
    least: dict[str, float]
    sent: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class SlotRange:
    """Slots in one dimension: `amount` units from `start` on, `per_second` of them."""

    start: float
    amount: float
    per_second: float

    def without(self, first: float) -> "SlotRange":
        """What is left of it without so many of its first slots."""
        return SlotRange(self.start + first / self.per_second, self.amount - first, self.per_second)


@dataclass(frozen=True, slots=True)
class Lease:
    """What it gets.

    Args:
        now: the store's clock.
        ranges: by dimension, of those that are limited.
        is_at_limit: more is wanted than there is, so slots are to be used on time or not at all.
        wait_seconds: ask again after so long; nothing is granted before.
        is_closed: because the circuit breaker has tripped; slots that are held already are not to be used either.
        is_canary: one request may go, and nothing else until it is back.
        holders: how many workers are there.
    """

    now: float
    ranges: dict[str, SlotRange]
    is_at_limit: bool = False
    wait_seconds: float = 0.0
    is_closed: bool = False
    is_canary: bool = False
    holders: int = 1


def lease(state: LimitState, now: float, request: LeaseRequest) -> Lease:
    """Lease the next slots of every limited dimension, or of none."""
    state.holders = {name: seen for name, seen in state.holders.items() if now - seen < HOLDER_SECONDS}
    state.holders[request.holder] = now
    _take_in(state, now, request.sent, request.refused)
    holders = len(state.holders)
    if now < state.closed_until:
        return Lease(now, {}, wait_seconds=state.closed_until - now, is_closed=True, holders=holders)
    if state.half_open:
        if state.canary is not None and now < state.canary_until:
            return Lease(now, {}, wait_seconds=CANARY_POLL_SECONDS, is_closed=True, holders=holders)
        state.canary, state.canary_until = request.holder, now + CANARY_SECONDS
        return Lease(now, {}, is_closed=True, is_canary=True, holders=holders)
    rates = _rates(state, now, request)
    ahead = max((state.due.get(name, 0.0) - now for name in rates), default=0.0)
    if ahead > HORIZON_SECONDS:
        return Lease(now, {}, wait_seconds=ahead - HORIZON_SECONDS, holders=holders)
    amounts = {
        name: float(max(int(min(request.wants[name], rate * SLICE_SECONDS)), request.least[name]))
        for name, rate in rates.items()
    }
    # The dimension that is not the bottleneck is stretched to the length of the one that is.
    seconds = max((amounts[name] / rate for name, rate in rates.items()), default=0.0)
    ranges = {}
    for name, rate in rates.items():
        start = max(state.due.get(name, 0.0), now)
        state.due[name] = start + amounts[name] / rate
        ranges[name] = SlotRange(max(start, now + max(ahead, 0.0)), amounts[name], amounts[name] / seconds)
    is_at_limit = ahead > 0 or any(request.wants[name] >= rate * SLICE_SECONDS for name, rate in rates.items())
    return Lease(now, ranges, is_at_limit=is_at_limit, holders=holders)


def _rates(state: LimitState, now: float, request: LeaseRequest) -> dict[str, float]:
    rates = dict(request.rates)
    if state.learned is None:
        return rates
    # Only time in which somebody asks counts, so that an idle hour proves nothing.
    elapsed = min(max(now - state.raised_at, 0.0), 1.0)
    if state.refused_share < state.usual_share:
        state.usual_share += (state.refused_share - state.usual_share) * elapsed / MEASURED_SECONDS
    growth = FAST_GROWTH
    if state.refused_share > state.usual_share + MORE_THAN_USUAL:
        if state.learned < NO_HELP * state.ceiling:
            # Fewer calls were not refused less: it is not the pace.
            state.usual_share = state.refused_share
        else:
            growth = max((1 - state.refused_share) / (1 - state.usual_share), FASTEST_FALL)
    elif NEAR_CEILING * state.ceiling <= state.learned <= BEYOND_CEILING * state.ceiling:
        growth = SLOW_GROWTH
    state.learned = max(state.learned * growth**elapsed, SLOWEST_PER_SECOND)
    state.raised_at = now
    if state.learned >= rates.get("requests", float("inf")):
        state.learned = None
    else:
        rates["requests"] = state.learned
    return {name: rate for name, rate in rates.items() if name in request.wants}


def _take_in(state: LimitState, now: float, sent: int, refused: int) -> None:
    """Count calls of one worker."""
    if not sent and not refused:
        return
    state.accepted = [(begin, count) for begin, count in state.accepted if now - begin < MEASURED_SECONDS]
    if state.accepted and now - state.accepted[-1][0] < 1.0:
        begin, count = state.accepted.pop()
        state.accepted.append((begin, count + sent - refused))
    else:
        state.accepted.append((now, sent - refused))
    # What comes back from before the circuit breaker tripped says nothing of the pace after it.
    if not state.half_open:
        weight = min(max(sent, refused) / SHARE_OF_CALLS, HEAVIEST)
        state.refused_share += (refused / max(sent, refused) - state.refused_share) * weight


def suspect(
    state: LimitState,
    now: float,
    *,
    holder: str,
    retry_after_seconds: float | None,
    usual_share: float,
    sent: int = 0,
    refused: int = 0,
    configured: float | None = None,
) -> float | None:
    """A worker takes its 429s for a sign that we are too fast; when half of the workers do, the circuit breaker trips.

    Args:
        holder: its name.
        retry_after_seconds: what the server asks for.
        usual_share: of calls that were refused before.
        sent, refused: see `LeaseRequest`.
        configured: requests per second that all may go at; None: not known.

    Returns:
        Seconds until the circuit breaker may reset; None when it has not tripped.
    """
    _take_in(state, now, sent, refused)
    if state.half_open:
        return max(state.closed_until - now, 0.0)
    state.suspects = {name: at for name, at in state.suspects.items() if now - at < SUSPECT_SECONDS}
    state.suspects[holder] = now
    if 2 * len(state.suspects) < len(state.holders):
        return None
    if state.learned is None:
        # At a later closing the refusals of the earlier ones would pass for usual.
        state.usual_share = usual_share
    state.refused_share = state.usual_share
    accepted = sum(count for _, count in state.accepted)
    if accepted > 0:
        per_second = max(accepted / max(now - state.accepted[0][0], 0.2), SLOWEST_PER_SECOND)
        state.learned = state.ceiling = min(per_second, state.learned or configured or per_second)
    state.suspects = {}
    return pause(state, now, retry_after_seconds)


def pause(state: LimitState, now: float, seconds: float | None) -> float:
    """Trip the circuit breaker without a cut: the server says that nothing is left. Returns seconds of pause."""
    wait = DEFAULT_PAUSE_SECONDS if seconds is None else seconds
    state.closed_until = max(state.closed_until, now + wait * (1 + random.uniform(0, JITTER)))
    state.half_open, state.canary = True, None
    return state.closed_until - now


def leave(state: LimitState, holder: str) -> None:
    """A worker ends: the others have its part at once."""
    state.holders.pop(holder, None)
    state.suspects.pop(holder, None)


def reopen(state: LimitState, now: float) -> None:
    """The canary was answered: let everybody through."""
    if now >= state.closed_until:
        state.half_open, state.canary, state.raised_at = False, None, now


def canary_lost(state: LimitState, now: float) -> None:
    """The canary came back without an answer and without a 429: let somebody try another."""
    state.canary, state.canary_until = None, now
