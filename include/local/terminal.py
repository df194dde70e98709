"""Jinja for what `make` commands print: plain words for a terminal."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.llm.prices import usd
from include.pages.render import count


def words(template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any) -> str:
    """What a template of this folder says.

    Args:
        filters: of this template alone.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  it writes for a terminal
    )
    environment.filters |= {"count": count, "usd": usd, **(filters or {})}
    return environment.get_template(template).render(values)
