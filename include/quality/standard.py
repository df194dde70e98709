"""The expectations that every pipeline has: what its answer model says, and that a night's answers differ."""

from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any, get_args

from great_expectations import expectations as expect
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.answer.closed_sets import closed_values
from include.answer.structured_output import element_fields, is_quote

# A night in which nearly all answers say the same is a broken prompt or an outage; both need a person's look.
MAX_SHARE = 0.9
# More values than this are not read.
MOST_VALUES = 8


def row_suites(answer: type[BaseModel]) -> dict[str, list[Expectation]]:
    """What each row must fulfil, by table: `records`, and the list fields of the answer."""
    records = [
        _not_null("record_id", "record_id"),
        expect.ExpectColumnValuesToBeInSet(
            column="record_id_once", value_set=[True], meta=_says("record_id must come only once in a run")
        ),
        expect.ExpectColumnValueLengthsToBeBetween(column="text", min_value=1, meta=_says("text must not be empty")),
    ]
    suites = {"records": records}
    for name, info in answer.model_fields.items():
        records += _of_a_field(name, name, info)
        elements = element_fields(name, info).items()
        if elements:
            suites[name] = [
                rule
                for field, inner in elements
                for rule in _of_a_field(name if field == name else f"{name}.{field}", field, inner)
            ]
    return suites


def shares_suite(fields: Sequence[str], blocking: bool) -> list[Expectation]:
    """What must hold for the shares of values in a whole run.

    Args:
        fields: closed sets that vary in a usual night.
        blocking: whether a skewed distribution stops the publish; else it only warns.
    """
    return [
        expect.ExpectColumnMaxToBeBetween(
            column="share",
            max_value=MAX_SHARE,
            row_condition=Column("field") == field,
            severity=FailureSeverity.CRITICAL if blocking else FailureSeverity.WARNING,
            meta=_says(f"it must not be that nearly every answer has one {_last_words(field)}"),
        )
        for field in fields
    ]


def _of_a_field(label: str, column: str, info: FieldInfo) -> Iterator[Expectation]:
    is_list = bool(element_fields(column, info))
    if NoneType not in get_args(info.annotation):
        yield _not_null(f"{column}_elements" if is_list else column, label)
    if is_quote(info):
        says = _says(f"{label} must stand in the text word for word")
        yield expect.ExpectColumnValuesToBeInSet(column=f"{column}_in_text", value_set=[True], meta=says)
        return
    if values := closed_values(info.annotation):
        shown = f"one of {', '.join(values)}" if len(values) <= MOST_VALUES else f"one of its {len(values)} values"
        says = _says(f"{label} must be {shown}")
        yield expect.ExpectColumnValuesToBeInSet(column=column, value_set=list(values), meta=says)
    least, most, pattern = (_mark(info, name) for name in ("min_length", "max_length", "pattern"))
    if least or most is not None:
        between = {"min_value": least, "max_value": most}
        if is_list:
            says = _says(f"{label} must {_length(least, most)} elements")
            yield expect.ExpectColumnValuesToBeBetween(column=f"{column}_elements", meta=says, **between)
        else:
            says = _says(f"{label} must {_length(least, most)} characters")
            yield expect.ExpectColumnValueLengthsToBeBetween(column=column, meta=says, **between)
    if pattern:
        says = _says(f"{label} must match {pattern}")
        yield expect.ExpectColumnValuesToMatchRegex(column=column, regex=pattern, meta=says)


def _not_null(column: str, label: str) -> Expectation:
    return expect.ExpectColumnValuesToNotBeNull(column=column, meta=_says(f"{label} must not be null"))


def _says(sentence: str) -> dict[str, Any]:
    return {"says": sentence}


def _last_words(field: str) -> str:
    return field.split(".")[-1].replace("_", " ")


def _mark(info: FieldInfo, name: str) -> Any:
    return next((found for mark in info.metadata if (found := getattr(mark, name, None)) is not None), None)


def _length(least: int | None, most: int | None) -> str:
    if most is None:
        return f"have at least {least}"
    return f"have {least} to {most}" if least else f"have at most {most}"
