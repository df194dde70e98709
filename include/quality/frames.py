"""The tables that expectations about rows look at: records, and the elements of list fields."""

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from include.answer.structured_output import element_fields, fold, item_model, quote_paths


def row_frames(rows: pa.Table, answer: type[BaseModel]) -> dict[str, pd.DataFrame]:
    """Frames by name.

    Args:
        rows: candidates for `results/`.
        answer: the pipeline's answer model.

    Returns:
        `records`: one row a record; of a list field `f` there is `f_elements`, how many it has. One frame a list
        field: one row an element, with `record_id`. A quote column `f` has `f_in_text` beside it: whether it is null
        or really occurs in the text, both folded.
    """
    flat_columns = [name for name in rows.column_names if not pa.types.is_list(rows.schema.field(name).type)]
    frames = {"records": rows.select(flat_columns).to_pandas()}
    for name, info in answer.model_fields.items():
        columns = element_fields(name, info)
        if not columns:
            continue
        ids, texts, lists = (rows[column].to_pylist() for column in ("record_id", "text", name))
        frames["records"][f"{name}_elements"] = [None if values is None else len(values) for values in lists]
        has_fields = item_model(info) is not None
        elements = [
            {**(element if has_fields else {name: element}), "record_id": record_id, "_text": text}
            for record_id, text, values in zip(ids, texts, lists, strict=True)
            for element in values or ()
        ]
        frames[name] = pd.DataFrame(elements, columns=["record_id", *columns, "_text"])
    for path in quote_paths(answer):
        frame, texts = ("records", "text") if len(path) == 1 else (path[0], "_text")
        _add_in_text(frames[frame], path[-1], texts)
    return {name: frame.drop(columns="_text", errors="ignore") for name, frame in frames.items()}


def _add_in_text(frame: pd.DataFrame, column: str, text_column: str) -> None:
    frame[f"{column}_in_text"] = [
        quote is None or pd.isna(quote) or fold(quote) in fold(text)
        for quote, text in zip(frame[column], frame[text_column], strict=True)
    ]
