"""What the shared steps promise: even slots, one canary, one cut an episode."""

import pytest

from include.limits.state import (
    CANARY_SECONDS,
    HOLDER_SECONDS,
    HORIZON_SECONDS,
    SLICE_SECONDS,
    LeaseRequest,
    LimitState,
    canary_lost,
    lease,
    pause,
    reopen,
    suspect,
)


def ask(holder: str = "a", wants: float = 100.0, tokens: float = 1000.0, **rates: float) -> LeaseRequest:
    limits = {name.removesuffix("_per_second"): rate for name, rate in rates.items()}
    return LeaseRequest(holder, limits, {"requests": wants, "tokens": tokens}, {"requests": 1.0, "tokens": 10.0})


def test_leases_follow_each_other_without_gap_or_overlap() -> None:
    state = LimitState()
    first = lease(state, 0.0, ask("a", wants=1000, requests_per_second=100.0)).ranges["requests"]
    second = lease(state, 0.0, ask("b", wants=1000, requests_per_second=100.0)).ranges["requests"]
    assert (first.start, first.amount) == (0.0, 100.0 * SLICE_SECONDS)
    assert second.start == pytest.approx(first.start + first.amount / 100.0)


def test_nobody_leases_more_than_the_horizon_ahead() -> None:
    state = LimitState()
    leases = [lease(state, 0.0, ask(wants=1000, requests_per_second=100.0)) for _ in range(10)]
    granted = sum(granted.ranges["requests"].amount for granted in leases if granted.ranges)
    assert granted <= 100.0 * (HORIZON_SECONDS + SLICE_SECONDS)
    assert leases[-1].wait_seconds > 0


def test_an_idle_hour_saves_nothing_up() -> None:
    state = LimitState()
    lease(state, 0.0, ask(requests_per_second=10.0))
    assert lease(state, 3600.0, ask(requests_per_second=10.0)).ranges["requests"].start == 3600.0


def test_both_dimensions_are_leased_or_none() -> None:
    state = LimitState()
    state.due["tokens"] = 10.0
    granted = lease(state, 0.0, ask(requests_per_second=100.0, tokens_per_second=100.0))
    assert granted.ranges == {}
    assert state.due.get("requests", 0.0) == 0.0


def test_the_dimension_that_is_no_bottleneck_is_spread_over_the_same_time() -> None:
    ranges = lease(
        LimitState(), 0.0, ask(wants=10, tokens=1000, requests_per_second=1000.0, tokens_per_second=1000.0)
    ).ranges
    assert ranges["requests"].amount / ranges["requests"].per_second == pytest.approx(
        ranges["tokens"].amount / ranges["tokens"].per_second
    )


def test_a_request_heavier_than_a_slice_gets_through() -> None:
    heavy = LeaseRequest("a", {"tokens": 10.0}, {"tokens": 500.0}, {"tokens": 500.0})
    assert lease(LimitState(), 0.0, heavy).ranges["tokens"].amount == 500.0


def test_a_worker_that_is_not_heard_of_is_gone() -> None:
    state = LimitState()
    lease(state, 0.0, ask("a"))
    assert lease(state, 1.0, ask("b")).holders == 2
    assert lease(state, HOLDER_SECONDS + 0.5, ask("b")).holders == 1


def close(state: LimitState, now: float, seconds: float | None = 1.0, accepted: int = 0, usual: float = 0.0) -> float:
    """One worker, of whose calls so many were accepted in the second before, says that we are too fast."""
    lease(state, now - 1.0, LeaseRequest("a", {}, {}, {}, sent=accepted))
    wait = suspect(state, now, holder="a", retry_after_seconds=seconds, usual_share=usual, refused=8, sent=8)
    assert wait is not None
    return wait


def test_when_the_gate_closes_nobody_goes_until_the_retry_after_is_over() -> None:
    state = LimitState()
    wait = close(state, 10.0, 5.0)
    assert 5.0 <= wait <= 5.2
    granted = lease(state, 12.0, ask())
    assert granted.is_closed
    assert granted.wait_seconds == pytest.approx(wait - 2.0)


def test_one_canary_goes_first_and_its_answer_opens_the_gate() -> None:
    state = LimitState()
    close(state, 0.0)
    assert lease(state, 2.0, ask("a")).is_canary
    assert not lease(state, 2.0, ask("b")).is_canary
    assert lease(state, 2.0, ask("b")).is_closed
    reopen(state, 2.1)
    assert not lease(state, 2.2, ask("b")).is_closed


@pytest.mark.parametrize("how", ["it failed", "its worker died"])
def test_a_lost_canary_is_followed_by_another(how: str) -> None:
    state = LimitState()
    close(state, 0.0)
    lease(state, 2.0, ask("a"))
    if how == "it failed":
        canary_lost(state, 2.5)
        assert lease(state, 2.5, ask("b")).is_canary
    else:
        assert not lease(state, 2.5, ask("b")).is_canary
        assert lease(state, 2.1 + CANARY_SECONDS, ask("b")).is_canary


def test_half_of_the_workers_have_to_say_so() -> None:
    state = LimitState()
    for name in "abcd":
        lease(state, 0.0, ask(name))
    said = {"retry_after_seconds": 1.0, "usual_share": 0.0, "sent": 8, "refused": 8}
    assert suspect(state, 0.1, holder="a", **said) is None
    assert suspect(state, 0.2, holder="a", **said) is None
    # So long ago that it no longer counts.
    assert suspect(state, 1.5, holder="b", **said) is None
    assert suspect(state, 1.6, holder="c", **said) is not None


def test_the_pace_is_what_was_accepted_however_many_say_that_it_was_too_fast() -> None:
    state = LimitState()
    wait = close(state, 1.0, accepted=100)
    assert state.learned == pytest.approx(100.0)
    again = suspect(state, 1.5, holder="b", retry_after_seconds=60.0, usual_share=0.0, sent=8, refused=8)
    assert state.learned == pytest.approx(100.0)
    assert again == pytest.approx(wait - 0.5)


def test_where_nothing_was_accepted_no_pace_is_learned() -> None:
    state = LimitState()
    close(state, 1.0)
    assert state.learned is None


def test_the_pace_grows_slowly_around_what_was_accepted_and_fast_beyond() -> None:
    state = LimitState()
    close(state, 1.0, accepted=100)
    reopen(state, 2.1)
    rates = []
    for second in range(2, 20):
        lease(state, second + 0.1, ask())
        rates.append(state.learned)
    assert rates[5] == pytest.approx(100.0 * 1.01**5)
    assert rates[-1] == pytest.approx(100.0 * 1.01**10 * 1.12**7)


def refuse_for(state: LimitState, seconds: float, share: float) -> float | None:
    """Ten leases a second, and so large a share of the calls at the learned pace refused."""
    for tenth in range(round(seconds * 10)):
        sent = round((state.learned or 0) / 10)
        lease(
            state,
            2.1 + tenth / 10,
            LeaseRequest("a", {}, {"requests": 9.0}, {"requests": 1.0}, sent, round(sent * share)),
        )
    return state.learned


def test_the_pace_follows_what_is_accepted_where_more_is_refused_than_was_usual() -> None:
    state = LimitState()
    close(state, 1.0, accepted=1000, usual=0.05)
    reopen(state, 2.1)
    learned = refuse_for(state, 2.0, share=0.3)
    assert learned is not None
    assert 500 < learned < 850


@pytest.mark.parametrize(("usual", "share"), [(0.2, 0.2), (0.0, 0.4)], ids=["as before", "whatever the pace"])
def test_where_fewer_calls_are_not_refused_less_the_pace_comes_back(usual: float, share: float) -> None:
    state = LimitState()
    close(state, 1.0, accepted=1000, usual=usual)
    reopen(state, 2.1)
    learned = refuse_for(state, 30.0, share)
    assert learned is not None
    assert learned > 1000


def test_the_configured_limit_is_never_exceeded_by_what_is_learned() -> None:
    state = LimitState()
    close(state, 1.0, accepted=10)
    reopen(state, 2.1)
    for second in range(2, 60):
        ranges = lease(state, second + 0.1, ask(requests_per_second=15.0)).ranges
        assert ranges["requests"].per_second <= 15.0 + 1e-9
    assert state.learned is None


def test_a_used_up_quota_in_a_header_pauses_without_a_cut() -> None:
    state = LimitState()
    pause(state, 0.0, 2.0)
    assert state.learned is None
    assert lease(state, 1.0, ask()).is_closed
