"""Limits let through exactly what they allow, and say truly when there is room again."""

import pytest

from tests.fault_server import FaultServer, Limit, Plan
from tests.fault_server.limits import Limits, duration
from tests.fault_server_test.asking import ask


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        """The time."""
        return self.seconds


def admitted(limits: Limits, times: int, tokens: int = 1) -> int:
    """How many of so many requests get through now."""
    return sum(limits.admit(tokens, reserved=tokens) is None for _ in range(times))


def retry_after(limits: Limits, tokens: int = 1) -> str:
    """What a request that does not get through is told."""
    reply = limits.admit(tokens, reserved=tokens)
    assert reply is not None
    assert reply.status == 429
    return reply.headers["retry-after"]


def test_a_sliding_window_looks_back_from_each_request() -> None:
    """Ten in any minute: five now, five at 0:30, then room for five at 1:00 and for five more at 1:30."""
    clock = Clock()
    limits = Limits([Limit(requests=10)], clock)
    assert admitted(limits, 5) == 5
    clock.seconds = 30
    assert admitted(limits, 9) == 5
    assert retry_after(limits) == "30"
    clock.seconds = 59.5
    assert retry_after(limits) == "1"
    clock.seconds = 60
    assert admitted(limits, 9) == 5
    clock.seconds = 90
    assert admitted(limits, 9) == 5


def test_a_fixed_window_starts_anew_at_the_full_minute() -> None:
    """Ten at 0:59 and ten at 1:00 get through."""
    clock = Clock(59)
    limits = Limits([Limit(requests=10, window="fixed")], clock)
    assert admitted(limits, 15) == 10
    assert retry_after(limits) == "1"
    clock.seconds = 60
    assert admitted(limits, 15) == 10
    assert retry_after(limits) == "60"


def test_tokens_are_limited_too() -> None:
    """A request waits until enough tokens of earlier ones no longer count."""
    clock = Clock()
    limits = Limits([Limit(tokens=100)], clock)
    assert admitted(limits, 1, tokens=40) == 1
    clock.seconds = 10
    assert admitted(limits, 1, tokens=60) == 1
    assert retry_after(limits, tokens=30) == "50"
    assert retry_after(limits, tokens=50) == "60"
    clock.seconds = 60
    assert admitted(limits, 1, tokens=40) == 1


def test_a_request_larger_than_the_limit_never_gets_through() -> None:
    """It is told to wait for a whole span."""
    limits = Limits([Limit(tokens=100, per_seconds=30)], Clock())
    assert retry_after(limits, tokens=101) == "30"


def test_all_limits_hold_and_none_is_used_up_by_what_another_rejects() -> None:
    """Two a second and five a minute: 2, 2, 1 in the first three seconds."""
    clock = Clock()
    limits = Limits([Limit(requests=2, per_seconds=1), Limit(requests=5)], clock)
    counts = []
    for clock.seconds in (0, 1, 2, 3):
        counts.append(admitted(limits, 4))
    assert counts == [2, 2, 1, 0]


def test_rejected_requests_may_count_as_well() -> None:
    """Who hammers on never gets in; who waits does."""
    clock = Clock()
    limits = Limits([Limit(requests=2, counts_rejected=True)], clock)
    assert admitted(limits, 2) == 2
    clock.seconds = 50
    assert admitted(limits, 2) == 0
    clock.seconds = 60
    assert admitted(limits, 1) == 0
    clock.seconds = 120
    assert admitted(limits, 1) == 1


def test_reserved_tokens_are_those_of_the_longest_answer() -> None:
    """As OpenAI counts."""
    limits = Limits([Limit(tokens=100, charge="reserved")], Clock())
    assert limits.admit(10, reserved=100) is None
    assert limits.admit(10, reserved=100) is not None


def test_the_retry_after_of_a_plan_is_sent_as_it_is() -> None:
    """Whatever the truth is."""
    limits = Limits([Limit(requests=1, retry_after_seconds=5)], Clock())
    assert admitted(limits, 1) == 1
    assert retry_after(limits) == "5"


def test_headers_tell_what_is_left() -> None:
    """Of several limits, the one that is nearest to its end."""
    limits = Limits([Limit(requests=4, tokens=100), Limit(requests=100, per_seconds=1)], Clock())
    limits.admit(30, reserved=30)
    assert limits.headers() == {
        "x-ratelimit-limit-requests": "4",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "1m0s",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "70",
        "x-ratelimit-reset-tokens": "1m0s",
    }


@pytest.mark.parametrize(("seconds", "text"), [(0.12, "120ms"), (1.5, "1.5s"), (360, "6m0s"), (61.25, "1m1.25s")])
def test_durations_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    """Milliseconds below a second, minutes above sixty."""
    assert duration(seconds) == text


def test_the_server_enforces_its_limits() -> None:
    """Over HTTP: five answers, then 429s with headers, counted apart from the faults."""
    plan = Plan(limits=(Limit(requests=5),), rate_headers=True)
    with FaultServer(plan) as server:
        responses = [ask(server, f"Text {number}.") for number in range(8)]
        assert [response.status for response in responses] == [200] * 5 + [429] * 3
        assert responses[-1].error["code"] == "rate_limit_exceeded"
        assert 55 <= int(responses[-1].headers["retry-after"]) <= 60
        remaining = [response.headers["x-ratelimit-remaining-requests"] for response in responses]
        assert remaining == ["4", "3", "2", "1", "0", "0", "0", "0"]
        counters = server.counters()
        assert (counters.answered_ok, counters.rejected, counters.by_fault) == (5, 3, {})
        server.reset()
        assert ask(server, "Text 0.").status == 200


def test_the_server_charges_the_tokens_of_the_answer() -> None:
    """What the usage says is what the limit takes."""
    with FaultServer() as server:
        usage = ask(server, "The text.").json["usage"]["total_tokens"]
        server.set_plan(Plan(limits=(Limit(tokens=2 * usage),)))
        assert [ask(server, "The text.").status for _ in range(3)] == [200, 200, 429]
        server.set_plan(Plan(limits=(Limit(tokens=2 * usage - 1),)))
        assert [ask(server, "The text.").status for _ in range(2)] == [200, 429]
