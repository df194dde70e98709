"""Take parts out of JSON that somebody else wrote, where any of them may be missing or of another type."""

from typing import Any


def part(value: Any, *names: str) -> Any:
    """The value under these names, one below the other, or numbers in lists; None if there is none."""
    for name in names:
        if isinstance(value, list):
            value = value[int(name)] if name.isdecimal() and int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


def as_list(value: Any) -> list[Any]:
    """A list as it is, nothing as an empty one, and a single value as a list of one, as feeds write it."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
