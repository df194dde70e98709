"""Rows of one schema brought into another: whatever still fits stays."""

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.lake.paths import open_lake
from include.lake.schema_evolution import common_schema, conform
from include.lake.write import write_table
from tests.lake.tables import read_tables

TEXT, WHOLE, REAL, TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def fitted(old: pa.DataType, new: pa.DataType, values: list[Any]) -> list[Any]:
    """Old values of a column, as they stand beside rows of its new type."""
    older = pa.table({"record_id": [str(n) for n in range(len(values))], "field": pa.array(values, old)})
    newest = pa.schema([("record_id", TEXT), ("field", new)])
    rows = conform(older, common_schema(newest, [older.schema]))
    assert rows["record_id"].to_pylist() == older["record_id"].to_pylist()
    values_now: list[Any] = rows["field"].to_pylist()
    return values_now


def items(**fields: pa.DataType) -> pa.DataType:
    """A list of structs."""
    return pa.list_(pa.struct(list(fields.items())))


@pytest.mark.parametrize(
    ("old", "new", "values", "expected"),
    [
        pytest.param(
            items(summary=TEXT, severity=TEXT),
            items(summary=TEXT, severity=WHOLE),
            [[{"summary": "a", "severity": "low"}, {"summary": "b", "severity": "3"}], [], None],
            [[{"summary": "a", "severity": None}, {"summary": "b", "severity": 3}], [], None],
            id="a sub-field of text becomes a number",
        ),
        pytest.param(
            items(summary=TEXT, score=WHOLE),
            items(summary=TEXT, score=TEXT),
            [[{"summary": "a", "score": 3}]],
            [[{"summary": "a", "score": "3"}]],
            id="a sub-field of numbers becomes text",
        ),
        pytest.param(
            items(score=WHOLE, kind=TEXT),
            items(score=REAL, kind=WHOLE),
            [[{"score": 3, "kind": "bug"}]],
            [[{"score": 3.0, "kind": None}]],
            id="one sub-field widens while another does not convert",
        ),
        pytest.param(
            items(score=REAL, kind=TEXT),
            items(score=WHOLE, kind=TRUTH),
            [[{"score": 2.5, "kind": "yes"}, {"score": 2.0, "kind": "perhaps"}]],
            [[{"score": 2.5, "kind": True}, {"score": 2.0, "kind": None}]],
            id="a narrower number keeps its fractions",
        ),
        pytest.param(
            items(summary=TEXT, severity=TEXT, gone=TEXT),
            items(summary=TEXT, severity=WHOLE, added=TEXT),
            [[{"summary": "a", "severity": "low", "gone": "g"}]],
            [[{"summary": "a", "severity": None, "added": None, "gone": "g"}]],
            id="sub-fields come and go while another changes",
        ),
        pytest.param(
            items(name=TEXT, steps=items(action=TEXT, minutes=TEXT)),
            items(name=TEXT, steps=items(action=TEXT, minutes=WHOLE)),
            [[{"name": "n", "steps": [{"action": "call", "minutes": "soon"}]}, {"name": "m", "steps": None}]],
            [[{"name": "n", "steps": [{"action": "call", "minutes": None}]}, {"name": "m", "steps": None}]],
            id="a list of structs within a list of structs",
        ),
        pytest.param(
            pa.struct([("a", TEXT), ("b", items(x=TEXT, y=TEXT))]),
            pa.struct([("a", WHOLE), ("b", items(x=TEXT, y=WHOLE))]),
            [{"a": "one", "b": [{"x": "kept", "y": "two"}]}],
            [{"a": None, "b": [{"x": "kept", "y": None}]}],
            id="a struct",
        ),
        pytest.param(
            items(tags=TEXT, summary=TEXT),
            items(tags=pa.list_(TEXT), summary=TEXT),
            [[{"tags": "red", "summary": "a"}]],
            [[{"tags": None, "summary": "a"}]],
            id="a sub-field becomes a list",
        ),
        pytest.param(
            items(tags=pa.list_(TEXT), summary=TEXT),
            items(tags=TEXT, summary=TEXT),
            [[{"tags": ["red", "blue"], "summary": "a"}]],
            [[{"tags": '["red","blue"]', "summary": "a"}]],
            id="a list becomes text",
        ),
        pytest.param(TEXT, pa.list_(TEXT), ["red", None], [None, None], id="text becomes a list"),
        pytest.param(pa.list_(TEXT), pa.list_(WHOLE), [["1", "two"]], [[1, None]], id="a list of numbers"),
        pytest.param(
            items(summary=TEXT),
            pa.struct([("summary", TEXT)]),
            [[{"summary": "a"}]],
            [None],
            id="a list of structs becomes one struct",
        ),
    ],
)
def test_only_what_does_not_convert_is_null(
    old: pa.DataType, new: pa.DataType, values: list[Any], expected: list[Any]
) -> None:
    assert fitted(old, new, values) == expected


def test_what_is_null_for_its_type_is_counted_under_its_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        fitted(items(kind=TEXT, level=TEXT), items(kind=TEXT, level=WHOLE), [[{"kind": "x", "level": "low"}] * 2])
    (record,) = caplog.records
    assert "field.level" in record.getMessage()
    assert "2 older values" in record.getMessage()


def test_files_of_several_types_are_read_as_one_table(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    for name, level in (("a", TEXT), ("b", WHOLE)):
        values = [[{"kind": name, "level": "low" if level == TEXT else 3}]]
        write_table(
            lake, f"{tmp_path}/{name}.parquet", pa.table({"field": pa.array(values, items(kind=TEXT, level=level))})
        )
    rows = read_tables(lake, [f"{tmp_path}/a.parquet", f"{tmp_path}/b.parquet"])
    assert rows is not None
    assert rows["field"].to_pylist() == [[{"kind": "a", "level": None}], [{"kind": "b", "level": 3}]]
