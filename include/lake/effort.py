"""What an answer took, and who gave it: the values, their sums and their columns in the lake."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any


# Without slots, as `Service` is: in a line of the ledger orjson writes it four times as fast.
@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them.

    Args:
        cached_tokens, cache_write_tokens: parts of `prompt_tokens`, read from the provider's cache and kept in it.
        reasoning_tokens: part of `completion_tokens`.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def total(self) -> int:
        """Tokens of both kinds."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        if self is NOTHING_USED:
            return other
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )


# What most sums begin with.
NOTHING_USED = Usage()


@dataclass(frozen=True, slots=True)
class Effort:
    """What one or more answers took, over all their steps, attempts and re-asks.

    Args:
        cost_usd: None when the price is unknown, and then so is every sum with it.
        attempts: times that the model was asked, re-asks included.
        requests, retries, rate_limited: calls that reached the provider, of these repeated ones, and 429s.
    """

    usage: Usage = NOTHING_USED
    cost_usd: float | None = 0.0
    attempts: int = 0
    latency_ms: int = 0
    requests: int = 0
    retries: int = 0
    rate_limited: int = 0

    def __add__(self, other: "Effort") -> "Effort":
        if self is NO_EFFORT:
            return other
        return Effort(
            self.usage + other.usage,
            None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd,
            self.attempts + other.attempts,
            self.latency_ms + other.latency_ms,
            self.requests + other.requests,
            self.retries + other.retries,
            self.rate_limited + other.rate_limited,
        )

    def columns(self) -> dict[str, Any]:
        """As columns of a row; a table takes those that it has."""
        return dict(zip(EFFORT_COLUMNS, _effort_values(self), strict=True))

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Effort":
        """Effort in a row of any table; a count that is missing or null is 0, a cost that is null is unknown."""
        usage = Usage(*[row.get(name) or 0 for name in USAGE_COLUMNS])
        return cls(usage, row.get("cost_usd", 0.0), *[row.get(name) or 0 for name in COUNT_COLUMNS])


NO_EFFORT = Effort()


@dataclass(frozen=True)
class Service:
    """Who answered, and on which terms; null where it is not known.

    Args:
        mode: `online` or `flex`.
        service_tier: as the response says that it is billed.
        endpoint: host[:port].
        dialect: how the endpoint is spoken to, in short.
    """

    mode: str | None = None
    service_tier: str | None = None
    endpoint: str | None = None
    dialect: str | None = None

    def columns(self) -> dict[str, str | None]:
        """As columns of a row."""
        return dict(zip(SERVICE_COLUMNS, _service_values(self), strict=True))

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Service":
        """Service in a row of any table; older ones do not have all columns."""
        return cls(*[row.get(name) for name in SERVICE_COLUMNS])


UNKNOWN_SERVICE = Service()

USAGE_COLUMNS = tuple(field.name for field in fields(Usage))
# Whole numbers, as those of the usage are; the cost is none.
COUNT_COLUMNS = tuple(field.name for field in fields(Effort) if field.name not in ("usage", "cost_usd"))
EFFORT_COLUMNS = (*USAGE_COLUMNS, "cost_usd", *COUNT_COLUMNS)
SERVICE_COLUMNS = tuple(field.name for field in fields(Service))
_effort_values = attrgetter(*(f"usage.{name}" for name in USAGE_COLUMNS), "cost_usd", *COUNT_COLUMNS)
_service_values = attrgetter(*SERVICE_COLUMNS)
