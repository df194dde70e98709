"""Which orders of refusals say that we are too fast."""

import random

import pytest

from include.limits.refusals import FEW_CALLS, LAST_CALLS, MOST_BY, Refusals, Verdict


def of_share(share: float, calls: int = 20 * LAST_CALLS) -> Refusals:
    """After many calls of which that share was refused, none next to another."""
    refusals = Refusals()
    for number in range(1, calls + 1):
        refusals.sent += 1
        if int(number * share) > int((number - 1) * share):
            refusals.judge(number, number / 1000, None, 1)
        else:
            refusals.answered()
    refusals.begin_anew()
    return refusals


def refuse(refusals: Refusals, offsets: list[int], seconds: float = 0.01, workers: int = 1) -> Verdict | None:
    """Refuse calls by their order, the next one first; the last verdict."""
    verdict, before = None, refusals.sent
    refusals.sent += max(offsets)
    for offset in offsets:
        verdict = refusals.judge(before + offset, 100.0 + offset * seconds, 1.0, workers)
    return verdict


@pytest.mark.parametrize(
    ("offsets", "closes"),
    [
        (list(range(1, MOST_BY)), False),
        (list(range(1, MOST_BY + 1)), True),
        (list(range(MOST_BY, 0, -1)), True),
        ([1, 2, 3, 5, 6, 7, 9, 10, 11, 12], True),
        (list(range(1, 2 * MOST_BY, 2)), False),
        (list(range(1, 400, 2)), False),
        ([1, 20], False),
    ],
    ids=["too few", "eight", "eight, the last first", "ten of twelve", "one in two", "one in two for long", "two"],
)
def test_a_majority_of_at_least_eight_calls_closes(offsets: list[int], closes: bool) -> None:
    assert (refuse(of_share(0.0), offsets) is not None) is closes


def test_where_refusals_are_usual_more_are_needed() -> None:
    needed = []
    for share in (0.0, 0.1, 0.25, 0.4):
        refusals = of_share(share)
        count = 1
        while refuse(refusals, [1]) is None:
            count += 1
        needed.append(count)
    assert needed == sorted(needed)
    assert needed[0] == MOST_BY < needed[-1]


def test_fewer_calls_are_enough_when_all_are_refused_for_a_second() -> None:
    assert refuse(of_share(0.0), list(range(1, FEW_CALLS + 1)), seconds=0.6) is not None
    assert refuse(of_share(0.0), list(range(1, FEW_CALLS + 1)), seconds=0.4) is None
    assert refuse(of_share(0.0), [1, 2, 4], seconds=1.0) is None


def test_what_was_sent_before_the_gate_opened_says_nothing() -> None:
    refusals = of_share(0.0)
    refusals.sent += 100
    refusals.begin_anew()
    sent = refusals.sent
    assert all(refusals.judge(number, 0.0, 1.0, 1) is None for number in range(sent - 50, sent + 1))


def test_a_verdict_asks_for_what_most_refusals_ask_for() -> None:
    refusals = of_share(0.0)
    verdicts = []
    for number in range(MOST_BY):
        refusals.sent += 1
        verdicts.append(refusals.judge(refusals.sent, 100.0, 600.0 if number == 2 else 2.0, 1))
    assert [verdict.retry_after_seconds for verdict in verdicts if verdict] == [2.0]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2, 0.3, 0.4])
def test_chance_alone_hardly_ever_closes(share: float) -> None:
    closed = 0
    for seed in range(5):
        chance, refusals = random.Random(seed), Refusals()
        for _ in range(1_000):
            refusals.sent += 1
            if chance.random() < share:
                closed += refusals.judge(refusals.sent, refusals.sent / 1000, 1.0, 1) is not None
            else:
                refusals.answered()
    assert closed == 0
