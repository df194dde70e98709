"""The clock of a store, told from this side of a round trip."""

from collections.abc import Callable

from include.limits.store import Clock


class StoreClock:
    """Seconds, by the store's clock as nearly as it is known.

    Args:
        clock: of this process.
        on_change: called with how many seconds another store's clock is ahead of the one before.
    """

    def __init__(self, clock: Clock, on_change: Callable[[float], None]) -> None:
        self.own, self._on_change = clock, on_change
        self._offset, self._error = 0.0, float("inf")

    def now(self) -> float:
        """By the store's clock."""
        return self.own() + self._offset

    def change(self, offset: float) -> None:
        """Another store's clock counts from now on."""
        shift, self._offset, self._error = offset - self._offset, offset, float("inf")
        self._on_change(shift)

    def learn(self, offset: float, error: float) -> None:
        """Take in what a round trip says.

        Args:
            error: seconds that it took.
        """
        # The quickest round trip knows the store's clock best; older ones fade, because clocks drift.
        self._error *= 1.01
        if error <= self._error:
            self._offset, self._error = offset, error
