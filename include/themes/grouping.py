"""Group vectors: they join the themes that are there, and what is left forms new ones.

A vector belongs to a theme when its mean cosine distance to all members is at most a threshold, which is what average
linkage asks of a group, so that a theme takes in later what it would have been formed with. No matrix is as large as
the items squared: items come in blocks, and a block is compared with the means of the themes and with itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from include.themes.embedding import DIMENSIONS, Vectors

# Chosen on 7,500 sentences of app store reviews: the loosest, in steps of 0.05, at which themes are the same again (an
# adjusted Rand index of 0.7) when a fifth of the sentences is left out. 63 in 100 of them are in a theme then.
SAME = 0.65
# Fewer are no theme yet. Three are often there by chance, five are late where a night has few texts.
LEAST_ITEMS = 4
# Average linkage of so many takes half a second and 150 MB.
BLOCK = 3_000
_ROWS_AT_ONCE = 1_000

Labels = npt.NDArray[np.int64]


@dataclass
class Centers:
    """Themes as they are compared.

    Args:
        sums, weights: sum of the members' vectors, and how many those are.
        same: mean cosine distance to the members up to which a vector belongs to a theme.
    """

    sums: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, DIMENSIONS)))
    weights: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    same: float = SAME

    @property
    def means(self) -> Vectors:
        """Their product with a vector is its mean similarity to the members."""
        return (self.sums / np.maximum(self.weights, 1)[:, None]).astype(np.float32)

    def nearest(self, vectors: Vectors) -> Labels:
        """The theme that each belongs to; -1: none."""
        found = np.full(len(vectors), -1)
        means = self.means.T
        for start in range(0, len(vectors) if len(self.weights) else 0, _ROWS_AT_ONCE):
            near = vectors[start : start + _ROWS_AT_ONCE] @ means
            best = near.argmax(axis=1)
            is_same = near[np.arange(len(near)), best] >= 1 - self.same
            found[start : start + _ROWS_AT_ONCE] = np.where(is_same, best, -1)
        return found

    def take(self, vectors: Vectors, labels: Labels) -> None:
        """Take vectors into themes; those with -1 are left out."""
        joined = labels >= 0
        np.add.at(self.sums, labels[joined], vectors[joined])
        np.add.at(self.weights, labels[joined], 1)

    def add(self, vectors: Vectors, groups: Sequence[Labels]) -> Labels:
        """New themes of vectors at some positions each; returns the label of each vector, -1 for none."""
        labels = np.full(len(vectors), -1)
        for number, members in enumerate(groups):
            labels[members] = len(self.weights) + number
        sums = [vectors[members].sum(axis=0, dtype=np.float64) for members in groups]
        self.sums = np.vstack([self.sums, *sums])
        self.weights = np.append(self.weights, [len(members) for members in groups])
        return labels


def group(vectors: Vectors, centers: Centers) -> Labels:
    """The theme of each vector, -1 for none; what the themes take in and those that are new go into `centers`.

    Args:
        vectors: of length 1, those that have waited longest first; one of zeros belongs nowhere.
    """
    labels = np.full(len(vectors), -1)
    readable = np.flatnonzero(vectors.any(axis=1))
    waiting = readable[:0]
    for start in range(0, len(readable), BLOCK):
        waiting = np.concatenate([waiting, readable[start : start + BLOCK]])
        waiting = _join(vectors, waiting, labels, centers)[-BLOCK:]
        labels[waiting] = centers.add(vectors[waiting], _new_groups(vectors[waiting], centers.same))
        waiting = waiting[labels[waiting] < 0]
    _join(vectors, readable[labels[readable] < 0], labels, centers)
    return labels


def _join(vectors: Vectors, waiting: Labels, labels: Labels, centers: Centers) -> Labels:
    """Let them join what is there; returns those that are left."""
    labels[waiting] = centers.nearest(vectors[waiting])
    centers.take(vectors[waiting], labels[waiting])
    left: Labels = waiting[labels[waiting] < 0]
    return left


def _new_groups(vectors: Vectors, same: float) -> list[Labels]:
    """Positions of those that belong together, the largest group first."""
    # Imported late: it takes a second, and a night of old themes alone needs none of it.
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(vectors) < LEAST_ITEMS:
        return []
    # Given the vectors, scipy takes ten times as long for their distances.
    apart = np.maximum(1 - vectors @ vectors.T, 0)
    tree = linkage(squareform(apart, checks=False), method="average")
    groups = fcluster(tree, same, criterion="distance")
    sizes = np.bincount(groups)
    large = [number for number in np.argsort(-sizes, kind="stable") if sizes[number] >= LEAST_ITEMS]
    return [np.flatnonzero(groups == number) for number in large]
