"""The slots that a worker holds: leased, spent in order, lost when their time has passed."""

from collections import deque
from collections.abc import Mapping

from include.limits.state import SLICE_SECONDS, SlotRange

# How late a slot may be used while others wait for theirs: what is late arrives together with what is on time. Of a
# second MARGIN (in limiter.py) leaves 20 ms free, and the way to the provider is uneven too.
LATE_SECONDS = 0.012
_ALMOST_NOTHING = 1e-6
# More is leased when so much of the last lease is left.
LOW = 0.4


class Slots:
    """Slots of all limited dimensions."""

    def __init__(self) -> None:
        self._held: dict[str, deque[tuple[SlotRange, float]]] = {}
        self._leased: dict[str, float] = {}
        # What the last request took beyond the slots that were there; the next lease pays for it first.
        self._owed: dict[str, float] = {}

    def add(self, ranges: Mapping[str, SlotRange], is_at_limit: bool) -> None:
        """Take a lease in."""
        late = LATE_SECONDS if is_at_limit else SLICE_SECONDS
        for name in [name for name in self._held if name not in ranges]:
            del self._held[name]
        self._leased = {name: slot_range.amount for name, slot_range in ranges.items()}
        for name, slot_range in ranges.items():
            paid = min(self._owed.pop(name, 0.0), slot_range.amount)
            self._held.setdefault(name, deque()).append((slot_range.without(paid), late))

    def clear(self) -> None:
        """Lose them all."""
        for held in self._held.values():
            held.clear()

    def next_at(self, now: float) -> float | None:
        """When a request may go, at the earliest; None when there are no slots.

        As in GCRA a request goes at its first slot. Where those that are left do not suffice for the whole of it, the
        next lease pays for the rest.
        """
        at = now
        for held in self._held.values():
            self._drop_late(held, now)
            if not held:
                return None
            at = max(at, held[0][0].start)
        return at

    def take(self, weights: Mapping[str, float]) -> None:
        """Spend the slots of the request that `next_at` was asked about."""
        for name, held in self._held.items():
            left = weights[name]
            while left > _ALMOST_NOTHING and held:
                slot_range, late = held.popleft()
                used = min(left, slot_range.amount)
                left -= used
                if slot_range.amount - used > _ALMOST_NOTHING:
                    held.appendleft((slot_range.without(used), late))
            if left > _ALMOST_NOTHING:
                self._owed[name] = self._owed.get(name, 0.0) + left

    @property
    def are_low(self) -> bool:
        """Whether it is time to lease more."""
        for name, held in self._held.items():
            enough = LOW * self._leased[name]
            # Mostly the first range is enough.
            if (not held or held[0][0].amount <= enough) and sum(slot_range.amount for slot_range, _ in held) <= enough:
                return True
        return False

    @staticmethod
    def _drop_late(held: deque[tuple[SlotRange, float]], now: float) -> None:
        while held:
            slot_range, late = held[0]
            if slot_range.amount <= _ALMOST_NOTHING:
                held.popleft()
                continue
            missed = (now - late - slot_range.start) * slot_range.per_second
            if missed <= 0:
                return
            held.popleft()
            # A slot is lost as a whole.
            missed = float(int(missed) + 1)
            if slot_range.amount - missed > _ALMOST_NOTHING:
                held.appendleft((slot_range.without(missed), late))
