"""What a run was for: a night, or something that must never pass for one."""

from collections.abc import Mapping
from typing import Any

from include.lake.paths import DRY_RUN_SUFFIX, TRIAL_SUFFIX


def purpose_of(row: Mapping[str, Any]) -> str:
    """`night`, `trial`, `dry_run` or what else stands in a row of `runs/`; rows of older lakes tell by their key."""
    if row.get("purpose"):
        return str(row["purpose"])
    key = row["run_key"] or ""
    return "trial" if key.endswith(TRIAL_SUFFIX) else "dry_run" if key.endswith(DRY_RUN_SUFFIX) else "night"


def mark_of(row: Mapping[str, Any]) -> str | None:
    """How a run that is no night is marked wherever it is shown; None for a night."""
    purpose = purpose_of(row)
    if purpose == "night":
        return None
    if purpose == "trial":
        return f"Trial of {row['prompt_version']} on {row['model']}, not in current/"
    if purpose == "dry_run":
        return f"Dry run of {row['prompt_version']} on {row['model']}, nothing was asked"
    return purpose.replace("_", " ").capitalize()
