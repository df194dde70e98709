"""All themes, and what the next run needs to go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.pipelines.definition import Pipeline
from include.themes.embedding import DIMENSIONS, Vectors, embed
from include.themes.grouping import Centers
from include.themes.items import LOOSE_SCHEMA, labelled_sentences
from include.themes.theme import Event, Theme, apply, resolve


@dataclass
class Middle:
    """The middle of all summaries of a pipeline: what they have in common says nothing about one of them."""

    vector_sum: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(DIMENSIONS))
    count: int = 0

    @property
    def mean(self) -> Vectors:
        """Where it is."""
        return (self.vector_sum / max(self.count, 1)).astype(np.float32)

    @classmethod
    def of_sample(cls, pipeline: Pipeline) -> "Middle":
        """Of a pipeline that nothing is known of. Of a night with few items it would be what most of them say."""
        middle = cls()
        middle.learn(embed(labelled_sentences(pipeline)))
        return middle

    def learn(self, vectors: Vectors) -> None:
        """Take more summaries in."""
        self.vector_sum += vectors.sum(axis=0, dtype=np.float64)
        self.count += int(vectors.any(axis=1).sum())


@dataclass
class Themes:
    """All themes, and what the next run needs to go on.

    Args:
        centers: of the themes in their order, merged ones too.
        loose: items that have found no theme, with their pipeline, the newest last; with a `theme_id` where a run of
            another pipeline has found one, which the next run of their own pipeline writes down.
        folded: names of the files of events that are in it.
    """

    themes: dict[str, Theme] = field(default_factory=dict)
    centers: Centers = field(default_factory=Centers)
    middles: dict[str, Middle] = field(default_factory=dict)
    loose: pa.Table = field(default_factory=LOOSE_SCHEMA.empty_table)
    folded: set[str] = field(default_factory=set)

    def fold(self, events: Sequence[Event]) -> None:
        """Take events in, the oldest first."""
        for event in sorted(events, key=lambda event: (event.at, event.event != "created")):
            apply(self.themes, event)
        # An unfinished try has told of themes that nothing is in.
        missing = len(self.themes) - len(self.centers.weights)
        self.centers.sums = np.vstack([self.centers.sums, np.zeros((missing, DIMENSIONS))])
        self.centers.weights = np.append(self.centers.weights, np.zeros(missing))

    def count(self, pipeline: str, sizes: Mapping[str, int], run_date: date, sign: int = 1) -> None:
        """Count items of a run by theme; with -1 take them out again."""
        for theme_id, size in sizes.items():
            theme = self.themes[resolve(self.themes, theme_id)]
            theme.items[pipeline] += sign * size
            theme.first_seen = min(theme.first_seen or run_date, run_date)
            theme.last_seen = max(theme.last_seen or run_date, run_date)
