"""Looks up what `table.toml` knows of a model by its name, and of a provider by its host."""

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Family:
    """Models whose names are alike.

    Args:
        pattern: is found in their names.
        effort: the least `reasoning_effort` that they take; None: they do not think unless they are asked to.
        temperature: whether they are asked with one.
    """

    pattern: str = ""
    effort: str | None = None
    temperature: bool = True


@dataclass(frozen=True)
class Provider:
    """Who answers at some hosts.

    Args:
        name: as people know it.
        hosts: patterns with `*`.
        dialect: how its models are asked, by the keys of `NIGHTSHIFT_DIALECT`.
        charges_what_was_asked: whether its limits count the cap on an answer, and not what the answer took.
        key_header: the header that holds the key; None: `Authorization`, as a bearer token.
        has_deployments: whether those are asked for, whose names say nothing of their models.
        path: what stands behind the host in its base URL.
        pages: hosts of its pages for people, where no model is asked.
    """

    name: str = ""
    hosts: tuple[str, ...] = ()
    dialect: Mapping[str, Any] = field(default_factory=dict)
    charges_what_was_asked: bool = False
    key_header: str | None = None
    has_deployments: bool = False
    path: str = ""
    pages: tuple[str, ...] = ()


def family_of(model: str) -> Family:
    """The first row that fits a model's name, else one that says nothing."""
    return next((family for family in _table()[0] if re.search(family.pattern, model)), Family())


def provider_at(base_url: str) -> Provider:
    """The row of a base URL's host, else one that says nothing."""
    host = urlsplit(base_url).hostname or ""
    known = (provider for provider in _table()[1] if any(fnmatch(host, pattern) for pattern in provider.hosts))
    return next(known, Provider())


def with_page(host: str) -> Provider | None:
    """The provider whose page for people a host is."""
    return next((provider for provider in _table()[1] if host in provider.pages), None)


@functools.cache
def _table() -> tuple[list[Family], list[Provider]]:
    rows = tomllib.loads(Path(__file__).with_name("table.toml").read_text(encoding="utf-8"))
    return [Family(**row) for row in rows["family"]], [Provider(**row) for row in rows["provider"]]
