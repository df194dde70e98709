"""Where the shared state lives: changed by one worker at a time, by the store's own clock."""

import json
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
# A step on a state: (the stored JSON object, the store's clock in seconds) to (what to store, the result). It may be
# called several times, when somebody else was faster; only the last call counts.
Step = Callable[[dict[str, Any], float], tuple[dict[str, Any], T]]

Clock = Callable[[], float]


class StoreAway(Exception):
    """The store does not answer. Workers go on with a fixed share of the limit each."""


class Store(Protocol):
    """State by key, one JSON object each.

    `has_own_clock` says whether the store's clock is another one than this process's `time.monotonic`.
    """

    has_own_clock: bool

    async def update(self, key: str, step: Step[T]) -> T:
        """Change one object in one step that no other worker sees half of.

        Raises:
            StoreAway: it cannot be reached.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections."""
        ...


class MemoryStore:
    """Of one process: what a worker falls back to, and all that a single one needs."""

    has_own_clock = False

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._objects: dict[str, str] = {}
        self._clock = clock

    async def update(self, key: str, step: Step[T]) -> T:
        """See `Store`."""
        changed, result = step(json.loads(self._objects.get(key, "{}")), self._clock())
        self._objects[key] = json.dumps(changed)
        return result

    async def aclose(self) -> None:
        """See `Store`."""
