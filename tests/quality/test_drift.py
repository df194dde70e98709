"""Simulated nights with stated effects: what has changed is named right in 19 of 20 of them."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest

from include.quality.drift import (
    CUSTOMERS,
    FEWEST_NIGHTS,
    MODEL,
    QUALITY,
    UNCLEAR,
    Labelled,
    Night,
    Verdict,
    judge,
    nights_in_words,
)

# As nights of support tickets are: usual shares of the values of four closed fields.
FIELDS = {
    "category": [0.3, 0.2, 0.12, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02],
    "priority": [0.5, 0.3, 0.15, 0.05],
    "sentiment": [0.2, 0.3, 0.1, 0.4],
    "escalation_risk": [0.7, 0.2, 0.1],
}
RECORDS, CANARIES = 500, 50
# A model at temperature 0 answers a few texts otherwise each time.
FLIPS = 0.03
SIMULATED = 40
RIGHT = SIMULATED * 19 // 20


def moved_by(field: str, value: int, points: float) -> Mapping[str, list[float]]:
    """The shares, one of them so many points higher and the others lower in proportion."""
    usual = FIELDS[field]
    wanted = usual[value] + points / 100
    others = [share * (1 - wanted) / (1 - usual[value]) for share in usual]
    return {**FIELDS, field: [*others[:value], wanted, *others[value + 1 :]]}


def a_night(
    rng: np.random.Generator,
    shares: Mapping[str, list[float]] = FIELDS,
    flips: float = FLIPS,
    records: int = RECORDS,
    canaries: int = CANARIES,
) -> Night:
    counts = {
        name: dict(zip(map(str, range(len(of_field))), map(int, rng.multinomial(records, of_field)), strict=True))
        for name, of_field in shares.items()
    }
    held = int(rng.binomial(records, 0.01))
    levels = {"length of the texts": float(np.exp(rng.normal(5, 0.05)))}
    counts["in quarantine"] = {"infer": held, "none": records}
    return Night(counts, levels, int(rng.binomial(canaries, flips)), canaries)


def simulated(seed: int, nights: int = 14, **tonight: object) -> Verdict:
    rng = np.random.default_rng(seed)
    before = [a_night(rng) for _ in range(nights)]
    return judge(a_night(rng, **tonight), before)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tonight", "causes"),
    [
        ({}, ()),
        ({"flips": FLIPS + 0.2}, (MODEL,)),
        ({"shares": moved_by("category", 1, 10)}, (CUSTOMERS,)),
        ({"shares": moved_by("category", 4, 10)}, (CUSTOMERS,)),
        ({"shares": moved_by("escalation_risk", 1, 10)}, (CUSTOMERS,)),
    ],
)
def test_what_has_changed_is_named_right_in_19_of_20_nights(
    tonight: dict[str, object], causes: tuple[str, ...]
) -> None:
    found = Counter(simulated(seed, **tonight).causes for seed in range(1000, 1000 + SIMULATED))
    assert found[causes] >= RIGHT, found


def test_a_night_that_differs_as_nights_do_is_no_news() -> None:
    """Twice as much as by chance, as days of the week differ: so many nights would seem to have moved otherwise."""

    def uneven(rng: np.random.Generator) -> Night:
        return a_night(rng, {name: list(rng.dirichlet([500 * one for one in of])) for name, of in FIELDS.items()})

    quiet = 0
    for seed in range(SIMULATED):
        rng = np.random.default_rng(seed)
        quiet += not judge(uneven(rng), [uneven(rng) for _ in range(14)]).moves
    assert quiet >= SIMULATED * 9 // 10


def test_when_the_model_changes_the_shares_that_move_with_it_are_not_the_customers() -> None:
    verdict = simulated(1, shares=moved_by("category", 4, 15), flips=0.3)
    assert verdict.causes == (MODEL,)
    assert verdict.sentence.startswith("The model changed: ") and "category 4" in verdict.sentence
    assert "not the model" not in verdict.sentence


def test_a_model_that_always_answers_some_texts_otherwise_is_not_said_to_change() -> None:
    rng = np.random.default_rng(3)
    before = [a_night(rng, flips=0.16) for _ in range(14)]
    noisy = Night(a_night(rng).counts, {}, 8, CANARIES)
    assert judge(noisy, before).causes == ()
    assert "8 of 50 canaries answer otherwise than the night before, usually " in judge(noisy, before).sentence
    assert MODEL in judge(noisy, [a_night(rng, flips=0.01) for _ in range(14)]).causes


def test_labelled_canaries_that_are_answered_worse_say_that_quality_fell() -> None:
    rng = np.random.default_rng(4)
    before, night = [a_night(rng) for _ in range(14)], a_night(rng)
    fell = judge(night, before, Labelled(worse=10, better=1, n=40, before=0.85, now=0.7))
    assert fell.causes == (QUALITY,)
    assert "Quality fell: 10 of 40 labelled canaries are answered worse (85 % right before, 70 % now)" in fell.sentence
    for harmless in (Labelled(5, 4, 40, 0.85, 0.84), Labelled(0, 9, 40, 0.7, 0.85), Labelled(0, 0, 40, 0.85, 0.85)):
        assert judge(night, before, harmless).causes == ()
    both = judge(Night(night.counts, {}, 20, CANARIES), before, Labelled(12, 1, 40, 0.85, 0.6))
    assert both.causes == (MODEL, QUALITY)


def test_without_canaries_nobody_says_whether_it_was_the_customers_or_the_model() -> None:
    verdict = simulated(2, shares=moved_by("category", 4, 15), canaries=0)
    assert verdict.causes == (UNCLEAR,)
    assert "nobody can tell the customers from the model" in verdict.sentence


@pytest.mark.parametrize("nights", range(FEWEST_NIGHTS))
def test_the_first_nights_are_compared_with_nothing_and_say_so(nights: int) -> None:
    verdict = simulated(5, nights, shares=moved_by("category", 4, 30))
    assert (verdict.causes, verdict.moves, verdict.nights) == ((), (), nights)
    assert f"Too early to say: {nights_in_words(nights)} to compare with" in verdict.sentence


def test_the_second_night_of_canaries_does_not_know_yet_what_is_usual() -> None:
    rng = np.random.default_rng(6)
    first = a_night(rng, canaries=0)
    verdict = judge(a_night(rng, flips=0.5), [first])
    assert verdict.causes == () and "what is usual is not known yet" in verdict.sentence


def test_a_few_nights_are_enough_for_a_large_move_and_a_small_night_says_nothing() -> None:
    assert simulated(7, FEWEST_NIGHTS, shares=moved_by("category", 4, 30)).causes == (CUSTOMERS,)
    assert simulated(7, shares=moved_by("category", 4, 30), records=20).moves == ()


def test_values_that_come_up_or_are_all_there_is_are_judged_too() -> None:
    """A defect nobody knew before, a field with one value, a night without the field."""
    counts = {"kind": {"bug": 90, "praise": 10}, "only": {"one": 100}, "gone": {}}
    before = [Night({"kind": {"praise": 100}, "only": {"one": 100}, "gone": {"x": 50, "y": 50}}) for _ in range(14)]
    moves = judge(Night(counts), before).moves
    assert {(move.field, move.value) for move in moves} == {("kind", "bug"), ("kind", "praise")}
    assert moves[0].says == "kind bug 90 % (83 to 94), 0 % before"


def test_lengths_and_costs_move_against_how_they_usually_do() -> None:
    rng = np.random.default_rng(8)
    usual = [Night({}, {"cost of an answer": float(level)}) for level in rng.normal(0.01, 0.0005, 14)]
    (move,) = judge(Night({}, {"cost of an answer": 0.015}), usual).moves
    assert move.says.startswith("cost of an answer +") and move.interval is None
    assert not judge(Night({}, {"cost of an answer": 0.0104}), usual).moves
    wild = [Night({}, {"cost of an answer": float(level)}) for level in (0.005, 0.02, 0.01, 0.04, 0.008)]
    assert not judge(Night({}, {"cost of an answer": 0.015}), wild).moves
    assert not judge(Night({}, {"cost of an answer": 0.01}), [Night({}, {"cost of an answer": 0.01})] * 5).moves
