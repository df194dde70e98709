"""What a response says about what is left of the limit."""

import re
from collections.abc import Mapping

# As OpenAI writes it: 120ms, 1.5s, 6m0s, 1h2m3s.
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def headroom(headers: Mapping[str, str]) -> tuple[int | None, float | None]:
    """Requests that `x-ratelimit-*` leaves, and the seconds until there are more if that is none.

    Args:
        headers: of the response, looked up without regard to case.

    Returns:
        (requests that may still go, or None when nothing sensible is said; seconds to wait, when requests or tokens
        are used up).
    """
    remaining: int | None = None
    wait: float | None = None
    for kind in ("requests", "tokens"):
        left = headers.get(f"x-ratelimit-remaining-{kind}")
        # Some servers send -1 or 0 for everything; a true 0 comes with the limit that it is a part of.
        if left is None or not left.isdigit() or not _is_positive(headers.get(f"x-ratelimit-limit-{kind}")):
            continue
        if kind == "requests":
            remaining = int(left)
        if int(left) == 0:
            wait = max(wait or 0.0, duration_seconds(headers.get(f"x-ratelimit-reset-{kind}")) or 0.0)
    return remaining, wait


def duration_seconds(text: str | None) -> float | None:
    """Seconds of `1.5s`, `6m0s`, `120ms` or a plain number; None when it is something else."""
    if not text:
        return None
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d+)?", text) else None


def _is_positive(text: str | None) -> bool:
    return text is not None and text.isdigit() and int(text) > 0
