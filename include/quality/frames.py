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
    ids, texts = rows["record_id"].to_pylist(), rows["text"].to_pylist()
    quotes = quote_paths(answer)
    for name, info in answer.model_fields.items():
        columns = element_fields(name, info)
        if (name,) in quotes:
            frames["records"][f"{name}_in_text"] = list(map(_stands_in, rows[name].to_pylist(), texts))
        if not columns:
            continue
        lists = rows[name].to_pylist()
        frames["records"][f"{name}_elements"] = [None if values is None else len(values) for values in lists]
        places = [place for place, values in enumerate(lists) for _ in values or ()]
        elements = [element for values in lists for element in values or ()]
        has_fields = item_model(info) is not None
        said = {column: [each[column] for each in elements] if has_fields else elements for column in columns}
        for column in (path[1] for path in quotes if path[0] == name):
            said[f"{column}_in_text"] = list(map(_stands_in, said[column], (texts[place] for place in places)))
        frames[name] = pd.DataFrame({"record_id": [ids[place] for place in places], **said})
    return frames


def _stands_in(quote: str | None, text: str) -> bool:
    # Word for word, as nearly all are, nothing has to be folded.
    return quote is None or quote in text or fold(quote) in fold(text)
