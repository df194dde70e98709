"""Tokens of a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Role, name and separators that the chat format adds to each message.
TOKENS_PER_MESSAGE = 4


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
class Service:
    """Who answered, and on which terms; null where it is not known.

    Args:
        mode: `online`.
        service_tier: as the response says that it is billed.
        endpoint: host[:port].
        dialect: how the endpoint is spoken to, in short.
    """

    mode: str | None = None
    service_tier: str | None = None
    endpoint: str | None = None
    dialect: str | None = None


def usage_of(response: Mapping[str, Any]) -> Usage:
    """Usage in a chat completion; nonsense (missing, negative, not a number) counts as 0.

    OpenAI's names come first, then those that gateways and other providers give to the same numbers.
    """
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if prompt:
        # Gemini and xAI leave their thinking out of it, but not out of the total nor of the bill.
        completion = max(completion, _count(usage, "total_tokens") - prompt)
    read = usage.get("prompt_tokens_details")
    cached = _count(read, "cached_tokens") or _count(
        usage, "cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens"
    )
    written = _count(read, "cache_write_tokens", "cache_creation_tokens") or _count(
        usage, "cache_creation_input_tokens"
    )
    reasoning = _count(usage.get("completion_tokens_details"), "reasoning_tokens")
    cached = min(cached, prompt)
    return Usage(prompt, cached, completion, min(reasoning, completion), min(written, prompt - cached))


def _count(counts: Any, *names: str) -> int:
    if isinstance(counts, dict):
        for name in names:
            value = counts.get(name)
            # Not isinstance: True is no count.
            if type(value) is int and value > 0:
                return value
    return 0
