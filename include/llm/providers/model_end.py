"""When a model ends, and what comes after it: said weeks before, and as the reason once it is gone.

The endpoint's own list of models says it first, then the short table below, then the price list's flag, which has no
date. About names that nobody knows, such as those of Azure's deployments, nothing is said.
"""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from include.llm.endpoint import Endpoint
from include.llm.prices import is_deprecated
from include.llm.providers.table import provider_at

log = logging.getLogger(__name__)

# What is good to know is not waited for.
PATIENCE_SECONDS = 5.0
# With fewer days left it stands on the first screen of a report.
SOON_DAYS = 30
# https://developers.openai.com/api/docs/deprecations, read on 29 November 2026. OpenAI's list of models has the days
# too, but no successors, and a model that is gone is not in it.
_OPENAI = "OpenAI's page of deprecations"
_KNOWN = {
    "2026-10-23": {"gpt-4o-2024-05-13": "gpt-5.6-sol", "gpt-4.1-nano": "gpt-5.6-luna", "o4-mini": "gpt-5.6-terra"},
    "2026-12-11": {"gpt-5": "gpt-6.1-sol", "gpt-5-mini": "gpt-6.1-terra", "gpt-5-nano": "gpt-6-luna"},
    "2027-01-14": dict.fromkeys(("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini"), "gpt-6-luna"),
}
# OpenAI; Mistral; OpenRouter; then those of other gateways and catalogues.
_DAYS = ("shutdown_date", "deprecation", "expiration_date", "deprecation_date", "retirement_date", "sunset_date")


@dataclass(frozen=True)
class ModelEnd:
    """Of one model.

    Args:
        model: as it is asked for.
        day: ISO date (UTC) from which on it does not answer; None: nobody says.
        successor: that the vendor recommends, if it does.
        source: who says so.
    """

    model: str
    day: str | None
    successor: str | None
    source: str

    def days_left(self, today: date | None = None) -> float:
        """Up to 0 once it has ended; without an end where nobody says when."""
        today = today or datetime.now(UTC).date()
        return (date.fromisoformat(self.day) - today).days if self.day else math.inf

    def sentence(self, today: date | None = None) -> str:
        """In words, without a full stop."""
        said, successor = "is marked as deprecated", f"; its successor is {self.successor}" if self.successor else ""
        if self.day is not None:
            day = date.fromisoformat(self.day)
            said = f"{'ends' if self.days_left(today) > 0 else 'ended'} on {day.day} {day:%B %Y}"
        return f"{self.model} {said}{successor}"


def known_end(model: str, base_url: str) -> ModelEnd | None:
    """What our own table says."""
    name = model.lower().rpartition("/")[2]
    # ft:gpt-4.1-mini-2025-04-14:team::id ends with the model below it.
    name = name.split(":")[1] if name.startswith("ft:") else name
    for known in () if provider_at(base_url).has_deployments else (name, re.sub(r"-\d{4}-\d{2}-\d{2}$", "", name)):
        for day, successors in _KNOWN.items():
            if known in successors:
                return ModelEnd(model, day, successors[known], _OPENAI)
    return None


def end_in(found: Mapping[str, Any], model: str, source: str) -> ModelEnd | None:
    """The end in what a models endpoint says: of one model, or of all in a list.

    Args:
        found: the response.
        source: whose it is.
    """
    cards = found.get("data")
    if isinstance(cards, list):
        found = next((card for card in cards if isinstance(card, Mapping) and card.get("id") == model), {})
    successor = found.get("deprecation_replacement_model")
    for day in (found.get(name) for name in _DAYS):
        with suppress(TypeError, ValueError):
            end = date.fromisoformat(day[:10]).isoformat() if day else None
            if end is not None:
                return ModelEnd(model, end, successor if isinstance(successor, str) else None, source)
    return None


async def model_end(
    endpoint: Endpoint, model: str, get: Callable[[str], Awaitable[Mapping[str, Any] | None]]
) -> ModelEnd | None:
    """When a model ends, if anybody says so. What comes along with `make run` does not end, and nobody is asked.

    Args:
        get: what the endpoint has at a path below its base URL; None: nothing of use, which is no trouble.
    """
    if endpoint.comes_along or provider_at(endpoint.base_url).has_deployments:
        return None
    known, found = known_end(model, endpoint.base_url), None
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await get(f"models/{quote(model, safe='/:')}") or await get("models")
    said = end_in(found or {}, model, f"the list of models of {endpoint.address}")
    if said is not None:
        end: ModelEnd | None = replace(said, successor=said.successor or (known.successor if known else None))
    elif known is None and is_deprecated(model, endpoint.base_url):
        end = ModelEnd(model, None, None, "the prices of genai-prices")
    else:
        end = known
    if end is None:
        log.debug("nobody says when %s ends at %s", model, endpoint.base_url)
    else:
        log.warning("%s (says %s). `make try` compares another one; set NIGHTSHIFT_MODEL.", end.sentence(), end.source)
    return end
