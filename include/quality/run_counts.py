"""What is counted of a run's rows while they pass the gate."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd
from pydantic import BaseModel

from include.answer.closed_sets import closed_sets
from include.quality.measures import Measure, share_measure


class RunCounts:
    """How often each value of each closed set was given, how long the texts are and how long their answers took.

    Args:
        answer: the pipeline's answer model.
    """

    def __init__(self, answer: type[BaseModel]) -> None:
        self._closed = closed_sets(answer)
        self._values: dict[str, Counter[str]] = {closed.label: Counter() for closed in self._closed}
        self._numbers: dict[str, list[np.ndarray]] = {"text_characters": [], "latency_ms": []}

    def take(self, frames: Mapping[str, pd.DataFrame], without: Collection[str]) -> None:
        """Count what is in a part's frames, without some records."""
        kept = {name: frame[~frame["record_id"].isin(list(without))] for name, frame in frames.items()}
        for closed in self._closed:
            values = kept[closed.within or "records"][closed.field]
            self._values[closed.label].update(values.dropna().astype(str))
        records = kept["records"]
        self._numbers["text_characters"].append(records["text"].str.len().to_numpy(np.int32))
        # What an earlier run or another record has paid for took no time.
        latencies = records["latency_ms"][~records["reused"].fillna(False).astype(bool)]
        self._numbers["latency_ms"].append(latencies.dropna().to_numpy(np.int32))

    def shares(self) -> pd.DataFrame:
        """One row for each value, with `field`, `value`, `n` and `share` (0 to 1 of all values of the field)."""
        rows = [(field, value, count, count / total) for field, value, count, total in self._counted()]
        return pd.DataFrame(rows, columns=["field", "value", "n", "share"])

    def measures(self) -> list[Measure]:
        """Shares of all values, and mean, median and 95th percentile of lengths and latencies."""
        found = [share_measure(*counted) for counted in self._counted()]
        for field, parts in self._numbers.items():
            values = np.concatenate(parts) if parts else np.array([])
            if values.size:
                middle, high = np.percentile(values, [50, 95])
                spread = {"mean": values.mean(), "p50": middle, "p95": high}
                found += [Measure(name, field, number=float(number), n=values.size) for name, number in spread.items()]
        return found

    def _counted(self) -> Iterator[tuple[str, str, int, int]]:
        for field, counts in self._values.items():
            for value, count in sorted(counts.items()):
                yield field, value, count, counts.total()
