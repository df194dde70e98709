"""How long the answers to a question are: known only once they are there, and charged for before."""

QUANTILE = 0.9
# Until there is a history, an answer is taken to fill half of its cap.
ASSUMED_SHARE_OF_CAP = 0.5
# A step is this share of the estimate, so that a few dozen answers settle it and one long answer does not upset it.
_STEP = 0.05


class OutputLength:
    """The 90th percentile of the completion tokens so far, estimated by stochastic approximation (Tierney, 1983).

    Args:
        cap: most tokens that an answer may have.
        expected: from earlier runs; None: there are none.
    """

    def __init__(self, cap: int, expected: int | None = None) -> None:
        self._cap = cap
        self._estimate = float(expected or cap * ASSUMED_SHARE_OF_CAP)

    @property
    def expected(self) -> int:
        """Tokens."""
        return min(round(self._estimate), self._cap)

    def learn(self, tokens: int) -> None:
        """Take in one answer."""
        step = _STEP * max(self._estimate, 1.0)
        self._estimate += step * (QUANTILE if tokens > self._estimate else QUANTILE - 1)
