"""How much a worker asks the store for: what it has used lately, and what waits."""

from include.limits.state import SLICE_SECONDS


class Demand:
    """Of one worker, since it asked last."""

    def __init__(self) -> None:
        self._requests = self._tokens = self._since = 0.0

    def add(self, tokens: float) -> None:
        """A request went, and was charged so much."""
        self._requests += 1
        self._tokens += tokens

    def begin_anew(self, now: float, waiting: int, waiting_tokens: int) -> tuple[dict[str, float], float]:
        """What is wanted by dimension, and the tokens of one request; counting begins anew.

        Args:
            now: by the clock that `begin_anew` was called by before.
            waiting: requests, which take `waiting_tokens` together.
        """
        # As much as was taken lately, and half as much again.
        lately = self._requests / max(now - self._since, 0.01)
        requests = max(waiting, 1.5 * SLICE_SECONDS * lately, 1.0)
        each = self._tokens / self._requests if self._requests else 1.0
        self._requests, self._tokens, self._since = 0.0, 0.0, now
        return {"requests": requests, "tokens": max(float(waiting_tokens), requests * each)}, each
