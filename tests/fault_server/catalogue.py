"""All faults by name."""

from collections.abc import Mapping
from typing import Any

from tests.fault_server import (
    answer_faults,
    body_faults,
    status_faults,
    text_faults,
    tier_faults,
    transport_faults,
    wrapped_faults,
)
from tests.fault_server.faults import Fault

_GROUPS = (
    *(status_faults.fault, transport_faults.fault, body_faults.fault, answer_faults.fault, wrapped_faults.fault),
    *(text_faults.fault, tier_faults.fault),
)
CATALOGUE: dict[str, Fault] = {fault.name: fault for group in _GROUPS for fault in group.faults}


def find(name: str, settings: Mapping[str, Any] | None = None) -> Fault:
    """The fault of that name.

    Args:
        name: see `CATALOGUE`.
        settings: checked against those that the fault has.

    Raises:
        ValueError: there is no such fault or setting, or its value is of another kind; the message says what there is.
    """
    fault = CATALOGUE.get(name)
    if fault is None:
        raise ValueError(f"There is no fault {name!r}. There are: {', '.join(CATALOGUE)}.")
    known = fault.settings
    for setting, value in (settings or {}).items():
        if setting not in known:
            raise ValueError(f"The fault {name!r} has no setting {setting!r}. It has: {', '.join(known) or 'none'}.")
        if isinstance(value, str) != isinstance(known[setting], str):
            raise ValueError(
                f"The setting {setting!r} of the fault {name!r} is like {known[setting]!r}, not {value!r}."
            )
    return fault


def markdown_table() -> str:
    """The catalogue as it stands in the README."""
    rows = ["| fault | what happens | settings |", "| --- | --- | --- |"]
    for fault in CATALOGUE.values():
        settings = ", ".join(f"`{name}={default}`" for name, default in fault.settings.items())
        rows.append(f"| `{fault.name}` | {fault.description} | {settings} |")
    return "\n".join(rows)
