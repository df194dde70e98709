"""What is news, and how seldom chance is taken for it."""

import numpy as np
import pytest

from include.report.news import Shared, changes, interval, looked_at, shared

# Of seventeen topics, as reviews have them.
SHARES = np.array([20, 15, 12, 10, 8, 7, 6, 5, 4, 3, 3, 2, 2, 1, 1, 0.5, 0.5]) / 100
NIGHTS, WEEKS, LOOKS = 30, 5, 28


def counts(nights: np.ndarray) -> dict[str, int]:
    """By topic, of some nights."""
    return {str(topic): int(count) for topic, count in enumerate(nights.sum(axis=0))}


def headlines(nights: np.ndarray) -> list[set[str]]:
    """What each night of the last month calls news, from counts by night and topic."""
    found = []
    for end in range(len(nights) - NIGHTS, len(nights)):
        week, before = nights[end - 7 : end], nights[end - 7 * WEEKS : end - 7]
        news = changes(counts(week), int(week.sum()), counts(before), int(before.sum()), LOOKS)
        found.append({f"{change.label} {change.kind}" for change in news})
    return found


def month(rate: float, seed: int) -> np.ndarray:
    """Nights of a month, and of the weeks before it."""
    chance = np.random.default_rng(seed)
    return np.array([chance.multinomial(chance.poisson(rate), SHARES) for _ in range(7 * WEEKS + NIGHTS)])


@pytest.mark.parametrize("rate", [3, 60, 400])
def test_a_quiet_month_has_at_most_one_false_headline(rate: float) -> None:
    assert sum(map(bool, headlines(month(rate, seed=0)))) <= 1


def test_a_topic_that_doubles_is_found_within_a_week_and_called_what_it_is() -> None:
    nights = month(60, seed=1)
    nights[-8:, 7] *= 3
    found = headlines(nights)
    assert "7 rising" in found[-1]
    assert not any("7 rising" in night for night in found[:-8])


def test_it_is_corrected_for_all_topics_that_were_looked_at_and_for_each_night() -> None:
    now, before = {"login": 9}, {"login": 1}
    others = {f"topic {number}": 5 for number in range(20)}
    assert [change.label for change in changes(now, 24, before, 23)] == ["login"]
    assert not changes({**now, **others}, 24, {**before, **others}, 23)
    assert not changes(now, 24, before, 23, looks=28)


def test_a_busy_week_is_no_news() -> None:
    assert not changes({"login": 100, "ads": 300}, 400, {"login": 25, "ads": 75}, 100)


def test_what_is_sure_but_small_is_no_news() -> None:
    """Of a million, a share of 20.0 % differs from one of 20.5 % beyond doubt."""
    assert not changes({"login": 205_000}, 1_000_000, {"login": 200_000}, 1_000_000)


def test_few_are_no_news_however_rare_they_were() -> None:
    assert looked_at({"a": 4, "b": 5}, {"c": 2}) == ["b"]
    assert not changes({"a": 4}, 10, {}, 10_000)


def test_kinds_and_their_order_by_how_many_they_concern() -> None:
    now = {"new": 30, "up": 90, "same": 100, "down": 5}
    before = {"up": 60, "same": 200, "down": 120}
    found = changes(now, 500, before, 1_000)
    assert [(change.label, change.kind) for change in found] == [
        ("up", "rising"),
        ("new", "new"),
        ("down", "fading"),
    ]
    assert found[0].gained == pytest.approx(60)


@pytest.mark.parametrize(("now_of", "before_of"), [(0, 10), (10, 0)])
def test_without_one_side_there_is_nothing_to_compare(now_of: int, before_of: int) -> None:
    assert not changes({"login": now_of}, now_of, {"login": before_of}, before_of)


def test_an_interval_holds_its_count_and_ends_at_all() -> None:
    assert interval(9, 24) == (5, 14)
    assert interval(0, 20) == (0, 3)
    assert interval(20, 20) == (17, 20)


def test_records_share_the_value_that_the_others_have_least() -> None:
    own = {("version", "6.3"): 31, ("country", "US"): 20, ("version", "6.2"): 10, ("rating", "1"): 35}
    everybody = {("version", "6.3"): 61, ("country", "US"): 100, ("version", "6.2"): 139, ("rating", "1"): 90}
    assert shared(own, 41, everybody, 200) == [
        Shared("version", "6.3", 31, 41, 30, 159),
        Shared("rating", "1", 35, 41, 55, 159),
    ]


def test_nothing_is_shared_by_chance_or_where_there_are_no_others() -> None:
    assert shared({("version", "6.3"): 21}, 41, {("version", "6.3"): 100}, 200) == []
    assert shared({("version", "6.3"): 41}, 41, {("version", "6.3"): 41}, 41) == []
    assert shared({("version", "6.3"): 2}, 2, {("version", "6.3"): 2}, 200) == []
