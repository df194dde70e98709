"""Data Docs: a page of what a suite has found, safe to open and to forward, whole without a network."""

from collections.abc import Sequence
from importlib.metadata import version

from include.pages.render import render
from include.quality.check import Check


def data_docs_page(table: str, checks: Sequence[Check], report: str | None) -> str:
    """The page of one table.

    Args:
        table: name of the frame that was judged.
        report: link to the run's report from one folder above the page.
    """
    return render(
        "data_docs.html.j2",
        table=table,
        checks=sorted(checks, key=lambda check: (check.success, not check.is_critical)),
        held=sum(check.success for check in checks),
        rows=max((check.rows for check in checks if check.rows is not None), default=None),
        report=report,
        version=version("great-expectations"),
    )
