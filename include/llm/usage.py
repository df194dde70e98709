"""Tokens of a call, what they cost, and what they will cost."""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.errors import ConfigurationError

PRICES_PATH = Path(__file__).with_name("prices.csv")
# Role, name and separators that the chat format adds to each message.
TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them; `cached_tokens` are part of `prompt_tokens`."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True)
class Price:
    """USD for a million tokens of each kind, as published on the day `as_of`."""

    input_usd: float
    cached_input_usd: float
    output_usd: float
    as_of: str

    def cost_usd(self, usage: Usage) -> float:
        """What `usage` costs."""
        fresh = usage.prompt_tokens - usage.cached_tokens
        total = fresh * self.input_usd + usage.cached_tokens * self.cached_input_usd
        return (total + usage.completion_tokens * self.output_usd) / 1_000_000


def load_price(model: str, environ: Mapping[str, str] = os.environ) -> Price | None:
    """The price of a model, or None when the table does not have it: an unknown cost is null, not 0.

    `NIGHTSHIFT_PRICES` names a CSV file with the columns of `prices.csv` whose rows go before the bundled ones.

    Raises:
        ConfigurationError: that file is missing or malformed.
    """
    override = environ.get("NIGHTSHIFT_PRICES")
    for path in (Path(override), PRICES_PATH) if override else (PRICES_PATH,):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    if row["model"] == model:
                        return Price(
                            float(row["input_usd_per_million"]),
                            float(row["cached_input_usd_per_million"]),
                            float(row["output_usd_per_million"]),
                            row["as_of"],
                        )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The price table {path} cannot be read ({error}). NIGHTSHIFT_PRICES names a file with the columns of "
                f"{PRICES_PATH}."
            ) from error
    return None


def cost_usd(price: Price | None, usage: Usage) -> float | None:
    """What `usage` costs, None when the price is unknown."""
    return None if price is None else price.cost_usd(usage)


def usage_of(response: Mapping[str, Any]) -> Usage:
    """Usage in a chat completion; nonsense (missing, negative, not a number) counts as 0."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    prompt = _count(usage.get("prompt_tokens"))
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(prompt, min(cached, prompt), _count(usage.get("completion_tokens")))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
