"""How many records, or customers, bear each label in each of some periods of equal length; counted part by part."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.row_hashes import Positions
from include.report.labelled import LABEL_MASK, Pairs, once

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class PeriodCounts:
    """Periods before a moment, the last one first; what is dated later or earlier is in none.

    A customer counts once in a period, however often he wrote, and for each label once. A record without a
    `customer_key` is a customer of its own.

    Args:
        end: of the last period.
        length: of each.
        periods: how many.
    """

    def __init__(self, end: datetime, length: timedelta, periods: int) -> None:
        self._end, self._length = (end - _EPOCH) // _MICROSECOND, length // _MICROSECOND
        self._codes: dict[str | None, int] = {None: 0}
        self._counts: list[Counter[int]] = [Counter() for _ in range(periods)]
        self._keyed: defaultdict[int, list[np.ndarray]] = defaultdict(list)

    def periods_of(self, moments: pa.Array) -> Positions:
        """Number of the period of each moment; -1 for none."""
        moments = pc.fill_null(moments.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), self._end).to_numpy()
        periods = (self._end - 1 - moments) // self._length
        return np.where((periods >= 0) & (periods < len(self._counts)), periods, -1)

    def take(self, periods: Positions, pairs: Pairs, keys: pa.Array) -> None:
        """Count some records.

        Args:
            periods: of each record, as `periods_of` has them.
            pairs: the records with their labels.
            keys: customer key of each record; null where there is none.
        """
        codes = np.array([self._codes.setdefault(label, len(self._codes)) for label in pairs.labels])[pairs.codes]
        of_pairs, is_keyed = periods[pairs.rows], keys.is_valid().to_numpy(zero_copy_only=False)[pairs.rows]
        has_keys = keys.null_count < len(keys)
        customers = (
            np.fromiter(map(hash, keys.to_pylist()), dtype=np.int64) if has_keys else np.zeros(len(keys), np.int64)
        )
        marks = (customers[pairs.rows] & ~LABEL_MASK) | codes
        for period in np.unique(periods[periods >= 0]).tolist():
            inside = of_pairs == period
            self._counts[period].update(_counted(codes[inside & ~is_keyed]))
            if has_keys:
                self._keyed[period].append(once(marks[inside & is_keyed]))

    @property
    def are_customers(self) -> bool:
        """Whether every record had a customer key."""
        return bool(self._keyed) and not any(self._counts)

    def totals(self) -> list[int]:
        """How many there are in each period."""
        return [counts[0] for counts in self._all()]

    def by_label(self) -> dict[str, tuple[int, ...]]:
        """Label to how many bear it in each period."""
        periods = self._all()
        return {label: tuple(of[code] for of in periods) for label, code in self._codes.items() if label is not None}

    def _all(self) -> list[Counter[int]]:
        # Each customer once, however many parts he was in.
        keyed = {period: once(np.concatenate(parts)) for period, parts in self._keyed.items()}
        self._keyed = defaultdict(list, {period: [marks] for period, marks in keyed.items()})
        none = np.zeros(0, dtype=np.int64)
        return [counts + _counted(keyed.get(period, none) & LABEL_MASK) for period, counts in enumerate(self._counts)]


def _counted(codes: Positions) -> Counter[int]:
    counts = np.bincount(codes)
    return Counter({code: int(counts[code]) for code in np.flatnonzero(counts).tolist()})
