"""At which tier each call of a flex night is sent: at flex while that has room, else at the standard one."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from include.errors import EndpointUnusable
from include.llm.call_meter import LastMinute
from include.llm.completion import Completion
from include.llm.endpoint import Endpoint
from include.llm.providers.error_body import error_in
from include.llm.providers.provider_errors import (
    FORBIDDEN,
    INVALID_REQUEST,
    PAYMENT_REQUIRED,
    Failure,
    Refused,
    Unusable,
)
from include.llm.providers.service_tier import FLEX, FLEX_TIMEOUT_SECONDS, STANDARD

log = logging.getLogger(__name__)

# Fewer refusals in a minute say nothing about how busy flex is.
FEWEST_REFUSALS = 20
# "Invalid service_tier argument", "flex is not available for this model", "does not support flex".
_NAMES_TIER = re.compile(
    r"service[_ -]?tier|\bflex\b[^.]*(support|availab|enabled|tier|processing)|support\w* flex\b", re.IGNORECASE
)
_MAY_BE_OF_TIER = frozenset({INVALID_REQUEST, FORBIDDEN, PAYMENT_REQUIRED})


@dataclass(frozen=True)
class FlexPatience:
    """When a record that flex has no room for is asked at the standard tier, at its price.

    Args:
        seconds: after so long.
        refused_share: at once while so large a share of the last minute's calls at flex is refused, from 0 to 1.
    """

    seconds: float
    refused_share: float


class Flex:
    """Of one shard. A record that is refused waits, and others go in its place; each is asked at flex first.

    So while nearly all is refused a record takes one call at flex, which costs nothing, and one at the standard tier;
    and flex is used again as soon as it has room.

    Args:
        patience: with refusals.
        clock: seconds, for tests.
    """

    def __init__(self, patience: FlexPatience, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._refused, self._taken = LastMinute(clock), LastMinute(clock)
        # Tiers that the endpoint does not know; an endpoint may know none of OpenAI's names.
        self._unknown: set[str] = set()

    def tier(self, refused_since: float | None) -> str | None:
        """Where the next call of a record goes; None: the account's default.

        Args:
            refused_since: when its first call at flex was sent that was refused; None: none was.
        """
        tier = STANDARD if FLEX in self._unknown or self._is_over(refused_since) else FLEX
        return None if tier in self._unknown else tier

    def _is_over(self, refused_since: float | None) -> bool:
        if refused_since is None:
            return False
        refused, least = self._refused.count, self._patience.refused_share
        is_busy = refused >= FEWEST_REFUSALS and refused >= least * (refused + self._taken.count)
        return is_busy or self._clock() - refused_since >= self._patience.seconds

    def took(self, tier: str | None) -> None:
        """A call was answered."""
        if tier == FLEX:
            self._taken.add()

    def refused(self) -> None:
        """A call found no room at flex."""
        self._refused.add()

    def learn(self, refused: Refused, tier: str | None) -> bool:
        """Whether a call was refused for its tier, which is not asked for any more; the call is worth repeating."""
        if tier is None or not names_tier(refused):
            return False
        if tier not in self._unknown:
            self._unknown.add(tier)
            log.warning("The endpoint takes no service_tier %s any more: %s", tier, refused.message)
        return True


def why_no_flex(came: Completion | Failure | Exception) -> str | None:
    """Why a run cannot go at flex, by what came of its first question, which was asked so; None: it can."""
    if isinstance(came, Refused | EndpointUnusable) and names_tier(came):
        return str(came)
    billed = came.service_tier if isinstance(came, Completion | Unusable) else None
    return None if billed in (None, FLEX) else f"The first question was asked at {FLEX} and is billed at {billed}"


def patient(endpoint: Endpoint) -> Endpoint:
    """An endpoint whose calls may take as long as those at flex do."""
    return replace(endpoint, timeout_seconds=max(endpoint.timeout_seconds, FLEX_TIMEOUT_SECONDS))


def names_tier(refused: Refused | EndpointUnusable) -> bool:
    """Whether an endpoint refuses a request for its `service_tier`: in `param`, or only in its message."""
    if isinstance(refused, EndpointUnusable):
        return bool(_NAMES_TIER.search(str(refused)))
    said = f"{error_in(refused.raw).get('param') or ''} {refused.message}"
    return refused.error_type in _MAY_BE_OF_TIER and bool(_NAMES_TIER.search(said))
