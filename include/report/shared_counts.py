"""Which values of the source's columns the records of each label have, counted part by part."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.row_hashes import Positions
from include.report.digest import in_words
from include.report.labelled import Pairs, text_column
from include.report.news import Shared, shared

CUSTOMER_KEY = "attr_customer_key"
# The answer's own field that says what a source's column would.
LANGUAGE = "language"
# A column with more tells records apart, as titles and durations do, and no groups of them.
MOST_VALUES = 500


class SharedCounts:
    """Counts records by label and by the values of their columns."""

    def __init__(self) -> None:
        self._records: Counter[str | None] = Counter()
        self._values: defaultdict[str | None, Counter[tuple[str, str]]] = defaultdict(Counter)
        self._left_out: set[str] = set()

    def take(self, records: pa.Table, pairs: Pairs) -> None:
        """Count some records with their labels."""
        self._records.update({pairs.labels[code]: count for code, count in _counts(pairs.codes)})
        for name, values in self._columns(records):
            codes = pc.fill_null(values.indices, -1).to_numpy()[pairs.rows]
            both = (pairs.codes * len(values.dictionary) + codes)[codes >= 0]
            words = values.dictionary.to_pylist()
            for place, count in _counts(both):
                code, value = divmod(place, len(words))
                self._values[pairs.labels[code]][name, words[value]] += count

    def shared(self, label: str) -> list[Shared]:
        """What the records of a label have in common."""
        every = {what: count for what, count in self._values[None].items() if what[0] not in self._left_out}
        own = {what: count for what, count in self._values[label].items() if what in every}
        return shared(own, self._records[label], every, self._records[None])

    def _columns(self, records: pa.Table) -> Iterator[tuple[str, pa.DictionaryArray]]:
        for column in records.column_names:
            is_own = column.startswith("attr_") and column != CUSTOMER_KEY
            name = in_words(column.removeprefix("attr_"))
            if not (is_own or column == LANGUAGE) or name in self._left_out or pa.types.is_nested(records[column].type):
                continue
            values = text_column(records, column).dictionary_encode()
            if len(values.dictionary) > MOST_VALUES:
                self._left_out.add(name)
            else:
                yield name, values


def _counts(codes: Positions) -> Iterator[tuple[int, int]]:
    counts = np.bincount(codes)
    places = np.flatnonzero(counts)
    return zip(places.tolist(), counts[places].tolist(), strict=True)
