"""What a run may take of the provider and of money."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunLimits:
    """Of a whole run, however many shards it has.

    Args:
        requests_per_minute, tokens_per_minute: that the provider allows; None: not known.
        budget_usd: nobody can keep to it where the price is unknown.
    """

    requests_per_minute: float | None
    tokens_per_minute: float | None
    budget_usd: float
