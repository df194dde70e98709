"""What a request is charged before anybody knows what it takes: its estimate, put right by those that came back."""


class TokenCredit:
    """Of one worker.

    Attributes:
        largest: tokens that one request was charged at most.
    """

    def __init__(self) -> None:
        # Tokens that were estimated beyond what was used, less those that later requests were charged less for.
        self._credit = 0.0
        self.largest = 0.0

    def settle(self, estimated: int, used: int) -> None:
        """A request has come back."""
        self._credit += estimated - used

    def charge(self, tokens: int) -> float:
        """Charge a request that goes now; returns what it is charged."""
        charge = self.price(tokens)
        self._credit -= self._correction(tokens)
        self.largest = max(self.largest, charge)
        return charge

    def price(self, tokens: int) -> float:
        """What a request would be charged now."""
        return max(tokens - self._correction(tokens), 1.0)

    def _correction(self, tokens: int) -> float:
        # Paid back over several requests, so that one wrong guess neither lets many go at once nor stops them.
        return min(max(self._credit, -3.0 * tokens), 0.8 * tokens)
