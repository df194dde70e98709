"""Choices that look random and are a function of a text: the same text is always answered alike."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

# 512 bits are some fifty choices between a few options each; below this many are left, the next block is drawn.
_BLOCK_BYTES = 64
_REFILL_BELOW = 1 << 64


class Choices:
    """A stream of choices seeded by a text.

    Args:
        seed: the text.
        full: prefer something over nothing: no nulls, no empty lists.
    """

    def __init__(self, seed: str, *, full: bool = False) -> None:
        self.full = full
        self._block = seed.encode("utf-8", "surrogatepass")
        self._bits = 0

    def below(self, count: int) -> int:
        """A number from 0 to `count - 1`."""
        if self._bits < _REFILL_BELOW:
            self._block = hashlib.blake2b(self._block, digest_size=_BLOCK_BYTES).digest()
            self._bits = int.from_bytes(self._block, "big")
        self._bits, chosen = divmod(self._bits, count)
        return chosen

    def between(self, lowest: int, highest: int) -> int:
        """A number from `lowest` to `highest`, both included."""
        return lowest + self.below(highest - lowest + 1)

    def one_of(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]
