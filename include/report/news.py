"""What changed: labels that came up more or less often than before, tested exactly and corrected for every look.

A label is anything that a record can bear any number of, such as a topic or a theme: whoever counts them asks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# In one quiet month of ten chance alone may bring a headline, whether its weeks are looked at once or every night.
CHANCE_A_MONTH = 0.1
# Below this no change is worth a headline, however sure it is.
LEAST_COUNT = 5
# The odds half as high again, as from 10 to 14 % or from 40 to 50 %; or as much lower.
LEAST_ODDS_RATIO = 1.5
# What risen labels have in common: shown from so many records and so much more of them than of the others.
LEAST_SHARED, LEAST_SHARE_POINTS, CHANCE_SHARED = 3, 0.1, 0.05


@dataclass(frozen=True)
class Change:
    """One label that is news.

    Args:
        kind: `new`, `rising` or `fading`.
        count, of: with the label now, and all now.
        before, before_of: the same of the time before.
        odds_ratio: of now to before.
        chance: how often chance alone would bring so much in a month, from 0 to 1, after all corrections.
    """

    label: str
    kind: str
    count: int
    of: int
    before: int
    before_of: int
    odds_ratio: float
    chance: float

    @property
    def gained(self) -> float:
        """How many more there are than there would be at the share of before."""
        return self.count - self.before * self.of / self.before_of


@dataclass(frozen=True)
class Shared:
    """What records of a label have more often than the others: `count` of `of`, and `others` of `others_of`."""

    attribute: str
    value: str
    count: int
    of: int
    others: int
    others_of: int

    @property
    def points(self) -> float:
        """Difference of the shares, from -1 to 1."""
        return self.count / self.of - self.others / self.others_of


def looked_at(now: Mapping[str, int], before: Mapping[str, int]) -> list[str]:
    """Labels that came up often enough for a test, in the two times together: in which of them decides nothing."""
    return sorted(label for label in {*now, *before} if now.get(label, 0) + before.get(label, 0) >= LEAST_COUNT)


def changes(
    now: Mapping[str, int], now_of: int, before: Mapping[str, int], before_of: int, looks: int = 1
) -> list[Change]:
    """The news among some labels, what came up so much more first, then what came up less.

    Fisher's exact test given both totals, so that a busy week is no news; corrected after Benjamini and Hochberg (1995,
    JRSS B 57, page 289) for the labels that were looked at, and for the nights that looked within a month. Where
    nothing changed at all, that bounds how often there is any news.

    Args:
        now, before: how many bear each label. A label may be in one only, and one may bear several.
        now_of, before_of: how many there are.
        looks: nights that look within a month, this one among them.
    """
    labels = looked_at(now, before)
    if not labels or not now_of or not before_of:
        return []
    # It takes a second, and a first night needs none of it.
    from scipy.stats import false_discovery_control, fisher_exact

    counts = [(now.get(label, 0), before.get(label, 0)) for label in labels]
    tests = [fisher_exact([[one, now_of - one], [other, before_of - other]]) for one, other in counts]
    chances = looks * false_discovery_control([test.pvalue for test in tests])
    found = []
    for label, (one, other), test, chance in zip(labels, counts, tests, chances, strict=True):
        ratio, most = float(test.statistic), max(one, other * now_of / before_of)
        is_large = most >= LEAST_COUNT and (ratio >= LEAST_ODDS_RATIO or ratio <= 1 / LEAST_ODDS_RATIO)
        if is_large and chance <= CHANCE_A_MONTH:
            kind = "fading" if ratio < 1 else "rising" if other else "new"
            found.append(Change(label, kind, one, now_of, other, before_of, ratio, float(chance)))
    return sorted(found, key=lambda change: (change.kind == "fading", -abs(change.gained)))


def interval(count: int, of: int) -> tuple[int, int]:
    """Between how many of so many 95 % of such counts would be, after Wilson (1927, JASA 22, page 209)."""
    from scipy.stats import binomtest

    found = binomtest(count, of).proportion_ci(method="wilson")
    return round(of * found.low), round(of * found.high)


def shared(
    own: Mapping[tuple[str, str], int], own_of: int, of_all: Mapping[tuple[str, str], int], all_of: int
) -> list[Shared]:
    """What records of a label have in common, tested as `changes` are: of each attribute one value, the clearest first.

    Args:
        own, own_of: attribute and value to how many records of the label have it, and how many there are.
        of_all, all_of: the same of all records.
    """
    tried = [what for what, count in own.items() if count >= LEAST_SHARED]
    others_of = all_of - own_of
    if not tried or not others_of:
        return []
    from scipy.stats import false_discovery_control, fisher_exact

    found = [Shared(*what, own[what], own_of, of_all[what] - own[what], others_of) for what in sorted(tried)]
    tables = [[[one.count, own_of - one.count], [one.others, others_of - one.others]] for one in found]
    chances = false_discovery_control([fisher_exact(table).pvalue for table in tables])
    clear = [
        one
        for one, chance in zip(found, chances, strict=True)
        if chance <= CHANCE_SHARED and one.points >= LEAST_SHARE_POINTS
    ]
    clearest = sorted(clear, key=lambda one: one.points)
    return sorted({one.attribute: one for one in clearest}.values(), key=lambda one: -one.points)
