"""What the shared steps promise: even slots, one canary, one cut an episode."""

import pytest

from include.limits.state import (
    CANARY_SECONDS,
    HOLDER_SECONDS,
    HORIZON_SECONDS,
    SLICE_SECONDS,
    Ask,
    LimitState,
    canary_lost,
    lease,
    pause,
    reject,
    reopen,
)


def ask(holder: str = "a", wants: float = 100.0, tokens: float = 1000.0, **rates: float) -> Ask:
    limits = {name.removesuffix("_per_second"): rate for name, rate in rates.items()}
    return Ask(holder, limits, {"requests": wants, "tokens": tokens}, {"requests": 1.0, "tokens": 10.0})


def test_leases_follow_each_other_without_gap_or_overlap() -> None:
    state = LimitState()
    first = lease(state, 0.0, ask("a", wants=1000, requests_per_second=100.0)).stretches["requests"]
    second = lease(state, 0.0, ask("b", wants=1000, requests_per_second=100.0)).stretches["requests"]
    assert (first.start, first.amount) == (0.0, 100.0 * SLICE_SECONDS)
    assert second.start == pytest.approx(first.start + first.amount / 100.0)


def test_nobody_leases_more_than_the_horizon_ahead() -> None:
    state = LimitState()
    grants = [lease(state, 0.0, ask(wants=1000, requests_per_second=100.0)) for _ in range(10)]
    granted = sum(grant.stretches["requests"].amount for grant in grants if grant.stretches)
    assert granted <= 100.0 * (HORIZON_SECONDS + SLICE_SECONDS)
    assert grants[-1].wait_seconds > 0


def test_an_idle_hour_saves_nothing_up() -> None:
    state = LimitState()
    lease(state, 0.0, ask(requests_per_second=10.0))
    assert lease(state, 3600.0, ask(requests_per_second=10.0)).stretches["requests"].start == 3600.0


def test_both_dimensions_are_leased_or_none() -> None:
    state = LimitState()
    state.due["tokens"] = 10.0
    grant = lease(state, 0.0, ask(requests_per_second=100.0, tokens_per_second=100.0))
    assert grant.stretches == {}
    assert state.due.get("requests", 0.0) == 0.0


def test_the_dimension_that_is_no_bottleneck_is_spread_over_the_same_time() -> None:
    stretches = lease(
        LimitState(), 0.0, ask(wants=10, tokens=1000, requests_per_second=1000.0, tokens_per_second=1000.0)
    ).stretches
    assert stretches["requests"].amount / stretches["requests"].per_second == pytest.approx(
        stretches["tokens"].amount / stretches["tokens"].per_second
    )


def test_a_request_heavier_than_a_slice_gets_through() -> None:
    heavy = Ask("a", {"tokens": 10.0}, {"tokens": 500.0}, {"tokens": 500.0})
    assert lease(LimitState(), 0.0, heavy).stretches["tokens"].amount == 500.0


def test_a_worker_that_is_not_heard_of_is_gone() -> None:
    state = LimitState()
    lease(state, 0.0, ask("a"))
    assert lease(state, 1.0, ask("b")).holders == 2
    assert lease(state, HOLDER_SECONDS + 0.5, ask("b")).holders == 1


def test_after_a_429_nobody_goes_until_the_retry_after_is_over() -> None:
    state = LimitState()
    wait = reject(state, 10.0, sent_at=9.9, retry_after_seconds=5.0, per_second=50.0)
    assert 5.0 <= wait <= 5.2
    grant = lease(state, 12.0, ask())
    assert grant.is_closed
    assert grant.wait_seconds == pytest.approx(wait - 2.0)


def test_one_canary_goes_first_and_its_answer_opens_the_gate() -> None:
    state = LimitState()
    reject(state, 0.0, sent_at=0.0, retry_after_seconds=1.0, per_second=50.0)
    assert lease(state, 2.0, ask("a")).is_canary
    assert not lease(state, 2.0, ask("b")).is_canary
    assert lease(state, 2.0, ask("b")).is_closed
    reopen(state, 2.1)
    assert not lease(state, 2.2, ask("b")).is_closed


@pytest.mark.parametrize("how", ["it failed", "its worker died"])
def test_a_lost_canary_is_followed_by_another(how: str) -> None:
    state = LimitState()
    reject(state, 0.0, sent_at=0.0, retry_after_seconds=1.0, per_second=50.0)
    lease(state, 2.0, ask("a"))
    if how == "it failed":
        canary_lost(state, 2.5)
        assert lease(state, 2.5, ask("b")).is_canary
    else:
        assert not lease(state, 2.5, ask("b")).is_canary
        assert lease(state, 2.1 + CANARY_SECONDS, ask("b")).is_canary


def test_the_rate_is_cut_once_an_episode_however_many_429s_it_has() -> None:
    state = LimitState()
    for late in range(20):
        reject(state, 1.0 + late / 100, sent_at=0.9, retry_after_seconds=1.0, per_second=100.0)
    assert state.learned == 50.0
    lease(state, 3.0, ask())
    reopen(state, 3.1)
    # Sent before the gate opened: the last episode's.
    reject(state, 3.2, sent_at=2.9, retry_after_seconds=1.0, per_second=100.0)
    assert state.learned == pytest.approx(50.0)


def test_the_cut_rate_grows_fast_to_just_below_the_ceiling_and_then_slowly() -> None:
    state = LimitState()
    reject(state, 0.0, sent_at=0.0, retry_after_seconds=0.0, per_second=100.0)
    reopen(state, 1.0)
    rates = []
    for second in range(1, 16):
        lease(state, float(second), ask())
        rates.append(state.learned)
    assert rates[5] == pytest.approx(50.0 * 1.12**5)
    assert rates[-1] == pytest.approx(50.0 * 1.12**6 * 1.01**8)


def test_the_configured_limit_is_never_exceeded_by_what_is_learned() -> None:
    state = LimitState()
    reject(state, 0.0, sent_at=0.0, retry_after_seconds=0.0, per_second=20.0)
    reopen(state, 1.0)
    for second in range(1, 60):
        stretches = lease(state, float(second), ask(requests_per_second=15.0)).stretches
        assert stretches["requests"].per_second <= 15.0 + 1e-9
    assert state.learned is None


def test_a_used_up_quota_in_a_header_pauses_without_a_cut() -> None:
    state = LimitState()
    pause(state, 0.0, 2.0)
    assert state.learned is None
    assert lease(state, 1.0, ask()).is_closed
