"""What a response says about what is left of the limit."""

import email.utils
import re
import time
from collections.abc import Mapping

# A server that asks for more than this is not obeyed to the letter: the run has a deadline of its own.
MAX_RETRY_AFTER_SECONDS = 600.0

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


def retry_after_seconds(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """What `retry-after-ms` or `Retry-After` (seconds or an HTTP date, RFC 9110 section 10.2.3) asks for.

    Args:
        headers: of the response, looked up without regard to case.
        now: Unix time that a date is compared with.

    Returns:
        Seconds between 0 and `MAX_RETRY_AFTER_SECONDS`, or None when the headers say nothing sensible.
    """
    for name, scale in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * scale
        except ValueError:
            try:
                moment = email.utils.parsedate_to_datetime(value)
            except ValueError:
                continue
            seconds = moment.timestamp() - (time.time() if now is None else now)
        if seconds == seconds:  # a server may well send "nan"
            return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
    return None


def _is_positive(text: str | None) -> bool:
    return text is not None and text.isdigit() and int(text) > 0
