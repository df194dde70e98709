"""Which values of the source's columns the records of each label have, counted part by part."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.row_hashes import Positions
from include.report.digest import in_words
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

    def take(self, records: pa.Table, rows: Positions, labels: pa.Array) -> None:
        """Count some records.

        Args:
            rows: the record of each label, by its position.
        """
        said = pa.table({"row": pa.array(rows), "label": labels}).filter(labels.is_valid())
        # The label None is that of all.
        every = pa.table({"row": np.arange(records.num_rows), "label": pa.nulls(records.num_rows, pa.string())})
        pairs = pa.concat_tables([every, said]).group_by(["row", "label"]).aggregate([])
        self._records.update(dict(_counts(pairs, ["label"])))
        for name, values in self._columns(records):
            with_value = pairs.append_column("value", values.take(pairs["row"]))
            for label, value, count in _counts(with_value.filter(with_value["value"].is_valid()), ["label", "value"]):
                self._values[label][name, value] += count

    def shared(self, label: str) -> list[Shared]:
        """What the records of a label have in common."""
        every = {what: count for what, count in self._values[None].items() if what[0] not in self._left_out}
        own = {what: count for what, count in self._values[label].items() if what in every}
        return shared(own, self._records[label], every, self._records[None])

    def _columns(self, records: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
        for column in records.column_names:
            is_own = column.startswith("attr_") and column != CUSTOMER_KEY
            name = in_words(column.removeprefix("attr_"))
            if not (is_own or column == LANGUAGE) or name in self._left_out or pa.types.is_nested(records[column].type):
                continue
            values = records[column].cast(pa.string())
            if pc.count_distinct(values).as_py() > MOST_VALUES:
                self._left_out.add(name)
            else:
                yield name, values


def _counts(pairs: pa.Table, keys: list[str]) -> Iterator[tuple]:
    counted = pairs.group_by(keys).aggregate([([], "count_all")])
    yield from zip(*(counted[name].to_pylist() for name in (*keys, "count_all")), strict=True)
