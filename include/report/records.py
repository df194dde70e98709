"""The records behind a report's numbers: one row for each piece of feedback, in a CSV beside the report."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from include.lake.columns import PROVENANCE_COLUMNS
from include.lake.paths import Lake
from include.lake.schema_evolution import conform
from include.lake.write import staged_file
from include.pipelines.definition import ReportFields
from include.report.labelled import labelled, text_column
from include.report.theme_items import ThemeItems

# A spreadsheet runs a cell that begins so; https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA, _NUMBER = pa.array(["=", "+", "-", "@", "\t", "\r"]), r"^-?[0-9.]+$"
_WHO = ("model", "prompt_version", "run_id")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_columns(names: Iterable[str]) -> list[str]:
    """Of all columns of `results/` or `current/` those that a report reads: neither the texts nor what they took."""
    return [name for name in names if name in _WHO or name not in ("text", *PROVENANCE_COLUMNS)]


def feedback_rows(rows: pa.Table, names: ReportFields, themes: ThemeItems | None = None) -> pa.Table:
    """Rows of `results/` or `current/` as people read them, all columns as text; `theme` is an id.

    A record has a row for each piece of feedback, and one without a topic if it has none, so that all are counted.
    """
    said = labelled(rows, names)
    without = np.setdiff1d(np.arange(rows.num_rows), said.rows)
    record = pa.array(np.concatenate([said.rows, without]))
    item = pa.concat_arrays([pa.array(np.arange(len(said.rows))), pa.nulls(len(without), pa.int64())])
    columns = {"date": pc.strftime(rows["occurred_at"], format="%Y-%m-%d %H:%M").take(record)}
    columns["topic"] = said.labels.take(item)
    columns["theme"] = themes.of(rows, said).take(item) if themes else pa.nulls(len(item), pa.string())
    columns |= {
        name: text_column(said.fields, getattr(names, name)).take(item)
        for name in ("kind", "severity", "summary", "quote", "request")
    }
    columns["sentiment"] = text_column(rows, names.sentiment).take(record)
    own = {"link": "source_url", "record": "record_id"}
    columns |= {title: text_column(rows, name).take(record) for title, name in own.items()}
    for name in rows.column_names:
        if name.startswith("attr_"):
            title = name.removeprefix("attr_")
            columns[name if title in columns else title] = text_column(rows, name).take(record)
    return pa.table(columns)


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """The same rows with other values in one of their columns."""
    return rows.set_column(rows.column_names.index(name), name, values)


class RecordsCsv:
    """A CSV file that is written part by part; the first part says which columns it has."""

    def __init__(self, file: IO[bytes], closing: ExitStack) -> None:
        self._file, self._closing = file, closing
        self._writer: pyarrow.csv.CSVWriter | None = None
        self._schema: pa.Schema | None = None

    def write(self, rows: pa.Table) -> None:
        """Append rows of `feedback_rows`."""
        if self._writer is None:
            self._schema = rows.schema
            self._writer = self._closing.enter_context(pyarrow.csv.CSVWriter(self._file, rows.schema))
        rows = conform(rows, self._schema)
        self._writer.write_table(pa.table([_harmless(column) for column in rows.columns], self._schema))


@contextmanager
def open_csv(lake: Lake, path: str) -> Iterator[RecordsCsv]:
    """Commit a CSV in one step when the block ends.

    Raises:
        RetryLater: the lake cannot be written.
    """
    with staged_file(lake, path) as staged, staged.open("wb") as file, ExitStack() as closing:
        # Without it a spreadsheet takes UTF-8 for the letters of its own country.
        file.write(_BYTE_ORDER_MARK)
        yield RecordsCsv(file, closing)


def _harmless(column: pa.ChunkedArray) -> pa.ChunkedArray:
    begins_so = pc.is_in(pc.utf8_slice_codeunits(column, 0, 1), _FORMULA)
    if not pc.any(begins_so).as_py():
        return column
    is_formula = pc.and_not(begins_so, pc.match_substring_regex(column, _NUMBER))
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", column, ""), column)
