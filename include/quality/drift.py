"""What has moved since the nights before: and whether the customers, the model or the quality of its answers did.

Shares of a night differ by chance and by the day of the week, and a model gives some texts another answer each time.
So nothing is compared with standing still: shares with how much the nights before differed among themselves, canaries
with how many of them changed from night to night before.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

# Two weeks, so that each day of the week is there twice.
NIGHTS = 14
# From fewer nights nobody knows what is usual.
FEWEST_NIGHTS = 3
# Of a field in a night: of fewer values one more is several points.
FEWEST_VALUES = 30
# A smaller move changes nobody's plans, however sure it is.
LEAST_POINTS, LEAST_RATIO = 0.06, 1.25
# Of a night on which nothing has changed. Half of what chance moves is no large move; the model is accused more rarely.
CHANCE, CHANCE_OF_CANARIES = 0.1, 0.01
MOST_NAMED = 3
MODEL, CUSTOMERS, QUALITY, UNCLEAR = "model", "customers", "quality", "unclear"


@dataclass(frozen=True)
class Night:
    """One night in numbers.

    Args:
        counts: of each field, how often each of its values was given.
        levels: what is no share, above 0: lengths in characters, cost of an answer in USD.
        flipped, canaries: how many canaries were answered otherwise than the night before, and of how many.
        has_step: whether the model or the question changed with it, so that its canaries show nothing usual.
    """

    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    flipped: int = 0
    canaries: int = 0
    has_step: bool = False


@dataclass(frozen=True)
class Labelled:
    """Canaries with golden labels, against a night before.

    Args:
        worse, better: how many are answered so, of `n`.
        before, now: share of their fields that are right, from 0 to 1.
    """

    worse: int
    better: int
    n: int
    before: float
    now: float


@dataclass(frozen=True)
class Move:
    """One thing that has moved.

    Args:
        value: of a closed set; None: a level.
        before, now: shares from 0 to 1, or levels.
        n: how many values `now` is of; None: a level.
    """

    field: str
    value: str | None
    before: float
    now: float
    n: int | None = None

    @property
    def is_large(self) -> bool:
        """Whether anybody should care."""
        if self.value is None:
            return max(self.now / self.before, self.before / self.now) >= LEAST_RATIO
        return abs(self.now - self.before) >= LEAST_POINTS

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of a share after Wilson; None of a level."""
        if self.n is None:
            return None
        found = stats.binomtest(round(self.now * self.n), self.n).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    @property
    def says(self) -> str:
        """In words."""
        if (interval := self.interval) is None:
            return f"{self.field} {100 * (self.now / self.before - 1):+.0f} %"
        name = f"{self.field.rpartition('.')[2]} {self.value}".replace("_", " ")
        low, high = (f"{100 * bound:.0f}" for bound in interval)
        return f"{name} {100 * self.now:.0f} % ({low} to {high}), {100 * self.before:.0f} % before"


@dataclass(frozen=True)
class Verdict:
    """What a night is told by.

    Args:
        causes: `model`, `customers`, `quality`, or `unclear` where something moved and no canary tells why.
        sentence: for people.
        moves: the largest first.
        nights: with how many it was compared.
    """

    causes: tuple[str, ...]
    sentence: str
    moves: tuple[Move, ...] = ()
    nights: int = 0


def judge(night: Night, before: Sequence[Night], labelled: Labelled | None = None) -> Verdict:
    """Tell a night from those before it.

    Args:
        before: nights of the same model and prompt.
        labelled: None: no canary with a label can be compared.
    """
    moves = moved(night, before)
    usual = sum(one.flipped for one in before), sum(one.canaries for one in before)
    knows = bool(night.canaries and usual[1])
    found = {
        MODEL: knows and _is_more(night.flipped, night.canaries, *usual),
        QUALITY: labelled is not None and _is_worse(labelled),
    }
    found[CUSTOMERS] = bool(moves) and knows and not found[MODEL]
    found[UNCLEAR] = bool(moves) and not knows
    causes = tuple(cause for cause, is_one in found.items() if is_one)
    told = Verdict(causes, "", tuple(moves), len(before))
    return replace(told, sentence=_sentence(told, night, usual, labelled))


def moved(night: Night, before: Sequence[Night]) -> list[Move]:
    """What is not as it was, the largest moves first; nothing while there are too few nights to tell."""
    if len(before) < FEWEST_NIGHTS:
        return []
    tried: list[tuple[float, Move]] = []
    for name, counts in night.counts.items():
        tried += _shares(name, counts, [one.counts.get(name, {}) for one in before])
    for name, level in night.levels.items():
        tried += _level(name, level, [one.levels[name] for one in before if name in one.levels])
    if not tried:
        return []
    # So many were looked at that one in twenty would seem to move (Benjamini and Hochberg 1995).
    corrected = stats.false_discovery_control([chance for chance, _ in tried])
    found = [move for (_, move), chance in zip(tried, corrected, strict=True) if chance <= CHANCE and move.is_large]
    return sorted(found, key=lambda move: -abs(math.log(max(move.now, 1e-3) / max(move.before, 1e-3))))


def _shares(name: str, now: Mapping[str, int], before: Sequence[Mapping[str, int]]) -> Iterator[tuple[float, Move]]:
    """Each value of a field, with the chance of such a night among those before it."""
    nights = [counts for counts in before if sum(counts.values())]
    values = sorted({*now}.union(*nights))
    counted = np.array([[counts.get(value, 0) for value in values] for counts in (now, *nights)])
    tonight, earlier = counted[0], counted[1:].sum(axis=0)
    n, total = int(tonight.sum()), int(earlier.sum())
    if n < FEWEST_VALUES or len(nights) < FEWEST_NIGHTS or len(values) < 2:
        return
    # Of each value: given and not, tonight and before.
    tables = np.array([tonight, n - tonight, earlier, total - earlier])
    pooled = (tonight + earlier) / (n + total)
    expected = np.array([n * pooled, n * (1 - pooled), total * pooled, total * (1 - pooled)])
    statistics = stats.chisquare(tables, expected, ddof=2).statistic
    chances = stats.chi2.sf(statistics / _spread(counted[1:]), 1)
    for place, (value, chance) in enumerate(zip(values, chances.tolist(), strict=True)):
        if chance <= CHANCE:
            # It is wrong for rare values, as the exact test, which takes all nights for alike, is not.
            chance = max(chance, float(stats.fisher_exact(tables[:, place].reshape(2, 2)).pvalue))
        yield chance, Move(name, value, float(earlier[place]) / total, float(tonight[place]) / n, n)


def _spread(nights: np.ndarray) -> float:
    """How many times as much as by chance nights differ among themselves (McCullagh and Nelder 1989, section 4.5)."""
    found = stats.chi2_contingency(nights[:, nights.sum(axis=0) > 0])
    return max(1.0, float(found.statistic) / max(found.dof, 1))


def _level(name: str, now: float, before: Sequence[float]) -> Iterator[tuple[float, Move]]:
    if len(before) >= FEWEST_NIGHTS:
        usual = math.exp(math.fsum(map(math.log, before)) / len(before))
        # The t test of one night against several is the interval in which the next one is expected.
        with warnings.catch_warnings(action="ignore"):
            # Of nights that are all the same it says that it cannot be precise.
            chance = float(stats.ttest_ind([math.log(now)], [math.log(level) for level in before]).pvalue)
        yield 1.0 if math.isnan(chance) else chance, Move(name, None, usual, now)


def _is_more(flipped: int, canaries: int, usual: int, of: int) -> bool:
    table = [[flipped, canaries - flipped], [usual, of - usual]]
    return bool(stats.fisher_exact(table, alternative="greater").pvalue <= CHANCE_OF_CANARIES)


def _is_worse(labelled: Labelled) -> bool:
    changed = labelled.worse + labelled.better
    return changed > 0 and bool(
        stats.binomtest(labelled.worse, changed, alternative="greater").pvalue <= CHANCE_OF_CANARIES
    )


def _sentence(told: Verdict, night: Night, usual: tuple[int, int], labelled: Labelled | None) -> str:
    flips = f"{night.flipped} of {night.canaries} canaries answer otherwise than the night before"
    normally = (
        f"usually {usual[0] * night.canaries / usual[1]:.0f} do" if usual[1] else "what is usual is not known yet"
    )
    named = "; ".join(move.says for move in told.moves[:MOST_NAMED])
    said = []
    if MODEL in told.causes:
        said.append(f"The model changed: {flips}, {normally}{f'. With it moved {named}' if named else ''}.")
    if QUALITY in told.causes and labelled is not None:
        score = f"{100 * labelled.before:.0f} % right before, {100 * labelled.now:.0f} % now"
        said.append(f"Quality fell: {labelled.worse} of {labelled.n} labelled canaries are answered worse ({score}).")
    if CUSTOMERS in told.causes:
        said.append(f"The customers changed, not the model: {named}. {_capital(flips)}, {normally}.")
    if UNCLEAR in told.causes:
        said.append(f"Something moved: {named}. Without canaries nobody can tell the customers from the model.")
    if not said and told.nights < FEWEST_NIGHTS:
        said.append(f"Too early to say: {nights_in_words(told.nights)} to compare with, and it takes {FEWEST_NIGHTS}.")
    elif not said:
        said.append(f"Nothing moved against the last {told.nights} nights.")
    if night.canaries and not {MODEL, CUSTOMERS} & {*told.causes}:
        said.append(f"{_capital(flips)}, {normally}.")
    return " ".join(said)


def nights_in_words(number: int) -> str:
    """Such as `1 night`."""
    return f"{number} night{'' if number == 1 else 's'}"


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
