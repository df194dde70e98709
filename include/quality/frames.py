"""The tables that a pipeline's expectations look at: records, the items of list fields, and shares of closed sets."""

import types
import typing
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from include.answer.structured_output import fold, item_model, quote_paths


def validation_frames(rows: pa.Table, answer: type[BaseModel]) -> dict[str, pd.DataFrame]:
    """Frames by name.

    Args:
        rows: candidates for `results/`.
        answer: the pipeline's answer model.

    Returns:
        `records`: one row a record, without list columns. One frame a list field: one row an item, with `record_id`.
        `shares`: one row for each value of each closed set, with `field`, `value` and `share` (0 to 1). A quote
        column `f` has `f_in_text` beside it: whether it is null or really occurs in the text, both folded.
    """
    records = rows.to_pylist()
    lists = {name: element for name, info in answer.model_fields.items() if (element := item_model(info)) is not None}
    flat_columns = [name for name in rows.column_names if not pa.types.is_list(rows.schema.field(name).type)]
    frames = {"records": rows.select(flat_columns).to_pandas()}
    for name, element in lists.items():
        items = [
            {**item, "record_id": record["record_id"], "_text": record["text"]}
            for record in records
            for item in record[name]
        ]
        frames[name] = pd.DataFrame(items, columns=["record_id", *element.model_fields, "_text"])
    for path in quote_paths(answer):
        frame, texts = ("records", "text") if len(path) == 1 else (path[0], "_text")
        _add_in_text(frames[frame], path[-1], texts)
    for name in lists:
        frames[name] = frames[name].drop(columns="_text")
    frames["shares"] = pd.DataFrame(_shares(frames, answer, lists), columns=["field", "value", "share"])
    return frames


def _add_in_text(frame: pd.DataFrame, column: str, text_column: str) -> None:
    frame[f"{column}_in_text"] = [
        quote is None or pd.isna(quote) or fold(quote) in fold(text)
        for quote, text in zip(frame[column], frame[text_column], strict=True)
    ]


def _shares(
    frames: dict[str, pd.DataFrame], answer: type[BaseModel], lists: dict[str, type[BaseModel]]
) -> list[dict[str, Any]]:
    closed = [("records", field, field) for field in _closed_sets(answer)]
    closed += [(name, field, f"{name}.{field}") for name, element in lists.items() for field in _closed_sets(element)]
    return [
        {"field": label, "value": value, "share": float(share)}
        for frame, column, label in closed
        for value, share in frames[frame][column].value_counts(normalize=True).items()
    ]


def _closed_sets(model: type[BaseModel]) -> list[str]:
    return [name for name, info in model.model_fields.items() if _is_literal(info.annotation)]


def _is_literal(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_is_literal(option) for option in typing.get_args(annotation))
    return typing.get_origin(annotation) is typing.Literal
