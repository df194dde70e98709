"""Great Expectations' own page of one validation, made safe to open and to forward."""

import html
import numbers
from typing import Any

# Failing values are customers' words and the model's: the quarantine table has them, a forwarded page must not.
_VALUE_LISTS = (
    "unexpected_list",
    "partial_unexpected_list",
    "partial_unexpected_counts",
    "partial_unexpected_index_list",
    "unexpected_index_list",
    "unexpected_index_query",
)


def data_docs_page(validation: Any) -> str:
    """Render an `ExpectationSuiteValidationResult` as one HTML page.

    Great Expectations does not escape values when it renders, so lists of values are left out and what remains is
    escaped here.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    for outcome in validation.results:
        outcome.result = {name: _safe(value) for name, value in outcome.result.items() if name not in _VALUE_LISTS}
    page: str = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(validation))
    return page


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        # The page renderer refuses numpy's numbers.
        return float(value)
    if isinstance(value, dict):
        return {key: _safe(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(element) for element in value]
    return html.escape(str(value))
