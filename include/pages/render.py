"""Jinja for every page: all text is escaped, no page needs another file, numbers read the same everywhere."""

import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.llm.prices import usd

HERE = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """A page of a template in this folder or beside the code of its pages."""
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> Environment:
    # One, because it keeps what it has compiled: a page takes several templates.
    environment = Environment(
        loader=FileSystemLoader([HERE, HERE.parent / "report"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "usd": usd, "moment": moment}
    return environment


def count(value: Any) -> str:
    """A whole number with its thousands apart."""
    return "–" if value is None else f"{value:,.0f}"


def moment(value: datetime | None) -> str:
    """A time in UTC."""
    return "–" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
