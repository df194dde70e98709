"""What a model costs: the person's own table, else the dated prices of the package genai-prices.

The package is asked once a run, by `plan`; what it says goes into the plan as plain numbers, because its tables take
20 MB and a second to load, and a cost is computed for every answer.
"""

import csv
import functools
import importlib.metadata
import ipaddress
import math
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from include.errors import ConfigurationError
from include.lake.effort import Usage

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

OWN_TABLE_COLUMNS = "model,input_usd_per_million,cached_input_usd_per_million,output_usd_per_million,as_of"
# A row with a value in it is the price of that tier.
TIER_COLUMN = "service_tier"
NIGHTS_A_MONTH = 30
# Nobody serves these but OpenAI, Anthropic and Google, so they cost even where a private gateway passes them on. All
# others may run on the machine that is asked.
_SOLD_BY_VENDOR = re.compile(r"^(ft:)?(gpt-\d|chatgpt-|o\d(-|$)|claude|gemini)")
# us.anthropic.claude-..., as Amazon Bedrock has it.
_VENDOR = re.compile(r"^(.*\.)?(anthropic|openai|google)\.")


@dataclass(frozen=True)
class Price:
    """USD for a million tokens of each kind.

    Args:
        as_of: where they come from.
        cache_write_usd: of prompt tokens that the provider keeps; None: as `input_usd`.
        longer: prices of requests with more prompt tokens than a number, the smallest number first.
        tiers: prices by the service tier that an answer is billed on, where they differ. An answer that names none, or
            one that nobody lists, costs this price: which tier was asked for does not tell.
    """

    input_usd: float
    cached_input_usd: float
    output_usd: float
    as_of: str
    cache_write_usd: float | None = None
    longer: tuple[tuple[int, "Price"], ...] = ()
    tiers: Mapping[str, "Price"] = field(default_factory=dict)

    def cost_usd(self, usage: Usage, service_tier: str | None = None) -> float:
        """What one request with this usage costs."""
        price = self.tiers.get(service_tier, self) if service_tier is not None else self
        for tokens, dearer in price.longer:
            if usage.prompt_tokens > tokens:
                price = dearer
        write_usd = price.input_usd if price.cache_write_usd is None else price.cache_write_usd
        fresh = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens
        total = fresh * price.input_usd + usage.cached_tokens * price.cached_input_usd
        total += usage.cache_write_tokens * write_usd + usage.completion_tokens * price.output_usd
        return total / 1_000_000

    def dearest_by(self, service_tier: str) -> float:
        """How many times as much as on a tier a call may cost at most that is billed at this price instead."""
        # A token of each kind.
        kinds = Usage(1), Usage(1, 1), Usage(1, 0, 0, 0, 1), Usage(0, 0, 1)
        return max(1.0, *(self.cost_usd(one) / there for one in kinds if (there := self.cost_usd(one, service_tier))))

    def __str__(self) -> str:
        rates = f"{self.input_usd:g} USD in, {self.cached_input_usd:g} from the cache, {self.output_usd:g} out"
        return f"{rates} for a million tokens ({self.as_of})"


def cost_usd(price: Price | None, usage: Usage, service_tier: str | None = None) -> float | None:
    """What one request with this usage costs, None when the price is unknown."""
    return None if price is None else price.cost_usd(usage, service_tier)


def check_budget(price: Price | None, model: str, budget_usd: float) -> None:
    """Refuse to ask for money that nobody can count.

    Args:
        budget_usd: that a person has set.

    Raises:
        ConfigurationError: the price is unknown.
    """
    if price is None:
        raise ConfigurationError(
            f"The price of {model} is unknown, so the budget of {usd(budget_usd)} cannot be kept. Nothing was asked. "
            f"Name a CSV file with its price in NIGHTSHIFT_PRICES (columns {OWN_TABLE_COLUMNS}), choose another model, "
            "or take the budget away (the form's budget_usd, or NIGHTSHIFT_BUDGET_USD)."
        )


def usd(value: float | None) -> str:
    """Money for people: two decimals, or as many as it takes to show two digits that are not 0."""
    if value is None:
        return "unknown"
    small = 0 < abs(value) < 1
    return f"{value:.{max(2, 1 - math.floor(math.log10(abs(value)))) if small else 2}f} USD"


def load_price(model: str, base_url: str, environ: Mapping[str, str] = os.environ) -> Price | None:
    """The price of a model at an endpoint, or None when nobody knows it: an unknown cost is null, not 0.

    The endpoint's own price list counts if it is a known provider, else that of the vendor whom the name tells. What
    has no price and runs on this machine or in a private network costs nothing.

    Args:
        environ: `NIGHTSHIFT_PRICES` names a CSV file with the columns `OWN_TABLE_COLUMNS`, and
            `cache_write_usd_per_million` and `service_tier` if it likes, that goes before all else.

    Raises:
        ConfigurationError: that file is missing or malformed.
    """
    own = environ.get("NIGHTSHIFT_PRICES")
    price = _own_price(Path(own), model) if own else None
    if price is not None:
        return price
    is_sold = _SOLD_BY_VENDOR.match(_VENDOR.sub("", model.lower().rpartition("/")[2]))
    if not is_sold and _is_private(base_url):
        return _FREE
    return _listed_price(model, base_url) or (_FREE if _is_private(base_url) else None)


_FREE = Price(0.0, 0.0, 0.0, "runs on a private address")


def _own_price(path: Path, model: str) -> Price | None:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        for name in (model, model.rpartition("/")[2]):
            by_tier = {row.get(TIER_COLUMN) or "": _price_in(row) for row in rows if row["model"] == name}
            if price := by_tier.pop("", None):
                return replace(price, tiers=by_tier)
        return None
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise ConfigurationError(
            f"The price table {path} cannot be read ({error}). NIGHTSHIFT_PRICES names a CSV file with the columns "
            f"{OWN_TABLE_COLUMNS}."
        ) from error


def _price_in(row: Mapping[str, str]) -> Price:
    fresh, cached, output = (float(row[f"{kind}_usd_per_million"]) for kind in ("input", "cached_input", "output"))
    written = float(row.get("cache_write_usd_per_million") or fresh)
    if not all(0 <= rate < math.inf for rate in (fresh, cached, output, written)):
        raise ValueError(f"a price of {row['model']} is no positive number")
    return Price(fresh, cached, output, row["as_of"], written)


def _listed_price(model: str, base_url: str) -> Price | None:
    now = datetime.now(UTC)
    for found in _matches(model.lower(), base_url):
        price = _price_of(found.get_prices(now))
        if price is not None:
            tiers = {
                variant.when["service_tier"]: _price_of(found.get_prices(now, variant.when)) or price
                for variant in found.price_variants or ()
                if list(variant.when) == ["service_tier"]
            }
            return replace(price, tiers=tiers)
    return None


def is_deprecated(model: str, base_url: str) -> bool:
    """Whether the price list of the very provider that is asked marks a model as one that ends."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, found = get_snapshot().find_provider_model(model.lower(), None, None, base_url)
    except LookupError:
        return False
    return bool(found.deprecated)


def _matches(model: str, base_url: str) -> Iterator["ModelInfo"]:
    """Entries of the price lists that may be meant, the likeliest first."""
    from genai_prices.data_snapshot import get_snapshot

    parts = model.split("/")
    plain = _VENDOR.sub("", parts[-1])
    wanted: list[tuple[str | None, str | None, str]] = [(None, base_url, model), (None, base_url, parts[-1])]
    wanted += [(parts[place], None, "/".join(parts[place + 1 :])) for place in range(len(parts) - 1)]
    # ft:gpt-4.1-mini-2025-04-14:team::id
    wanted += [("openai", None, plain), (None, None, plain.split(":")[1])] if plain.startswith("ft:") else []
    wanted.append((None, None, plain))
    snapshot = get_snapshot()
    for provider, url, name in wanted:
        try:
            yield snapshot.find_provider_model(name, None, provider, url)[1]
        except LookupError:
            continue


def _price_of(prices: "ModelPrice") -> Price | None:
    if prices.input_mtok is None or prices.output_mtok is None:
        return None
    cache = (prices.cache_read_mtok, prices.cache_write_mtok)
    read, written = (prices.input_mtok if rate is None else rate for rate in cache)
    rates = (prices.input_mtok, read, prices.output_mtok, written)
    starts = {tier.start for rate in rates for tier in getattr(rate, "tiers", ())}
    as_of = f"genai-prices {importlib.metadata.version('genai-prices')}"

    def beyond(tokens: int) -> Price:
        fresh, cached, output, kept = (_rate(rate, tokens) for rate in rates)
        return Price(fresh, cached, output, as_of, kept)

    return replace(beyond(-1), longer=tuple((start, beyond(start)) for start in sorted(starts)))


def _rate(rate: "Decimal | TieredPrices", tokens: int) -> float:
    tiers = [tier.price for tier in getattr(rate, "tiers", ()) if tier.start <= tokens]
    base: Any = getattr(rate, "base", rate)
    return float(tiers[-1] if tiers else base)


@functools.cache
def _is_private(base_url: str) -> bool:
    try:
        found = socket.getaddrinfo(urlsplit(base_url).hostname, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return not any(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in found)
