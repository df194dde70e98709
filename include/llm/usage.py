"""Tokens of a call."""

from collections.abc import Mapping
from typing import Any

from include.lake.effort import NOTHING_USED, Usage

# Role, name and separators that the chat format adds to each message.
TOKENS_PER_MESSAGE = 4


def usage_of(response: Mapping[str, Any]) -> Usage:
    """Usage in a chat completion; nonsense (missing, negative, not a number) counts as 0.

    OpenAI's names come first, then those that gateways and other providers give to the same numbers.
    """
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return NOTHING_USED
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
