"""The failed calls of one question: how long it waits before the next one, and when it is itself the trouble."""

import random
from typing import cast

from tenacity import RetryCallState

from include.llm.providers.provider_errors import Failure, PassingTrouble, RateLimited
from include.llm.providers.service_tier import NoRoom

# While others are answered, a record that fails this often within half a minute is itself the trouble. Where one back
# end of several is at its limit, four calls in ten are refused by chance alone.
MAX_ATTEMPTS, MAX_REFUSALS = 7, 40
# What a server asks for is asked for of many at once.
RETRY_AFTER_JITTER = 0.1
# As the SDK has it.
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0


class Setbacks:
    """Of one question, from its first failure until it is answered or given up.

    A failure is a strike against the record only when somebody was answered since its last one, and when it was not
    overdue as all others were.

    Args:
        first: failure, which is to be added too.
        since: when its call was sent.
    """

    def __init__(self, first: Failure, since: float) -> None:
        self._last, self._since = first, since
        self._count = self._troubles = 0
        self._strikes: dict[type[Failure], int] = {PassingTrouble: 0, RateLimited: 0, NoRoom: 0}

    def needs_probe(self, failure: Failure, last_answer: float) -> bool:
        """Whether a tiny question has to tell a poisoned record from an outage, because nobody else was answered.

        Args:
            failure: that is to be added.
            last_answer: when anybody was answered last.
        """
        is_its_own = isinstance(failure, PassingTrouble) and not failure.is_everybodys
        return is_its_own and self._count + 1 >= MAX_ATTEMPTS and last_answer <= self._since

    def add(self, failure: Failure, last_answer: float, now: float) -> None:
        """Count one.

        Args:
            last_answer: when anybody was answered last.
        """
        self._last = failure
        self._count += 1
        self._troubles += isinstance(failure, PassingTrouble)
        is_everybodys = isinstance(failure, PassingTrouble) and failure.is_everybodys
        self._strikes[type(failure)] += last_answer > self._since and not is_everybodys
        self._since = now

    @property
    def times(self) -> int:
        """How often it has failed in the way of the last time while others were answered."""
        return self._strikes[type(self._last)]

    @property
    def is_poisoned(self) -> bool:
        """Whether the record is itself the trouble."""
        return self._strikes[PassingTrouble] >= MAX_ATTEMPTS or self._strikes[RateLimited] >= MAX_REFUSALS

    def wait_seconds(self) -> float:
        """How long to wait now; refusals are no failures, and the next one is as likely as the first."""
        asked = self._last.retry_after_seconds
        is_refused = not isinstance(self._last, PassingTrouble)
        if is_refused and asked:
            # The server knows better than a guess that grows.
            return asked * (1 + random.uniform(0, RETRY_AFTER_JITTER))
        tries = self._count if is_refused else self._troubles
        return max(random.uniform(0, longest_wait_seconds(tries)), asked or 0.0)


def longest_wait_seconds(tries: int) -> float:
    """How long to wait at most before what has failed `tries` times is tried again."""
    return min(FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 10), LONGEST_WAIT_SECONDS)


def setbacks_of(state: RetryCallState) -> Setbacks:
    """What was put into a state as its outcome."""
    assert state.outcome is not None
    return cast(Setbacks, state.outcome.result())
