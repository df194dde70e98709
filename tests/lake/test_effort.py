"""Efforts add up, and are read back from rows of any table and any version."""

import pytest

from include.lake.effort import NO_EFFORT, Effort, Service, Usage

ONE = Effort(Usage(10, 1, 5, 2, 3), 0.5, attempts=2, latency_ms=70, requests=4, retries=1, rate_limited=6)


def test_efforts_add_up_and_an_unknown_cost_makes_the_sum_unknown() -> None:
    assert ONE + NO_EFFORT == NO_EFFORT + ONE == ONE
    assert Effort(Usage(20, 2, 10, 4, 6), 1.0, 4, 140, 8, 2, 12) == ONE + ONE
    unknown = Effort(Usage(1), None, attempts=1)
    assert (ONE + unknown).cost_usd is None and (unknown + ONE).cost_usd is None
    assert sum([ONE, unknown, ONE], NO_EFFORT) == Effort(Usage(21, 2, 10, 4, 6), None, 5, 140, 8, 2, 12)


@pytest.mark.parametrize("effort", [ONE, NO_EFFORT, Effort(Usage(1), None)])
def test_columns_are_read_back(effort: Effort) -> None:
    assert Effort.of_row({"record_id": "a", **effort.columns()}) == effort
    service = Service("online", None, "host:1", "max_tokens")
    assert Service.of_row({"record_id": "a", **service.columns()}) == service


def test_a_count_that_an_older_row_lacks_is_0_and_a_null_cost_is_unknown() -> None:
    older = {"prompt_tokens": 10, "cached_tokens": None, "completion_tokens": 5, "cost_usd": None, "attempts": 1}
    assert Effort.of_row(older) == Effort(Usage(10, 0, 5), None, attempts=1)
    assert Effort.of_row({"requests": 3}) == Effort(requests=3)
    assert Service.of_row({"mode": "online"}) == Service("online")
