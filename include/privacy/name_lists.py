"""Lists of names; see `names/` and the README for where they come from."""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "names"


@cache
def given_names() -> frozenset[str]:
    """Given names that are hardly anything else in the languages of the lists, as they are written."""
    return _read("given")


@cache
def ambiguous_given_names() -> frozenset[str]:
    """Given names that are words, places or brands too, such as Mark, Paris and Mercedes."""
    return _read("ambiguous_given")


@cache
def surnames() -> frozenset[str]:
    """Family names that are hardly anything else."""
    return _read("surnames")


def is_in_a_list(word: str) -> bool:
    """Whether a word is a given name or a family name, be it something else as well."""
    return word in given_names() or word in ambiguous_given_names() or word in surnames()


def _read(name: str) -> frozenset[str]:
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
