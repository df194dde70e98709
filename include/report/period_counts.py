"""How many records, or customers, bear each label in each of some periods of equal length; counted part by part."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.row_hashes import Mask, Positions

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
# Of the 64 bits that stand for a customer with a label these are the label's.
_LABEL_BITS = 20
_LABEL_MASK = (1 << _LABEL_BITS) - 1


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
        self._codes: dict[str, int] = {}
        self._counts: list[Counter[int]] = [Counter() for _ in range(periods)]
        self._keyed: defaultdict[int, list[np.ndarray]] = defaultdict(list)
        self._has_unkeyed = [False] * periods

    def periods_of(self, moments: pa.Array) -> Positions:
        """Number of the period of each moment; -1 for none."""
        moments = pc.fill_null(moments.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), self._end).to_numpy()
        periods = (self._end - 1 - moments) // self._length
        return np.where((periods >= 0) & (periods < len(self._counts)), periods, -1)

    def take(self, periods: Positions, rows: Positions, labels: pa.Array, keys: pa.Array) -> None:
        """Count some records.

        Args:
            periods: of each record, as `periods_of` has them.
            rows: the record of each label, by its position.
            labels: null is none.
            keys: customer key of each record; null where there is none.
        """
        known = labels.dictionary_encode()
        codes = np.array([self._code(label) for label in known.dictionary.to_pylist()] or [0], dtype=np.int64)
        has_label = labels.is_valid().to_numpy(zero_copy_only=False)
        of_labels = codes[pc.fill_null(known.indices, 0).to_numpy()[has_label]]
        # The label 0 is that of all.
        rows = np.concatenate([np.arange(len(periods)), rows[has_label]])
        of_rows = np.concatenate([np.zeros(len(periods), dtype=np.int64), of_labels])
        customers = np.fromiter(map(hash, keys.to_pylist()), dtype=np.int64) if keys.null_count < len(keys) else None
        is_keyed = keys.is_valid().to_numpy(zero_copy_only=False)
        for period in np.unique(periods[periods >= 0]).tolist():
            inside = periods[rows] == period
            self._count(period, rows[inside & ~is_keyed[rows]], of_rows[inside & ~is_keyed[rows]])
            if customers is not None:
                keyed: Mask = inside & is_keyed[rows]
                pairs = (customers[rows[keyed]] & ~_LABEL_MASK) | (of_rows[keyed] & _LABEL_MASK)
                self._keyed[period].append(np.unique(pairs))

    def _code(self, label: str | None) -> int:
        return 0 if label is None else self._codes.setdefault(label, len(self._codes) + 1)

    def _count(self, period: int, rows: Positions, labels: Positions) -> None:
        self._has_unkeyed[period] |= bool(rows.size)
        self._counts[period].update(_counted(np.unique(rows << _LABEL_BITS | labels)))

    @property
    def are_customers(self) -> bool:
        """Whether every record had a customer key."""
        return bool(self._keyed) and not any(self._has_unkeyed)

    def totals(self) -> list[int]:
        """How many there are in each period."""
        return [counts[0] for counts in self._all()]

    def by_label(self) -> dict[str, tuple[int, ...]]:
        """Label to how many bear it in each period."""
        periods = self._all()
        return {label: tuple(counts[code] for counts in periods) for label, code in self._codes.items()}

    def _all(self) -> list[Counter[int]]:
        found = []
        for period, counts in enumerate(self._counts):
            # The only copy of each, however many parts it was in.
            once = [np.unique(np.concatenate(self._keyed[period]))] if period in self._keyed else []
            self._keyed |= {period: once} if once else {}
            found.append(counts + (_counted(once[0]) if once else Counter()))
        return found


def _counted(pairs: Positions) -> Counter[int]:
    labels, counts = np.unique(pairs & _LABEL_MASK, return_counts=True)
    return Counter(dict(zip(labels.tolist(), counts.tolist(), strict=True)))
