"""What a run was for and who answered: a night of a model, or something that must never pass for one."""

from collections.abc import Mapping
from typing import Any

from include.lake.paths import DRY_RUN_SUFFIX, TRIAL_SUFFIX
from include.llm.endpoint import RECORDED_MODEL

# Stands wherever such an answer is shown; the short form where there is no room.
RECORDED = "recorded answers, written by hand for this project; no model was asked"
RECORDED_SHORT = "recorded answers"


def purpose_of(row: Mapping[str, Any]) -> str:
    """`night`, `trial`, `dry_run` or what else stands in a row of `runs/`; rows of older lakes tell by their key."""
    if row.get("purpose"):
        return str(row["purpose"])
    key = row["run_key"] or ""
    return "trial" if key.endswith(TRIAL_SUFFIX) else "dry_run" if key.endswith(DRY_RUN_SUFFIX) else "night"


def is_recorded(row: Mapping[str, Any]) -> bool:
    """Whether a run's answers were replayed, so that they say nothing of any model."""
    return bool(row.get("model") == RECORDED_MODEL)


def mark_of(row: Mapping[str, Any], recorded: str = RECORDED) -> str | None:
    """How a run that is no night of a model is marked wherever it is shown; None for such a night.

    Args:
        recorded: what is said of recorded answers.
    """
    purpose = purpose_of(row)
    mark = purpose.replace("_", " ")
    if purpose == "trial":
        mark = f"trial of {row['prompt_version']} on {row['model']}, not in current/"
    if purpose == "dry_run":
        mark = f"dry run of {row['prompt_version']} on {row['model']}, nothing was asked"
    marks = [*([] if purpose == "night" else [mark]), *([recorded] if is_recorded(row) else [])]
    said = "; ".join(marks)
    return f"{said[0].upper()}{said[1:]}" if said else None
