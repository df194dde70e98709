"""A run at flex: whether it can go so, what it is going to cost, and what it has saved."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from include.lake.effort import USAGE_COLUMNS, Usage
from include.lake.lake_index import run_rows
from include.lake.paths import Lake
from include.llm.estimate import Estimate
from include.llm.prices import Price, usd
from include.llm.providers.service_tier import FLEX, ONLINE
from include.stages.run_context import RunContext

log = logging.getLogger(__name__)

# Of the answers of a night, while no earlier night at flex says how many found no room there.
ASSUMED_STANDARD_SHARE = 0.1
# How busy flex is differs from night to night.
NIGHTS = 8


@dataclass(frozen=True)
class Going:
    """How a run goes, and at which price.

    Args:
        mode: `online` or `flex`.
        price: of the model; None: unknown.
        standard_share: of the answers, expected at the standard tier although flex is asked for.
        no_flex: why it goes online although flex was asked for; None: it was not, or it goes so.
    """

    mode: str
    price: Price | None
    standard_share: float = 0.0
    no_flex: str | None = None

    def online(self, why: str | None) -> "Going":
        """The same without flex.

        Args:
            why: None leaves it as it is.
        """
        if why is None:
            return self
        log.warning("Flex was asked for, and the run goes online: %s", why)
        return replace(self, mode=ONLINE, no_flex=why)

    def cost_usd(self, found: Estimate) -> float | None:
        """What texts are expected to cost without what a prompt cache saves; None when the price is unknown."""
        standard = found.cost_usd(self.price, is_cached=False)
        if standard is None or self.mode != FLEX:
            return standard
        at_flex = found.cost_usd(self.price, is_cached=False, service_tier=FLEX) or 0.0
        expected = at_flex + self.standard_share * (standard - at_flex)
        said = usd(expected), 100 * self.standard_share, usd(standard)
        log.info("at flex about %s, %.0f %% of the answers at the standard tier; if all have to go there, %s", *said)
        return expected

    def __str__(self) -> str:
        price = self.price.tiers.get(FLEX, self.price) if self.price and self.mode == FLEX else self.price
        return str(price or "nobody knows what")


def going(lake: Lake, run: RunContext, price: Price | None) -> Going:
    """How a run begins: as it was asked to, unless nobody lists a price of flex for its model.

    Raises:
        RetryLater: the lake cannot be read.
    """
    if run.mode != FLEX:
        return Going(run.mode, price)
    has_price = price is None or FLEX in price.tiers
    why = (
        f"nobody lists a price of flex for {run.model} ({price}). A row of it with `{FLEX}` in the column service_tier "
        "of the file that NIGHTSHIFT_PRICES names makes it known."
    )
    return Going(FLEX, price, _standard_share(lake, run.pipeline)).online(None if has_price else why)


def _standard_share(lake: Lake, pipeline: str) -> float:
    rows = [row for row in run_rows(lake, pipeline).rows.values() if row.get("mode") == FLEX]
    tiers = Counter[str]()
    for row in sorted(rows, key=lambda row: row["started_at"])[-NIGHTS:]:
        tiers.update(dict(row["service_tier_counts"] or ()))
    return 1 - tiers[FLEX] / tiers.total() if tiers else ASSUMED_STANDARD_SHARE


def saved_usd(price: Price | None, tables: Iterable[pa.Table]) -> float | None:
    """What answers that are billed at flex would have cost more at the standard tier; None: the price is not known.

    Args:
        tables: rows with the columns of `USAGE_COLUMNS`, `service_tier` and `cost_usd`.
    """
    if price is None or FLEX not in price.tiers:
        return None
    # Sums of tokens are not one long prompt.
    here, there = (replace(one, longer=(), tiers={}) for one in (price, price.tiers[FLEX]))
    saved = 0.0
    for table in tables:
        rows = table.filter(pc.equal(table["service_tier"], FLEX))
        used = Usage(*[pc.sum(rows[name]).as_py() or 0 for name in USAGE_COLUMNS])
        saved += here.cost_usd(used) - there.cost_usd(used)
    return saved
