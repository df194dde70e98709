"""How long a question waits after a failed call, and when the record is itself the trouble."""

import pytest

from include.llm.providers.provider_errors import Failure, PassingTrouble, RateLimited
from include.llm.providers.service_tier import NoRoom
from include.llm.setbacks import LONGEST_WAIT_SECONDS, MAX_ATTEMPTS, MAX_REFUSALS, RETRY_AFTER_JITTER, Setbacks

BROKEN = PassingTrouble("server_error", "The endpoint answered 500")
BUSY = PassingTrouble("server_error", "The endpoint answered 503", retry_after_seconds=3.0)


def after(*failures: Failure, last_answer: float = 0.0) -> Setbacks:
    """Setbacks of a question, one failure a second from the first second on."""
    setbacks = Setbacks(failures[0], since=0.0)
    for second, failure in enumerate(failures, 1):
        setbacks.add(failure, last_answer, float(second))
    return setbacks


def waits(*failures: Failure) -> list[float]:
    """A few hundred draws."""
    return [after(*failures).wait_seconds() for _ in range(300)]


@pytest.mark.parametrize("before", [[], [BROKEN] * 6, [RateLimited(1.0)] * 30])
def test_what_a_429_asks_for_is_waited_for_and_little_more(before: list[Failure]) -> None:
    drawn = waits(*before, RateLimited(2.0))
    assert min(drawn) >= 2.0
    assert max(drawn) <= 2.0 * (1 + RETRY_AFTER_JITTER)


@pytest.mark.parametrize(("count", "longest"), [(1, 0.5), (2, 1.0), (4, 4.0), (20, LONGEST_WAIT_SECONDS)])
def test_waits_after_failures_grow_and_differ(count: int, longest: float) -> None:
    for failure in (BROKEN, RateLimited(None)):
        drawn = waits(*[failure] * count)
        assert longest / 2 < max(drawn) <= longest
        assert min(drawn) < longest / 2


def test_a_record_that_flex_has_no_room_for_waits_longer_and_longer_and_is_never_to_blame() -> None:
    full = NoRoom("Flex has no room now (429)")
    assert 0.25 < max(waits(full)) <= 0.5
    assert LONGEST_WAIT_SECONDS / 2 < max(waits(*[full] * 20)) <= LONGEST_WAIT_SECONDS
    assert min(waits(NoRoom("Flex has no room now (429)", retry_after_seconds=4.0))) >= 4.0
    refused = after(*[full] * 10 * MAX_REFUSALS, last_answer=1e9)
    assert not refused.is_poisoned and not refused.needs_probe(full, last_answer=0.0)


def test_a_429_makes_no_later_wait_longer() -> None:
    assert max(waits(*[RateLimited(1.0)] * 9, BROKEN)) <= 0.5


def test_no_wait_is_shorter_than_a_failing_server_asks_for() -> None:
    assert min(waits(BUSY)) == 3.0


@pytest.mark.parametrize(("failure", "most"), [(BROKEN, MAX_ATTEMPTS), (RateLimited(1.0), MAX_REFUSALS)])
def test_only_what_fails_while_others_are_answered_is_the_records_own_trouble(failure: Failure, most: int) -> None:
    assert not after(*[failure] * (most - 1), last_answer=1e9).is_poisoned
    poisoned = after(*[failure] * most, last_answer=1e9)
    assert (poisoned.is_poisoned, poisoned.times) == (True, most)
    assert not after(*[failure] * 2 * most, last_answer=0.0).is_poisoned


def test_what_is_overdue_with_all_others_is_nobodys_trouble() -> None:
    overdue = PassingTrouble("timeout", "No answer within 120 s", is_everybodys=True)
    assert not after(*[overdue] * 3 * MAX_ATTEMPTS, last_answer=1e9).is_poisoned
    assert not after(*[overdue] * MAX_ATTEMPTS).needs_probe(overdue, last_answer=0.0)
    # It does wait longer each time.
    assert max(waits(*[overdue] * 20)) > LONGEST_WAIT_SECONDS / 2
    assert after(*[overdue] * MAX_ATTEMPTS, *[BROKEN] * MAX_ATTEMPTS, last_answer=1e9).is_poisoned


def test_a_probe_is_needed_once_it_fails_often_and_nobody_is_answered() -> None:
    alone = after(*[BROKEN] * (MAX_ATTEMPTS - 1))
    assert alone.needs_probe(BROKEN, last_answer=0.0)
    assert not alone.needs_probe(RateLimited(1.0), last_answer=0.0)
    assert not alone.needs_probe(BROKEN, last_answer=1e9)
    assert not after(BROKEN).needs_probe(BROKEN, last_answer=0.0)
