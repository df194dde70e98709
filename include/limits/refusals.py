"""Whether 429s say that we are too fast, or only that one back end of several is at its limit.

The first kind stops when fewer calls go, and refuses nearly all until then; the second refuses a share of the calls
whatever the pace. So one 429 says nothing. What counts is how many of the calls that were sent since were refused too,
in the order in which they were sent: refusals come back at once, and answers take their time.
"""

import math
from bisect import insort
from dataclasses import dataclass
from statistics import median_low

# Of so many calls at least the refused ones must be the more: 8 of 8, 10 of 12, 16 of 24.
MOST_BY = 8
# One worker of several judges by its own calls, of which it needs only its part.
LEAST_BY = 3
# A share of refusals that is usual makes a majority likelier by chance: for a walk that goes up with probability p, the
# chance to be ever n above where it was is (p / (1 - p)) ** n. Here it is to be e^-14, one in a million.
CERTAINTY = 14.0
# So much more may be usual before anything is known; and what is the most and the least that is taken to be.
FIRST_DOUBT, LARGEST_SHARE, SMALLEST_SHARE = 0.3, 0.4, 0.005
# The share is one of about so many calls.
LAST_CALLS = 64
# Where fewer calls go, all of them for so long are enough; at least so many, and by chance once in 20,000 (e^-10).
ALL_SECONDS, FEW_CALLS, CERTAINTY_OF_FEW = 1.0, 3, 10.0
# Refusals that are remembered: enough for the largest share.
_REMEMBERED = 64


@dataclass(frozen=True, slots=True, order=True)
class _Refusal:
    number: int
    at: float
    retry_after_seconds: float | None
    usual_share: float
    doubt: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """We are too fast.

    Args:
        retry_after_seconds: what most of the refusals ask for; None: nothing.
        usual_share: of calls that were refused before.
    """

    retry_after_seconds: float | None
    usual_share: float


class Refusals:
    """What one worker sees of 429s. Its calls are numbered as they are sent, from 1.

    Attributes:
        sent, refused: calls so far, and those of them that came back with a 429.
    """

    def __init__(self) -> None:
        self.sent = self.refused = 0
        self._reported = (0, 0)
        self._since = 0
        self._share, self._doubt = 0.0, FIRST_DOUBT
        self._latest: list[_Refusal] = []

    def answered(self) -> None:
        """A call was let through."""
        self._share -= self._share / LAST_CALLS
        self._doubt -= self._doubt / LAST_CALLS

    def judge(self, number: int, now: float, retry_after_seconds: float | None, workers: int) -> Verdict | None:
        """Take in a 429 that came while the circuit breaker had not tripped.

        Args:
            number: of the call.
            now: in seconds, by any clock.
            retry_after_seconds: what the server asks for.
            workers: that share the limit.

        Returns:
            None as long as it may be chance.
        """
        if number <= self._since:
            return None
        refusal = _Refusal(number, now, retry_after_seconds, self._share, self._doubt)
        insort(self._latest, refusal, key=lambda one: one.number)
        del self._latest[:-_REMEMBERED]
        self._share += (1.0 - self._share) / LAST_CALLS
        self._doubt -= self._doubt / LAST_CALLS
        last = self._latest[-1].number
        for refused, first in enumerate(reversed(self._latest), 1):
            sent = last - first.number + 1
            if sent > 2 * _REMEMBERED:
                break
            if refused < sent and 2 * refused - sent < LEAST_BY:
                continue
            share = min(max(first.usual_share + first.doubt, SMALLEST_SHARE), LARGEST_SHARE)
            is_all = refused == sent and now - first.at >= ALL_SECONDS and refused >= _few(share)
            if is_all or 2 * refused - sent >= _many(share, workers):
                return Verdict(_most_ask(self._latest[-refused:]), first.usual_share)
        return None

    def begin_anew(self) -> None:
        """The circuit breaker has reset: 429s to calls that were sent before say nothing more."""
        self._since = self.sent
        self._latest.clear()

    def unreported(self) -> tuple[int, int]:
        """Calls that were sent, and those that were refused, since this was asked last."""
        before, self._reported = self._reported, (self.sent, self.refused)
        return self.sent - before[0], self.refused - before[1]


def _many(usual_share: float, workers: int) -> float:
    by_chance = CERTAINTY / math.log((1 - usual_share) / usual_share)
    return max(MOST_BY / workers, LEAST_BY, by_chance)


def _few(usual_share: float) -> float:
    return max(FEW_CALLS, CERTAINTY_OF_FEW / -math.log(usual_share))


def _most_ask(refusals: list[_Refusal]) -> float | None:
    asked = [one.retry_after_seconds for one in refusals if one.retry_after_seconds is not None]
    return median_low(asked) if asked else None
