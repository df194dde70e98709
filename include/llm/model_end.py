"""When a model ends, and what comes after it: said weeks before, and as the reason once it is gone.

The endpoint's own list of models says it first, then the short table below, then the price list's flag, which has no
date. About names that nobody knows, such as those of Azure's deployments, nothing is said.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from include.llm.endpoint import Endpoint
from include.llm.prices import is_deprecated

log = logging.getLogger(__name__)

# What is good to know is not waited for.
PATIENCE_SECONDS = 5.0
# With fewer days left it stands on the first screen of a report.
SOON_DAYS = 30
# https://developers.openai.com/api/docs/deprecations, read on 29 November 2026. OpenAI's list of models has the days
# too, but no successors, and a model that is gone is not in it.
_OPENAI = "OpenAI's page of deprecations"
_KNOWN = {
    "gpt-4o-2024-05-13": ("2026-10-23", "gpt-5.6-sol"),
    "gpt-4.1-nano": ("2026-10-23", "gpt-5.6-luna"),
    "o3-mini": ("2026-10-23", "gpt-5.6-sol"),
    "o4-mini": ("2026-10-23", "gpt-5.6-terra"),
    "gpt-5": ("2026-12-11", "gpt-6.1-sol"),
    "gpt-5-mini": ("2026-12-11", "gpt-6.1-terra"),
    "gpt-5-nano": ("2026-12-11", "gpt-6-luna"),
    "gpt-4o": ("2027-01-14", "gpt-6-luna"),
    "gpt-4o-mini": ("2027-01-14", "gpt-6-luna"),
    "gpt-4.1": ("2027-01-14", "gpt-6-luna"),
    "gpt-4.1-mini": ("2027-01-14", "gpt-6-luna"),
}
# OpenAI; Mistral; OpenRouter; then those of other gateways and catalogues.
_DAYS = ("shutdown_date", "deprecation", "expiration_date", "deprecation_date", "retirement_date", "sunset_date")
_SUCCESSORS = ("deprecation_replacement_model", "recommended_replacement", "replacement_model", "replacement")


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

    def days_left(self, today: date | None = None) -> int | None:
        """Below 0 once it has ended; None where nobody says when."""
        return None if self.day is None else (date.fromisoformat(self.day) - (today or _today())).days

    def is_soon(self, today: date | None = None) -> bool:
        """Whether people have to do something about it now."""
        left = self.days_left(today)
        return left is not None and left < SOON_DAYS

    def sentence(self, today: date | None = None) -> str:
        """In words, without a full stop."""
        left = self.days_left(today)
        if self.day is None or left is None:
            said = f"{self.model} is marked as deprecated"
        else:
            day = date.fromisoformat(self.day)
            said = f"{self.model} {'ends' if left > 0 else 'ended'} on {day.day} {day:%B %Y}"
        successor = f"; its successor is {self.successor}" if self.successor else ""
        return said + successor


def known_end(model: str, base_url: str) -> ModelEnd | None:
    """What our own table says."""
    if _is_azure(base_url):
        return None
    name = model.lower().rpartition("/")[2]
    # ft:gpt-4.1-mini-2025-04-14:team::id ends with the model below it.
    name = name.split(":")[1] if name.startswith("ft:") else name
    known = _KNOWN.get(name) or _KNOWN.get(re.sub(r"-\d{4}-\d{2}-\d{2}$", "", name))
    return ModelEnd(model, *known, _OPENAI) if known else None


def end_in(found: Mapping[str, Any], model: str, source: str) -> ModelEnd | None:
    """The end in what a models endpoint says: of one model, or of all in a list.

    Args:
        found: the response.
        source: whose it is.
    """
    entries = found.get("data")
    if isinstance(entries, list):
        named = [card for card in entries if isinstance(card, Mapping)]
        mine = (card for card in named if model == card.get("id") or model in (card.get("aliases") or ()))
        found = next(mine, {})
    day = next((day for name in _DAYS if (day := _day(found.get(name))) is not None), None)
    successors = (found.get(name) for name in _SUCCESSORS)
    successor = next((name for name in successors if isinstance(name, str) and name), None)
    return ModelEnd(model, day, successor, source) if day else None


async def model_end(
    endpoint: Endpoint, model: str, get: Callable[[str], Awaitable[Mapping[str, Any] | None]]
) -> ModelEnd | None:
    """When a model ends, if anybody says so. What comes along with `make run` does not end, and nobody is asked.

    Args:
        get: what the endpoint has at a path below its base URL; None: nothing of use, which is no trouble.
    """
    if endpoint.comes_along or _is_azure(endpoint.base_url):
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


def _day(value: Any) -> str | None:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date().isoformat()
        return date.fromisoformat(value[:10]).isoformat() if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _is_azure(base_url: str) -> bool:
    # Deployments have names of their own, and days too.
    return (urlsplit(base_url).hostname or "").endswith(".azure.com")


def _today() -> date:
    return datetime.now(UTC).date()
