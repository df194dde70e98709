"""Which of many quotes a page shows: those that say what others say too, of those who were hit hardest."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from math import inf, log, sqrt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.pipelines.definition import ReportFields
from include.report.digest import in_words

# Shorter says nothing, longer is not read; what lies between is best.
QUOTE_CHARACTERS, TELLING_CHARACTERS = (20, 260), (40, 180)
# Enough to know what is typical of a topic.
_POOL = 200
_WORD = re.compile(r"\w{3,}")
_LONGEST_FACT = 24
_OWN = frozenset(
    ("date", "topic", "theme", "kind", "severity", "summary", "quote", "request", "sentiment", "link", "record")
)

Row = Mapping[str, str | None]


class Quotes:
    """Rows of `records.feedback_rows`, taken part by part; of each topic a sample is held, severe ones more often.

    Args:
        names: of the pipeline, for the order of its severities.
    """

    def __init__(self, names: ReportFields) -> None:
        self._severities = list(names.severity_order)
        self._pools: defaultdict[str, dict[str, tuple[float, Row]]] = defaultdict(dict)
        self._limits: defaultdict[str, float] = defaultdict(lambda: inf)

    def take(self, rows: pa.Table) -> None:
        """Look at some rows."""
        length = pc.utf8_length(rows["quote"])
        is_readable = pc.and_(pc.greater_equal(length, QUOTE_CHARACTERS[0]), pc.less_equal(length, QUOTE_CHARACTERS[1]))
        rows = rows.filter(pc.and_(pc.is_valid(rows["topic"]), pc.fill_null(is_readable, False)))
        severity = pc.fill_null(pc.index_in(rows["severity"], pa.array(self._severities, pa.string())), 0).to_numpy()
        # The same at each try, not the order of the ids, and one for all who used the same words.
        chances = pd.util.hash_array(rows["quote"].to_numpy()) / 2.0**64 / (1 + severity)
        limits = np.array([self._limits[topic] for topic in rows["topic"].to_pylist()])
        enters = np.flatnonzero(chances <= limits)
        for chance, row in zip(chances[enters].tolist(), rows.take(pa.array(enters)).to_pylist(), strict=True):
            pool = self._pools[row["topic"]]
            pool[row["quote"]] = (chance, row)
            if len(pool) >= 2 * _POOL:
                kept = sorted(pool.values(), key=lambda one: one[0])[:_POOL]
                self._pools[row["topic"]] = {str(one["quote"]): (chance, one) for chance, one in kept}
                self._limits[row["topic"]] = kept[-1][0]

    def best(self, topic: str, most: int) -> list[Row]:
        """Quotes of a topic, the most telling first; one of each record."""
        rows = [row for _, row in self._pools[topic].values()]
        own = Counter(word for row in rows for word in _words(row))
        typical = [
            sum(own[word] * log(self._every.total() / self._every[word]) for word in _words(row))
            / sqrt(len(_words(row)) or 1)
            for row in rows
        ]
        most_typical = max(typical, default=0) or 1
        scores = [each / most_typical + self._telling(row) for each, row in zip(typical, rows, strict=True)]
        ranked = sorted(zip(scores, rows, strict=True), key=lambda one: (-one[0], str(one[1]["record"])))
        found = {row["record"]: row for _, row in reversed(ranked)}
        return [row for _, row in ranked if found[row["record"]] is row][:most]

    def _telling(self, row: Row) -> float:
        severity, length = row["severity"], len(row["quote"] or "")
        hit = self._severities.index(severity) / len(self._severities) if severity in self._severities else 0
        return hit + (TELLING_CHARACTERS[0] <= length <= TELLING_CHARACTERS[1]) / 2

    @cached_property
    def _every(self) -> Counter[str]:
        return Counter(word for pool in self._pools.values() for _, row in pool.values() for word in _words(row))


def facts(row: Row) -> str:
    """When a row was written and of what it is, such as `23 November 2026, app version 6.3, country DE`."""
    day = datetime.fromisoformat(row["date"] or "")
    short = {name: value for name, value in row.items() if name not in _OWN and value and len(value) <= _LONGEST_FACT}
    short.pop("customer_key", None)
    return ", ".join([f"{day.day} {day:%B %Y}", *(f"{in_words(name)} {value}" for name, value in short.items())])


def _words(row: Row) -> set[str]:
    return {*_WORD.findall((row["summary"] or row["quote"] or "").lower())}
