"""How many calls a server takes at once, as all workers know it together.

A server with few slots, such as Ollama on a CPU, lets calls wait in its queue and drops those whose callers have lost
patience; with too many of them nobody is answered any more. By Little's law waits grow with the number in flight once
all slots are taken, and not before. So the number grows by one for each answer that came soon, as TCP's does in slow
start (RFC 5681), stays where a wait is `longest_wait`, and falls beyond it. Where nobody is near the end of his
patience, nobody is held back.
"""

from dataclasses import dataclass

# A cluster begins with so many: the third one waits for two others only.
FIRST_IN_FLIGHT = 3.0
# Of the callers' patience, a wait that is no trouble, and one that is too near its end.
EASY, LONG = 0.25, 0.75
# A server that takes long for a single call is given twice that, and a little more where even one is near the end.
OF_A_CALL_ALONE, LITTLE_MORE = 2.0, 1.1
# What one answer changes at most, and what it does around the number at which calls were overdue.
MORE, LESS, MORE_NEAR_CEILING = 1.0, 0.5, 1 / 64
# Weight of the newest wait of a call that was alone.
NEWEST = 0.25
# So long a worker keeps its part, where there are fewer calls than workers.
TURN_SECONDS = 60.0


def longest_wait(patience_seconds: float, alone_seconds: float) -> float:
    """Seconds that a call may take before there are too many of them.

    Args:
        patience_seconds: after so long a caller gives up.
        alone_seconds: that a call takes while no other is in flight; 0: not known.
    """
    slow = min(OF_A_CALL_ALONE * alone_seconds, LONG * patience_seconds)
    return max(EASY * patience_seconds, slow, LITTLE_MORE * alone_seconds)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one worker has seen of a crowd since it said so last.

    Args:
        more: calls in flight that its answers ask for, or too many where it is negative.
        fit: so many calls would be answered in time even one after the other; 0: not known.
        alone_seconds: of the last call that was in flight alone; 0: there was none.
        overdue_seconds: since the last call was sent that was overdue with all others; None: there was none.
        fewer: calls in flight that fit then.
    """

    more: float = 0.0
    fit: float = 0.0
    alone_seconds: float = 0.0
    overdue_seconds: float | None = None
    fewer: float = 1.0


@dataclass
class Crowd:
    """Of one endpoint and model.

    Args:
        allowed: calls of all workers that may be in flight.
        ceiling: of these when they were overdue last; 0: they never were.
        cut_at: when that was, by the store's clock.
        alone_seconds: that a call takes while no other is in flight; 0: not known.
    """

    allowed: float = FIRST_IN_FLIGHT
    ceiling: float = 0.0
    cut_at: float = 0.0
    alone_seconds: float = 0.0

    def take_in(self, seen: Seen, now: float) -> None:
        """Learn from one worker."""
        if seen.alone_seconds:
            before = self.alone_seconds or seen.alone_seconds
            self.alone_seconds = before + NEWEST * (seen.alone_seconds - before)
        if seen.overdue_seconds is None:
            self.allowed = max(self._grown(seen.more), seen.fit, 1.0)
        # Calls that were sent before the last cut say nothing of what came after it.
        elif now - seen.overdue_seconds >= self.cut_at:
            self.ceiling, self.cut_at = self.allowed, now
            self.allowed = max(min(seen.fewer, self.allowed), 1.0)

    def share(self, names: list[str], holder: str, now: float) -> int:
        """Calls that one of all workers may have in flight; where there are fewer than workers, they take turns."""
        each, left = divmod(int(self.allowed), len(names))
        place = (sorted(names).index(holder) + int(now / TURN_SECONDS)) % len(names)
        return each + (place < left)

    def _grown(self, more: float) -> float:
        below, above = self.ceiling - 1, self.ceiling + 1
        if more <= 0 or not self.ceiling or self.allowed >= above or self.allowed + more < below:
            return self.allowed + more
        quick = max(below - self.allowed, 0.0)
        return self.allowed + quick + MORE_NEAR_CEILING * (more - quick)
